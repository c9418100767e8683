"""What the small model of `small_training` does, computed once and kept for all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rnnviz._process import compute_slot
from rnnviz.analysis import model_parts, small_training
from rnnviz.analysis import one_step as steps
from rnnviz.analysis.model_parts import Reading
from rnnviz.analysis.one_step import OneStep, Way

if TYPE_CHECKING:
    import numpy as np

    from rnnviz.nn.model import RNNModel


@st.cache_resource(show_spinner=False)
def _begun(rnn_type: str) -> RNNModel:
    """Small, so all cell types fit. Nothing that is computed here changes it."""
    return small_training.begun(rnn_type)


@st.cache_resource(max_entries=400, show_spinner=False)
def one_step(rnn_type: str, way: Way, lr: float) -> OneStep:
    """A step on the second window of `small_training.TEXT`."""
    with compute_slot():
        return steps.one_step(_begun(rnn_type), small_training.windows(), way, lr)


@st.cache_resource(max_entries=50, show_spinner=False)
def losses_by_rate(rnn_type: str, way: Way, rates: tuple[float, ...]) -> np.ndarray:
    """The loss of the window in nats after such a step at each rate."""
    with compute_slot():
        return steps.losses_by_rate(_begun(rnn_type), small_training.windows(), way, rates)


@st.cache_resource(max_entries=50, show_spinner=False)
def readings(rnn_type: str, dropout: float) -> tuple[Reading, ...]:
    """One window read twice in training, then twice in evaluation."""
    with compute_slot():
        return model_parts.readings(rnn_type, dropout)
