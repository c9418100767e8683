"""The race on Home: all four cell types learn to recall, live, on this machine."""

from __future__ import annotations

import streamlit as st

from rnnviz.app import navigation, page, sidebar, state, training_caches
from rnnviz.app.live import live
from rnnviz.figures import duel as figures
from rnnviz.figures.style import cell_name
from rnnviz.jobs import race
from rnnviz.jobs.race import Race
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.recall_group import half_life

NAMES = {kind: cell_name(kind) for kind in RNN_TYPES}


def show() -> None:
    """Settings, start, and the race that this session began last, redrawn while it runs."""
    st.caption(
        f"Predict first: who learns it within {race.STEPS} steps? An untrained gate keeps half "
        "for so many letters as its bias allows; compare that with the distance, then start."
    )
    _controls()
    if (now := _race()) is not None:
        live(lambda: now.active, lambda: _show(now))


def _race() -> Race | None:
    return st.session_state.get(state.RACE)


def _controls() -> None:
    session = st.session_state
    distance, bias, start = st.columns([3, 3, 2], vertical_alignment="bottom")
    distance.slider("Distance, letters", 5, 100, 30, 5, key=state.RACE_DISTANCE, **state.KEEP)
    bias.slider(
        "Forget bias before training", -1.0, 6.0, 4.0, 0.5, key=state.RACE_BIAS, **state.KEEP
    )
    now = _race()
    start.button(
        "Start the race",
        key=state.RACE_START,
        type="primary",
        width="stretch",
        on_click=_start,
        disabled=now is not None and now.active,
    )
    half = half_life(session[state.RACE_BIAS])
    st.markdown(
        f"An untrained gate keeps half for **{half:.3g}** letters: ln 2 / −ln σ(b). "
        f"The distance is **{session[state.RACE_DISTANCE]}**. An RNN has no such gate."
    )


def _start() -> None:
    session = st.session_state
    begun = Race(session[state.RACE_DISTANCE], session[state.RACE_BIAS])
    session[state.RACE] = training_caches.jobs().add(begun)


def _show(now: Race) -> None:
    if now.state == "waiting":
        st.caption("Waits in line: it begins when the training before it ends.")
    lanes = {
        plan.model["rnn_type"]: ([r.seconds for r in records], [r.loss for r in records])
        for plan, records in zip(now.plans, (list(p.records) for p in now.progress), strict=True)
    }
    dark = page.is_dark()
    page.chart(figures.race(lanes, race.GUESSING, race.LEARNED, dark), state.RACE_FIGURE)
    if now.active:
        done = race.share_done(now)
        st.progress(done, f"{done:.0%} of at most {race.STEPS} steps each")
        st.button("Stop the race", key=state.RACE_STOP, on_click=now.stop, disabled=now.stopping)
        return
    if now.message:
        st.error(page.plain(now.message))
    st.markdown(f"**{race.verdict(now, NAMES)}**")
    if not now.kept and now.runs:
        st.button("Keep these models", key=state.RACE_KEEP, on_click=_keep, args=(now,))
    elif now.kept and st.button("See their gates", key=state.RACE_KEEP):
        sidebar.show_on(navigation.GATES, now.kept)


def _keep(now: Race) -> None:
    with page.sentences():
        now.keep()
