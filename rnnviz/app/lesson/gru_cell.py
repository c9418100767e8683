"""Stop 9: the cell of a GRU beside an LSTM's: one gate does the work of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from rnnviz.analysis.layer_sizes import LayerSize
from rnnviz.analysis.text_view import visible
from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.app import caches, page, state
from rnnviz.app.lesson import knobs
from rnnviz.app.lesson.knobs import EQUAL, Pairs
from rnnviz.app.lesson.shared import difference
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.figures import held_cell as figure
from rnnviz.figures.held_cell import Row

RUNS = ("python-source-gru", "python-source-lstm")
STATES = (("h", "n"), ("c", "g"))  # what each of RUNS remembers in, and its candidate
FIELDS = (knobs.field("z", state.LESSON_Z), knobs.TOKEN)


@dataclass(frozen=True)
class Seen:
    """What both units do from a token on while `z` is held, None if it is not: of each of STATES
    the largest change in a step, and distance from its candidate. `sizes`: a layer of each."""

    token: int
    z: float | None
    change: tuple[float, ...]
    distance: tuple[float, ...]
    sizes: tuple[LayerSize, ...]


def seen(
    held: Sequence[UnitSteps], z: float | None, start: int, sizes: tuple[LayerSize, ...]
) -> Seen:
    """Given what both units do under `pairs(z)` from token `start` (from 0) on."""
    both = zip(held, STATES, strict=True)
    found = [
        (one.states[of][start:], one.gates[candidate][start:]) for one, (of, candidate) in both
    ]
    change = tuple(float(np.abs(np.diff(values)).max()) for values, _ in found)
    distance = tuple(float(np.abs(values[1:] - new).max()) for values, new in found)
    return Seen(start + 1, z, change, distance, sizes)


def pairs(z: float | None) -> tuple[Pairs, Pairs]:
    """What is held of the GRU, and of the LSTM so that it does the same."""
    if z is None:
        return (), ()
    return (("z", z),), (("f", z), ("i", round(1 - z, 1)))


def _z() -> float | None:
    value = st.session_state[state.LESSON_Z]
    return None if value == knobs.OWN else value


def draw(dark: bool, check: Check) -> None:
    start, z = knobs.start(), _z()
    infos = [caches.run_list()[run] for run in RUNS]
    held = [knobs.steps(run, of_run) for run, of_run in zip(RUNS, pairs(z), strict=True)]
    rows = [
        Row(info.rnn_type, of, knobs.steps(info.name), steps)
        for info, (of, _), steps in zip(infos, STATES, held, strict=True)
    ]
    tokens = [visible(token) for token in knobs.TEXT]
    h = infos[0].model["hidden_size"]
    sizes = tuple(caches.layer_size(info.rnn_type, h) for info in infos)
    check(seen(held, z, start, sizes))
    left, right = st.columns(knobs.WIDTHS)
    with left, st.container(gap="xsmall"):
        knobs.circuit(RUNS[0], pairs(z)[0], dark)
        of_gate, of_token = st.columns(2)
    with of_gate:
        knobs.knob("Update gate z", state.LESSON_Z)
    with of_token:
        knobs.pick_token()
    page.chart(figure.held_cell(rows, tokens, start, dark), state.LESSON_CHART, right)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    kept = min((one for one in shown if one.z == 1), key=lambda one: max(one.change), default=None)
    new = min((one for one in shown if one.z == 0), key=lambda one: max(one.distance), default=None)
    changes = differences = ""
    if kept:
        changes = f" Largest changes: {' and '.join(difference(one, 1) for one in kept.change)}."
    if new:
        differences = f" Differences: {' and '.join(difference(one, 1) for one in new.distance)}."
    gru, lstm = shown[-1].sizes
    return [
        Goal(
            f"Hold z at 1: h does not change any more, nor does the LSTM's c.{changes}",
            kept is not None and max(kept.change) < EQUAL,
        ),
        Goal(
            "Hold z at 0: nothing of the old is left, h is n at each step, and c is g."
            f"{differences}",
            new is not None and max(new.distance) < EQUAL,
        ),
        Goal(
            f"One gate less: a layer of {gru.h} units has {gru.pytorch:,} parameters in PyTorch's "
            f"GRU, {gru.pytorch / lstm.pytorch:.0%} of the {lstm.pytorch:,} in its LSTM.",
            len(shown) > 1 and 4 * gru.pytorch == 3 * lstm.pytorch,
        ),
    ]


def leave() -> None:
    knobs.leave(dict(zip(RUNS, pairs(_z()), strict=True)))


STOP = Stop(draw, goals, FIELDS, leave, RUNS)
