"""The memory duel of Home: a letter, so many others, the cue; who still knows the letter?"""

from __future__ import annotations

import random
from typing import NamedTuple

import streamlit as st

from rnnviz.analysis import duel
from rnnviz.analysis.duel import GUESSING, Duel
from rnnviz.analysis.two_products import PAIR
from rnnviz.app import page, recall_caches, state
from rnnviz.app.address import Field, flag, is_open, one_of
from rnnviz.app.state import KEEP
from rnnviz.data.made import CUE, SYMBOLS, recall_question
from rnnviz.figures import duel as figures
from rnnviz.figures.style import cell_name
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.info import RunError
from rnnviz.runs.recall_group import (
    DELAYS,
    SHORT,
    bias_of,
    half_life,
    model_name,
    read_results,
    seeds_that_learned,
)

USUAL_LETTER, USUAL_DISTANCE = "C", 30


def nearest(text: str) -> int:
    """The distance of a link: the nearest at which models were trained. Raises ValueError."""
    distance = int(text)
    return min(DELAYS, key=lambda delay: abs(delay - distance))


FIELDS = (
    Field("letter", state.DUEL_LETTER, one_of(SYMBOLS), USUAL_LETTER),
    Field("distance", state.DUEL_DISTANCE, nearest, USUAL_DISTANCE),
    Field("pytorch_bias", state.DUEL_PYTORCH_BIAS, flag, False),
    is_open(state.DUEL_TWIST, "twist"),
    is_open(state.DUEL_RACE, "race"),
)


class Asked(NamedTuple):
    """What the models read: a letter, `distance` fillers, the cue."""

    letter: str
    distance: int
    text: str


def show() -> None:
    """The duel and its twist; one sentence where models of it are missing or damaged."""
    try:
        _show()
        twist = "The twist: a tanh RNN that learned short distances"
        with st.expander(twist, key=state.DUEL_TWIST, on_change="rerun"):
            if st.session_state[state.DUEL_TWIST]:
                _show_twist()
    except FileNotFoundError as error:
        st.error(f"{page.plain(str(error.filename))} is not there: it ships with rnnviz.")
    except RunError as error:
        st.error(f"{page.plain(str(error))}.")


def _show() -> None:
    """Letter, distance and cue, the answers, and what was learned over which distance."""
    session = st.session_state
    if state.DUEL_ASKED not in session:
        _ask()
    _controls()
    letter, now = session[state.DUEL_LETTER], session[state.DUEL_DISTANCE]
    shown: Asked = session[state.DUEL_ASKED]
    is_asked = (shown.letter, shown.distance) == (letter, now)
    if not is_asked:  # another letter or distance since
        shown = _text(letter, now)
    st.code(shown.text if is_asked else shown.text[:-1], language=None, wrap_lines=True)
    usual_bias = not session[state.DUEL_PYTORCH_BIAS]
    models = {kind: recall_caches.model(now, kind, usual_bias) for kind in RNN_TYPES}
    left, right = st.columns(2)
    found = {kind: recall_caches.answer(info, shown.text) for kind, info in models.items()}
    dark = page.is_dark()
    answers = figures.answers(found if is_asked else {}, SYMBOLS, shown.letter, GUESSING, dark)
    page.chart(answers, state.DUEL_ANSWERS, left)
    results = duels(usual_bias)
    learned = {one.rnn_type: one.right for one in results}
    page.chart(figures.learned(learned, now, GUESSING, dark), state.DUEL_LEARNED, right)
    names = {kind: cell_name(kind) for kind in RNN_TYPES}
    st.markdown(f"**{duel.verdict(results, names)}** {_about_bias()}")
    st.caption(_over_seeds(now, usual_bias))


