"""Gradients of the page Gradients, computed once for a run, a text and a target."""

from __future__ import annotations

import numpy as np
import streamlit as st

from rnnviz._process import turn
from rnnviz.analysis import gradient_decay
from rnnviz.analysis.gradient_decay import GradientDecay
from rnnviz.app import page
from rnnviz.app.page import Choice
from rnnviz.runs.info import RunInfo


@st.cache_resource(max_entries=64, show_spinner=False)
def _decay_of_loss(path: str, changed: int, text: str, layer: int, target: int) -> GradientDecay:
    with turn():
        return gradient_decay.decay_of_loss(page.run(path, changed), text, layer, target)


@st.cache_resource(max_entries=8, show_spinner=False)
def _influence(path: str, changed: int, text: str, layer: int) -> np.ndarray:
    with turn():
        return gradient_decay.influence_log10(page.run(path, changed), text, layer)


@st.cache_resource(max_entries=512, show_spinner=False)
def laboratory(
    rnn_type: str, gain: float, forget_bias: float, size: int, steps: int, clip: bool
) -> np.ndarray:
    """`gradient_decay.laboratory`, cached: most sliders go back and forth over few places."""
    with turn():
        return gradient_decay.laboratory(rnn_type, gain, forget_bias, size, steps, clip)


def decay_of_loss(info: RunInfo, choice: Choice, target: int) -> GradientDecay:
    """How one loss of a run reaches back, cached."""
    return _decay_of_loss(*page.key(info, choice.text, choice.layer), target)


def influence(info: RunInfo, choice: Choice) -> np.ndarray:
    return _influence(*page.key(info, choice.text, choice.layer))
