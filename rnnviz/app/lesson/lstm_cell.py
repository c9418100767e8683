"""Stop 6: the cell of an LSTM: hold its gates, and see what c and h do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from rnnviz.analysis.text_view import visible
from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.app import caches, page, state
from rnnviz.app.lesson import knobs
from rnnviz.app.lesson.knobs import EQUAL, Pairs
from rnnviz.app.lesson.shared import difference
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.figures import held_cell as figure
from rnnviz.figures.held_cell import Row

RUN = "python-source-lstm"
KEYS = {"f": state.LESSON_F, "i": state.LESSON_I, "o": state.LESSON_O}
LABELS = {"f": "Forget gate f", "i": "Input gate i", "o": "Output gate o"}
FIELDS = (*(knobs.field(name, key) for name, key in KEYS.items()), knobs.TOKEN)


@dataclass(frozen=True)
class Seen:
    """What a unit does from a token on while `pairs` are held: the largest change of c in a step,
    distance of c from i g, size of h and of c; `fed_back`: how far c is from what it is under the
    same pairs without o."""

    token: int
    pairs: Pairs
    change: float
    distance: float
    h: float
    c: float
    fed_back: float

    def holds(self, **wanted: float) -> bool:
        return wanted.items() <= dict(self.pairs).items()


def seen(held: UnitSteps, shown: UnitSteps, pairs: Pairs, start: int) -> Seen:
    """Given what the unit does under `pairs` from token `start` (from 0) on, and under the same
    without o."""
    c, gates = held.states["c"], held.gates
    after = slice(start + 1, None)
    written = (gates["i"] * gates["g"])[start:]
    return Seen(
        start + 1,
        pairs,
        _most(np.diff(c)[start:]),
        _most(c[after] - written),
        _most(held.states["h"][after]),
        _most(c[after]),
        _most(c[after] - shown.states["c"][after]),
    )


def _most(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def draw(dark: bool, check: Check) -> None:
    start, pairs = knobs.start(), knobs.pairs(KEYS)
    own, held = knobs.steps(RUN), knobs.steps(RUN, pairs)
    kind = caches.run_list()[RUN].rnn_type
    rows = [Row(kind, of, own, held) for of in ("c", "h")]
    tokens = [visible(token) for token in knobs.TEXT]
    shown = knobs.steps(RUN, tuple(pair for pair in pairs if pair[0] != "o"))
    check(seen(held, shown, pairs, start))
    left, right = st.columns(knobs.WIDTHS)
    with left, st.container(gap="xsmall"):
        knobs.circuit(RUN, pairs, dark)
        *gates, last = [*st.columns(2), *st.columns(2)]
    for column, (name, key) in zip(gates, KEYS.items(), strict=True):
        with column:
            knobs.knob(LABELS[name], key)
    with last:
        knobs.pick_token()
    page.chart(figure.held_cell(rows, tokens, start, dark), state.LESSON_CHART, right)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    kept = min(
        (one for one in shown if one.holds(f=1.0, i=0.0)), key=lambda one: one.change, default=None
    )
    forgot = min(
        (one for one in shown if one.holds(f=0.0)), key=lambda one: one.distance, default=None
    )
    shut = max((one for one in shown if one.holds(o=0.0)), key=lambda one: one.c, default=None)
    change = past = inside = ""
    if kept:
        change = f" Largest change: {difference(kept.change, 1)}."
    if forgot:
        past = f" It differs from i g by {difference(forgot.distance, 1)}."
    if shut:
        inside = (
            f" Largest h: {difference(shut.h, 1)}; c reaches {shut.c:.2f}. Through h, which the "
            f"gates read, c moved by {difference(shut.fed_back, 1)}."
        )
    return [
        Goal(
            f"Hold f at 1 and i at 0: c does not change any more.{change}",
            kept is not None and kept.change < EQUAL,
        ),
        Goal(
            f"Hold f at 0: nothing of the old c is left, c is i g at each step.{past}",
            forgot is not None and forgot.distance < EQUAL,
        ),
        Goal(
            f"Hold o at 0: h is 0, whatever c is.{inside}",
            shut is not None and shut.h < EQUAL < shut.c,
        ),
    ]


def leave() -> None:
    knobs.leave({RUN: knobs.pairs(KEYS)})


STOP = Stop(draw, goals, FIELDS, leave, (RUN,))
