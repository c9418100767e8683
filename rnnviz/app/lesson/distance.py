"""Stop 1: the duel: who learned to remember across a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis.duel import GUESSING, SURE
from rnnviz.app import duel, page, state
from rnnviz.app.address import Field
from rnnviz.app.lesson.stop import Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.figures import duel as figures
from rnnviz.nn.cell_types import CELL_TYPES, RNN_TYPES
from rnnviz.runs.recall_group import DELAYS, model_name

START, FAR = DELAYS[3], DELAYS[-1]
FIELDS = (Field("distance", state.LESSON_DISTANCE, duel.nearest, START),)


@dataclass(frozen=True)
class Seen:
    """At a distance, the mean probability of the right letter by cell type."""

    distance: int
    right: tuple[tuple[str, float], ...]

    def of(self, has_gate: bool) -> list[float]:
        """Of the cell types that have a gate that keeps, or of the others."""
        kinds = {kind for kind, cell in CELL_TYPES.items() if (cell.keep_gate is None) != has_gate}
        return [right for kind, right in self.right if kind in kinds]


def draw(dark: bool) -> Seen:
    learned = {one.rnn_type: one.right for one in duel.duels(usual_bias=True)}
    distance = st.session_state[state.LESSON_DISTANCE]
    page.chart(figures.learned(learned, distance, GUESSING, dark), state.LESSON_CHART)
    st.select_slider(
        "Distance: letters between the first one and the cue",
        DELAYS,
        key=state.LESSON_DISTANCE,
        **KEEP,
    )
    return Seen(distance, tuple((kind, learned[kind][distance]) for kind in RNN_TYPES))


def goals(shown: Sequence[Seen]) -> list[Goal]:
    short = max(shown, key=lambda one: min(p for _, p in one.right))
    worst = min(p for _, p in short.right)
    split = max(shown, key=lambda one: min(one.of(True)) - max(one.of(False)))
    gated, plain = min(split.of(True)), max(split.of(False))
    far = [one for one in shown if one.distance == FAR]
    held = f" They give it {min(far[-1].of(True)):.3f} and more." if far else ""
    return [
        Goal(
            "Find a distance that all four learned. Best so far: all give the right letter "
            f"{worst:.3f} or more, at {short.distance}.",
            worst >= SURE,
        ),
        Goal(
            "Find one that LSTM and GRU learned and neither RNN. So far, at "
            f"{split.distance}: {gated:.3f} or more, and {plain:.3f} or less.",
            gated >= SURE > plain,
        ),
        Goal(
            f"Go to {FAR}: LSTM and GRU learned even that.{held}",
            bool(far) and min(far[-1].of(True)) >= SURE,
        ),
    ]


def leave() -> None:
    session = st.session_state
    session[state.DUEL_DISTANCE] = session[state.LESSON_DISTANCE]


RUNS = tuple(model_name(distance, kind) for distance in DELAYS for kind in RNN_TYPES)
STOP = Stop(draw, goals, FIELDS, leave, RUNS)
