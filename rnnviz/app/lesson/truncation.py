"""Stop 5: truncated BPTT, and what the cut loses."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from rnnviz.analysis import lost_gradient
from rnnviz.analysis.text_view import visible
from rnnviz.app import caches, page, state
from rnnviz.app.address import Field, number
from rnnviz.app.lesson.shared import show_elsewhere
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.data.builtin import EXAMPLES
from rnnviz.figures import lost_gradient as figure
from rnnviz.figures import style

RUNS = ("python-source-lstm", "python-source-rnn-tanh")  # one that reaches far, one that does not
CODE = EXAMPLES["python-source"][1]
TARGET = CODE.index("]\n") + 1  # the end of a line: the network predicts the next one's indentation
MOST = TARGET + 1  # tokens up to the loss
SHORT, PART, LITTLE = 8, 1 / 3, 0.05
FIELDS = (Field("window", state.LESSON_WINDOW, number(int, 1, MOST), MOST),)


@dataclass(frozen=True)
class Seen:
    """The share of the gradient that a window lost in each of RUNS."""

    window: int
    lost: tuple[float, ...]


def seen(rows: Sequence[np.ndarray], window: int) -> Seen:
    """Given log10 ||dL/dx_s|| (MOST,) of each of RUNS."""
    return Seen(window, tuple(float(lost_gradient.lost_shares(row)[window]) for row in rows))


def draw(dark: bool, check: Check) -> None:
    infos = [caches.run_list()[name] for name in RUNS]
    rows = [caches.influence(info, CODE, 0)[TARGET, :MOST] for info in infos]
    window = st.session_state[state.LESSON_WINDOW]
    kinds = [info.rnn_type for info in infos]
    shares = dict(zip(kinds, map(lost_gradient.lost_shares, rows), strict=True))
    check(seen(rows, window))
    st.html(coloured(lost_gradient.shares(rows[0]), window, style.color(kinds[0], dark)))
    page.chart(figure.lost(shares, window, dark), state.LESSON_CHART)
    st.slider("Window of truncated BPTT, tokens", 1, MOST, key=state.LESSON_WINDOW, **KEEP)


def coloured(share: np.ndarray, window: int, color: str) -> str:
    """The text up to the loss: its colour is each token's part of the gradient, and what lies
    before the window is pale."""
    rgb = " ".join(str(int(color[n : n + 2], 16)) for n in (1, 3, 5))
    strength = np.sqrt(share / share.max())
    spans = []
    for n, token in enumerate(CODE[:MOST]):
        name = "cut" if n < MOST - window else "kept"
        ink = 0.0 if name == "cut" else strength[n]
        end = "<br>" if token == "\n" and n < TARGET else ""
        spans.append(
            f'<span class="{name}" style="background: rgb({rgb} / {0.75 * ink:.2f})">'
            f"{html.escape(visible(token))}</span>{end}"
        )
    return f'<div class="lesson-code">{"".join(spans)}</div>'


def goals(shown: Sequence[Seen]) -> list[Goal]:
    far, near = (style.cell_name(_kind(name)) for name in RUNS)
    worst = max(
        (one for one in shown if one.window >= SHORT), key=lambda one: one.lost[0], default=None
    )
    is_cut = worst is not None and worst.lost[0] > PART
    first = second = ""
    if worst:
        first = f"Most so far: {worst.lost[0]:.0%} with {worst.window}."
        second = f"It loses {worst.lost[1]:.0%}."
    enough = [one.window for one in shown if 0 < one.lost[0] < LITTLE]
    shortest = f"Shortest so far: {min(enough)} tokens." if enough else "None so far."
    return [
        Goal(
            f"Cut off a third of the {far}'s gradient with a window of {SHORT} tokens or more. "
            f"{first}",
            is_cut,
        ),
        Goal(
            f"The same window takes less than half as much from the {near}. {second}",
            is_cut and worst.lost[1] < worst.lost[0] / 2,
        ),
        Goal(
            f"Find a shorter window than the whole text that loses the {far} less than "
            f"{LITTLE:.0%}. {shortest}",
            bool(enough),
        ),
    ]


def _kind(name: str) -> str:
    return caches.run_list()[name].rnn_type


def leave() -> None:
    session = st.session_state
    show_elsewhere(RUNS, CODE)
    session[state.TOKEN] = TARGET + 1
    session[state.WINDOW] = session[state.LESSON_WINDOW]
    session.pop(state.PLACE, None)


STOP = Stop(draw, goals, FIELDS, leave, RUNS)
