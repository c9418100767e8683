"""What the recall group was asked, computed once and kept for all sessions.

Keyed by the run's folder and the time at which its weights changed, as in `caches`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rnnviz import _paths
from rnnviz._process import compute_slot
from rnnviz.analysis import duel, two_products
from rnnviz.analysis.two_products import Product
from rnnviz.app import caches
from rnnviz.app.caches import stamp
from rnnviz.runs import store
from rnnviz.runs.info import RunInfo
from rnnviz.runs.recall_group import model_name

if TYPE_CHECKING:
    import numpy as np

    from rnnviz.runs.run import Run


def model(delays: int | str, rnn_type: str, usual_bias: bool = True) -> RunInfo:
    """A model of the group, see `model_name`. Raises FileNotFoundError and RunError, as all do."""
    name = model_name(delays, rnn_type, usual_bias)
    shipped = _paths.SHIPPED_RUNS / name
    return caches.info(shipped if shipped.exists() else _paths.RECALL_RUNS / name)


@st.cache_resource(max_entries=60, show_spinner=False)
def _run(path: str, changed: int) -> Run:
    """They are small, 0.3 MB each, so all of them fit."""
    return store.load_run(path)


@st.cache_data(max_entries=500, show_spinner=False)
def _answer(path: str, changed: int, text: str) -> np.ndarray:
    return duel.answer(_run(path, changed), text)


def answer(info: RunInfo, text: str) -> np.ndarray:
    """Probabilities (8,) of the letters after a text."""
    return _answer(*stamp(info), text)


@st.cache_data(max_entries=1000, show_spinner=False)
def _right(path: str, changed: int, distance: int) -> float:
    with compute_slot():
        return duel.right(_run(path, changed), distance)


def right(info: RunInfo, distance: int) -> float:
    return _right(*stamp(info), distance)


@st.cache_data(max_entries=500, show_spinner=False)
def _gradient_share(path: str, changed: int, distance: int) -> float:
    with compute_slot():
        return duel.gradient_share(_run(path, changed), distance)


def gradient_share(info: RunInfo, distance: int) -> float:
    return _gradient_share(*stamp(info), distance)


@st.cache_resource(max_entries=60, show_spinner=False)
def _product(path: str, changed: int, distance: int) -> Product:
    with compute_slot():
        return two_products.product(_run(path, changed), distance)


def product(info: RunInfo, distance: int) -> Product:
    return _product(*stamp(info), distance)
