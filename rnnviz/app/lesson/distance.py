"""Stop 1: the duel: who learned to remember across a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis.duel import GUESSING, SURE
from rnnviz.app import duel, page, state
from rnnviz.app.address import Field
from rnnviz.app.lesson.shared import of_gated
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.figures import duel as figures
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.recall_group import DELAYS, model_name

START, FAR = DELAYS[3], DELAYS[-1]
FIELDS = (Field("distance", state.LESSON_DISTANCE, duel.nearest, START),)


@dataclass(frozen=True)
class Seen:
    """At a distance, the mean probability of the right letter by cell type."""

    distance: int
    right: tuple[tuple[str, float], ...]

    @property
    def gated(self) -> float:
        """The least of the cell types that have a gate that keeps."""
        return min(of_gated(self.right, True).values())

    @property
    def plain(self) -> float:
        """The most of the others."""
        return max(of_gated(self.right, False).values())


def draw(dark: bool, check: Check) -> None:
    learned = {one.rnn_type: one.right for one in duel.duels(usual_bias=True)}
    distance = st.session_state[state.LESSON_DISTANCE]
    shown = check(Seen(distance, tuple((kind, learned[kind][distance]) for kind in RNN_TYPES)))
    looked_at = [one.distance for one in shown]  # what lies beyond is for the student to predict
    between = min(looked_at), max(looked_at)
    page.chart(figures.learned(learned, distance, GUESSING, dark, between), state.LESSON_CHART)
    st.select_slider(
        "Distance: letters between the first one and the cue",
        DELAYS,
        key=state.LESSON_DISTANCE,
        **KEEP,
    )


def goals(shown: Sequence[Seen]) -> list[Goal]:
    short = max(shown, key=lambda one: min(p for _, p in one.right))
    worst = min(p for _, p in short.right)
    split = max(shown, key=lambda one: one.gated - one.plain)
    far = [one for one in shown if one.distance == FAR]
    held = f" They give it {far[-1].gated:.3f} and more." if far else ""
    return [
        Goal(
            "Find a distance that all four learned. Best so far: all give the right letter "
            f"{worst:.3f} or more, at {short.distance}.",
            worst >= SURE,
        ),
        Goal(
            "Find one that LSTM and GRU learned and neither RNN. So far, at "
            f"{split.distance}: at least {split.gated:.3f}, the better RNN {split.plain:.3f}.",
            split.gated >= SURE > split.plain,
        ),
        Goal(
            f"Go to {FAR}: LSTM and GRU learned even that.{held}",
            bool(far) and far[-1].gated >= SURE,
        ),
    ]


def leave() -> None:
    session = st.session_state
    session[state.DUEL_DISTANCE] = session[state.LESSON_DISTANCE]


RUNS = tuple(model_name(distance, kind) for distance in DELAYS for kind in RNN_TYPES)
STOP = Stop(draw, goals, FIELDS, leave, RUNS)
