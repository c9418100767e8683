"""Stop 7: two products, and what could be learned across a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis.duel import SURE
from rnnviz.analysis.two_products import PAIR, Product
from rnnviz.app import page, recall_caches, state
from rnnviz.app.address import Field, number
from rnnviz.app.lesson.shared import show_elsewhere
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.data.builtin import EXAMPLES
from rnnviz.figures import two_products as figure
from rnnviz.runs.recall_group import SHORT, model_name

MOST, START = 100, 10
RUNS = tuple(model_name(SHORT, kind) for kind in PAIR)
LITTLE, MUCH = -6.0, 0.5  # log10 of what counts as vanished; a share that counts as kept
FIELDS = (Field("back", state.LESSON_BACK, number(int, 1, MOST), START),)


@dataclass(frozen=True)
class Seen:
    """At a distance, of each of PAIR: log10 of what is left of its gradient, and the mean
    probability of the right letter over fresh items of that distance."""

    distance: int
    left: tuple[float, ...]
    right: tuple[float, ...]


def seen(products: Mapping[str, Product], right: Mapping[str, float], distance: int) -> Seen:
    left = tuple(float(products[kind].log10[distance]) for kind in PAIR)
    return Seen(distance, left, tuple(right[kind] for kind in PAIR))


def draw(dark: bool, check: Check) -> None:
    models = {kind: recall_caches.model(SHORT, kind) for kind in PAIR}
    products = {kind: recall_caches.product(info, MOST) for kind, info in models.items()}
    distance = st.session_state[state.LESSON_BACK]
    right = {kind: recall_caches.right(info, distance) for kind, info in models.items()}
    check(seen(products, right, distance))
    page.chart(figure.two_products(products, distance, dark), state.LESSON_CHART)
    st.slider("Distance, steps back", 1, MOST, key=state.LESSON_BACK, **KEEP)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    far = min(shown, key=lambda one: one.left[0])
    is_far = far.left[0] < LITTLE
    tanh, lstm = (10.0**left for left in far.left)
    there = f"At {far.distance} letters" if is_far else "There"
    return [
        Goal(
            "Go back until less than a millionth of the tanh RNN's gradient is left. "
            f"Least so far: {tanh:.0e}, {far.distance} steps back.",
            is_far,
        ),
        Goal(
            f"There the LSTM's unit still has more than half. It has {lstm:.2g}.",
            is_far and lstm > MUCH,
        ),
        Goal(
            f"{there} both still give the right letter: probability {far.right[0]:.3f} and "
            f"{far.right[1]:.3f}, though both learned over 1 to 10 only.",
            is_far and min(far.right) >= SURE,
        ),
    ]


def leave() -> None:
    show_elsewhere(RUNS, EXAMPLES["recall"][1])


STOP = Stop(draw, goals, FIELDS, leave, RUNS)
