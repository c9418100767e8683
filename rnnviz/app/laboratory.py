"""The laboratory of the Gradients page: its presets and controls, and a line for each cell type."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnnviz.analysis.laboratory import PYTORCH_GAIN
from rnnviz.app import caches, state
from rnnviz.app.address import Field, flag, number
from rnnviz.app.state import KEEP
from rnnviz.app.values import give
from rnnviz.figures import style
from rnnviz.figures.gradients import Decay
from rnnviz.nn.cell_types import RNN_TYPES


@dataclass(frozen=True)
class Preset:
    """Settings that make a point."""

    gain: float
    gate_bias: float
    point: str


START = "Open forget gate: it keeps"
PRESETS = {
    START: Preset(
        0.58,
        3.0,
        "An RNN multiplies its gradient by the same W at every step back, so it vanishes. An "
        "LSTM multiplies it by its forget gates: where they are open, near 1, it is kept.",
    ),
    "PyTorch's own initialisation: all vanish": Preset(
        0.58,
        0.0,
        "PyTorch's own initialisation leaves forget gates near one half: each step back about "
        "halves the LSTM's gradient too. It must first learn to open them.",
    ),
    "High gain: RNNs explode": Preset(
        3.0,
        0.0,
        "A large W makes the gradient of an RNN grow at every step back: it explodes. The path "
        "through an LSTM's forget gates cannot grow: they lie between 0 and 1.",
    ),
}
FIELDS = (
    Field("gain", state.GAIN, number(float, 0.1, 4), PRESETS[START].gain),
    Field("forget_bias", state.FORGET_BIAS, number(float, -2, 6), PRESETS[START].gate_bias),
    Field("size", state.LAB_SIZE, number(int, 8, 128), 64),
    Field("steps", state.LAB_STEPS, number(int, 10, 300), 60),
    Field("clip", state.LAB_CLIP, flag, False),
)
OWN_SETTINGS = "Your own settings. Choose one above to return to a point of the lecture."


def _take() -> None:
    session = st.session_state
    preset = PRESETS.get(session[state.LAB_PRESET])
    if preset is not None:
        session[state.GAIN], session[state.FORGET_BIAS] = preset.gain, preset.gate_bias


def pick_preset() -> str:
    """The presets; the point of the one that the sliders stand on. Its sliders are drawn by
    `lines`."""
    session = st.session_state
    gain, bias = session[state.GAIN], session[state.FORGET_BIAS]
    on = [name for name, p in PRESETS.items() if math.isclose(gain, p.gain) and bias == p.gate_bias]
    give(state.LAB_PRESET, on[0] if on else None)
    st.segmented_control(
        "Settings that make a point",
        list(PRESETS),
        key=state.LAB_PRESET,
        **KEEP,
        on_change=_take,
        label_visibility="collapsed",
    )
    return PRESETS[on[0]].point if on else OWN_SETTINGS


def lines(dark: bool) -> list[Decay]:
    """The controls, and one line for each cell type under these settings."""
    left, right = st.columns(2)
    gain, bias = pick_gain_and_bias(left, right)
    size = left.slider("Hidden size", 8, 128, step=8, key=state.LAB_SIZE, **KEEP)
    steps = right.slider("Length, tokens", 10, 300, step=10, key=state.LAB_STEPS, **KEEP)
    clip = st.toggle("Clip the gradient norm to 0.25", key=state.LAB_CLIP, **KEEP)
    return decays(gain, bias, size, steps, clip, dark)


def pick_gain_and_bias(left: DeltaGenerator, right: DeltaGenerator) -> tuple[float, float]:
    """The two controls that the lesson has too; both pages show the same values."""
    gain = left.slider("Recurrent gain", 0.1, 4.0, step=0.02, key=state.GAIN, **KEEP)
    bias = right.slider(
        "Forget-gate bias (GRU: update gate)", -2.0, 6.0, step=0.5, key=state.FORGET_BIAS, **KEEP
    )
    _explain(left, right, bias)
    return gain, bias


def decays(gain: float, bias: float, size: int, steps: int, clip: bool, dark: bool) -> list[Decay]:
    """One line for each cell type."""
    return [
        Decay(
            style.cell_name(rnn_type),
            style.color(rnn_type, dark),
            caches.laboratory(rnn_type, gain, bias, size, steps, clip),
        )
        for rnn_type in RNN_TYPES
    ]


def _explain(left: DeltaGenerator, right: DeltaGenerator, bias: float) -> None:
    left.caption(
        "The factor by which W stretches a vector, on average; the same for each gate and cell "
        f"type. PyTorch's own: {PYTORCH_GAIN:.2f}."
    )
    right.caption(
        f"A bias of {bias:g} sets f (GRU: z) near {1 / (1 + math.exp(-bias)):.2f}. PyTorch's own "
        "is 0: near one half."
    )


def shares(drawn: list[Decay]) -> str:
    """What is left of each gradient at the first token, as a sentence."""
    left = ", ".join(f"{line.label} {10 ** line.log10[0]:.2g}" for line in drawn)
    return f"What is left of the gradient {len(drawn[0].log10) - 1} tokens back: {left}."