def _controls() -> None:
    letter, distance, press, bias = st.columns([1, 3, 1.2, 2], vertical_alignment="bottom")
    letter.selectbox("Letter", list(SYMBOLS), key=state.DUEL_LETTER, **KEEP)
    distance.select_slider(
        "Distance: letters between it and the cue", DELAYS, key=state.DUEL_DISTANCE, **KEEP
    )
    press.button(
        f"Cue: {CUE}", key=state.DUEL_PRESS, type="primary", width="stretch", on_click=_ask
    )
    bias.toggle(
        "Gates start as PyTorch's",
        key=state.DUEL_PYTORCH_BIAS,
        **KEEP,
        help="The bias of the gate that keeps, before training: of the LSTM's forget gate and the "
        "GRU's update gate. Off: large enough that an untrained gate keeps half over the distance.",
    )


def _ask() -> None:
    session = st.session_state
    letter, distance = session[state.DUEL_LETTER], session[state.DUEL_DISTANCE]
    session[state.DUEL_NUMBER] = session.get(state.DUEL_NUMBER, 0) + 1
    session[state.DUEL_ASKED] = _text(letter, distance)


def _text(letter: str, distance: int) -> Asked:
    """The next item of this session: other fillers at each press."""
    rng = random.Random(st.session_state.get(state.DUEL_NUMBER, 0))
    return Asked(letter, distance, recall_question(rng, letter, distance))


def duels(usual_bias: bool) -> list[Duel]:
    """What each cell type learned over which distance."""
    return [
        Duel(
            kind,
            {d: recall_caches.right(recall_caches.model(d, kind, usual_bias), d) for d in DELAYS},
        )
        for kind in RNN_TYPES
    ]


def _over_seeds(distance: int, usual_bias: bool) -> str:
    """Whether what one model shows is luck: in how many trainings a distance was learned."""
    results = read_results()
    models = {kind: model_name(distance, kind, usual_bias) for kind in RNN_TYPES}
    counts = (f"{cell_name(kind)} {seeds_that_learned(results, models[kind])}" for kind in models)
    return (
        "Each point is one training. Trained again from other random weights, so many learned "
        f"{distance} letters: {', '.join(counts)}."
    )


def _about_bias() -> str:
    distance = st.session_state[state.DUEL_DISTANCE]
    bias = 0 if st.session_state[state.DUEL_PYTORCH_BIAS] else bias_of(distance)
    half = half_life(bias)
    return (
        f"Before training, the LSTM's forget gate keeps half for {half:.3g} "
        f"{'letter' if half == 1 else 'letters'} (a bias of about {bias}); the distance is "
        f"{distance}."
    )


def _show_twist() -> None:
    """Models that learned over 1 to 10, asked at longer distances; and their gradient."""
    models = {kind: recall_caches.model(SHORT, kind) for kind in RNN_TYPES}
    right = {
        kind: {distance: recall_caches.right(info, distance) for distance in DELAYS}
        for kind, info in models.items()
    }
    shares = {
        kind: {distance: recall_caches.gradient_share(info, distance) for distance in DELAYS}
        for kind, info in models.items()
    }
    left, beside = st.columns(2)
    dark, last = page.is_dark(), DELAYS[-1]
    page.chart(figures.held(right, GUESSING, dark), state.DUEL_HELD, left)
    page.chart(figures.reach(shares, dark), state.DUEL_REACH, beside)
    plain, gated = PAIR
    left = {kind: 10.0 ** shares[kind][last] for kind in PAIR}
    alone = seeds_that_learned(read_results(), model_name(last, plain))
    st.markdown(
        f"**The {cell_name(plain)} that learned over 1 to 10 letters gives the right one over "
        f"{last} with probability {right[plain][last]:.4f}: it holds.** But only {left[plain]:.0e} "
        f"of its gradient at the cue reaches the letter ({cell_name(gated)}: {left[gated]:.0e}). "
        f"Trained over {last} letters alone, {alone} {cell_name(plain)}s learned it: "
        "hardly any gradient crosses that gap to learn from."
    )
