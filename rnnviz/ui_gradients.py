"""Gradients of the page Gradients, computed once for a run, a text and a target."""

from __future__ import annotations

import numpy as np
import streamlit as st

from rnnviz import flows, ui
from rnnviz.flows import Flow
from rnnviz.process import turn
from rnnviz.runinfo import RunInfo
from rnnviz.ui import Choice


@st.cache_resource(max_entries=64, show_spinner=False)
def _flow(path: str, changed: int, text: str, layer: int, target: int) -> Flow:
    with turn():
        return flows.flow(ui.run(path, changed), text, layer, target)


@st.cache_resource(max_entries=8, show_spinner=False)
def _influence(path: str, changed: int, text: str, layer: int) -> np.ndarray:
    with turn():
        return flows.influence_log10(ui.run(path, changed), text, layer)


@st.cache_resource(max_entries=512, show_spinner=False)
def laboratory(
    rnn_type: str, gain: float, forget_bias: float, size: int, steps: int, clip: bool
) -> np.ndarray:
    """`flows.laboratory`, cached: most sliders go back and forth over few places."""
    with turn():
        return flows.laboratory(rnn_type, gain, forget_bias, size, steps, clip)


def flow(info: RunInfo, choice: Choice, target: int) -> Flow:
    """The flow of one loss of a run, cached."""
    return _flow(*ui.key(info, choice.text, choice.layer), target)


def influence(info: RunInfo, choice: Choice) -> np.ndarray:
    return _influence(*ui.key(info, choice.text, choice.layer))
