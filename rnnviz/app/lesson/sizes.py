"""Stop 8: how many parameters a layer has."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from rnnviz.analysis.layer_sizes import LayerSize
from rnnviz.app import caches, page, state
from rnnviz.app.address import Field, number
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.figures import layer_sizes
from rnnviz.figures.style import cell_name
from rnnviz.nn.cell_types import CELL_TYPES, RNN_TYPES

MOST = 224
START = 96
ALIKE = 0.02  # two numbers of parameters that count as the same differ by less
# One cell type for each number of blocks: both RNNs have the same weights.
KINDS = tuple({CELL_TYPES[kind].blocks: kind for kind in reversed(RNN_TYPES)}.values())[::-1]
FIELDS = (Field("h", state.LESSON_SIZE, number(int, 8, MOST), START),)


def draw(dark: bool, check: Check) -> None:
    h = st.session_state[state.LESSON_SIZE]
    found = tuple(caches.layer_size(kind, h) for kind in KINDS)
    check(found)
    page.chart(layer_sizes.squares(found, MOST, START, dark), state.LESSON_CHART)
    st.slider("Units of the layer, h", 8, MOST, step=8, key=state.LESSON_SIZE, **KEEP)


def goals(seen: Sequence[tuple[LayerSize, ...]]) -> list[Goal]:
    largest = {sizes[0].h: sizes[0] for sizes in seen}
    doubled = [(one, largest[2 * h]) for h, one in largest.items() if 2 * h in largest]
    grown = f"Sizes so far: {', '.join(map(str, list(largest)[-6:]))}."
    if doubled:
        small, large = doubled[-1]
        times = large.weights / small.weights
        grown = f"From {small.h} to {large.h} its weights grew {times:g} times."
    equal = _equal(seen)
    alike = [one.total == one.pytorch for sizes in seen for one in sizes]
    layers = ", ".join(f"{cell_name(one.rnn_type)} {one.pytorch:,}" for one in seen[-1])
    return [
        Goal(f"Double h. {grown}", any(b.weights == 4 * a.weights for a, b in doubled)),
        Goal(
            f"Find a size at which the {cell_name(KINDS[-1])} has as many parameters as an "
            f"{cell_name(KINDS[0])} that you saw, within 2%. {equal or 'None so far.'}",
            bool(equal),
        ),
        Goal(
            f"The formulas agree with PyTorch's own modules, which have {layers} here: "
            f"{sum(alike)} of {len(alike)} counts so far.",
            all(alike) and len(seen) > 1,
        ),
    ]


def _equal(seen: Sequence[tuple[LayerSize, ...]]) -> str:
    """Two sizes that were seen at which the last and the first type have nearly as many, as a
    sentence; "" where there are none."""
    for first in (sizes[0] for sizes in seen):
        for last in (sizes[-1] for sizes in seen):
            if abs(last.total / first.total - 1) < ALIKE:
                return f"{last.h} units have {last.total:,}, {first.h} have {first.total:,}."
    return ""


def leave() -> None:
    st.session_state[state.FORMULAS] = True


STOP = Stop(draw, goals, FIELDS, leave)
