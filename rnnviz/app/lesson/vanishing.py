"""Stop 4: a product that vanishes or explodes, in untrained cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.app import components, laboratory, page, state
from rnnviz.app.lesson.shared import of_gated
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.figures import gradients, style
from rnnviz.nn.cell_types import RNN_TYPES

SIZE, STEPS = 64, 60
FAR = 3  # decades from 1: what counts as exploded, or as vanished
FIELDS = laboratory.FIELDS[:2]


@dataclass(frozen=True)
class Seen:
    """log10 of what was left of the gradient at the first token, by cell type, under a setting."""

    gain: float
    bias: float
    left: tuple[tuple[str, float], ...]


def draw(dark: bool, check: Check) -> None:
    gain, bias = st.session_state[state.GAIN], st.session_state[state.FORGET_BIAS]
    lines = laboratory.decays(gain, bias, SIZE, STEPS, False, dark)
    ends = tuple((kind, float(line.log10[0])) for kind, line in zip(RNN_TYPES, lines, strict=True))
    check(Seen(gain, bias, ends))
    page.chart(gradients.laboratory(lines), state.LESSON_CHART)
    laboratory.pick_gain_and_bias(*st.columns(2))


def goals(seen: Sequence[Seen]) -> list[Goal]:
    plain = [(x, kind, one.gain) for one in seen for kind, x in of_gated(one.left, False).items()]
    gated = [(max(of_gated(one.left, True).values()), one.bias) for one in seen]
    largest, kind, gain = max(plain, key=lambda found: found[0])
    edge, edge_kind, edge_gain = min(plain, key=lambda found: abs(found[0]))
    shut, bias = min(gated, key=lambda found: found[0])
    return [
        Goal(
            f"Make an RNN's gradient explode, above 1,000. Largest so far: {times(largest)}, "
            f"{style.cell_name(kind)} at gain {gain:g}.",
            largest > FAR,
        ),
        Goal(
            f"Find the edge between, 0.1 to 10. Nearest to 1 so far: {times(edge)}, "
            f"{style.cell_name(edge_kind)} at gain {edge_gain:g}.",
            abs(edge) < 1,
        ),
        Goal(
            f"Shut the gates until LSTM and GRU are below 0.001 too. So far they have up to "
            f"{times(shut)}, at bias {bias:g}.",
            shut < -FAR,
        ),
    ]


def times(log10: float) -> str:
    """A factor for people to read, given its log10."""
    if abs(log10) <= FAR:
        return f"{10**log10:.2g}"
    power = str(round(log10)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{power}"


def leave() -> None:
    """The laboratory has the same controls, further down on the page."""
    components.reveal(state.LABORATORY)


STOP = Stop(draw, goals, FIELDS, leave)
