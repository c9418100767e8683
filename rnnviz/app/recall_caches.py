"""What the recall group was asked, computed once and kept for all sessions.

Keyed by the run's folder and the time at which its weights changed, as in `caches`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rnnviz import _paths
from rnnviz.analysis import duel, two_products
from rnnviz.app import caches
from rnnviz.app.caches import of_run
from rnnviz.runs import store
from rnnviz.runs.info import RunInfo
from rnnviz.runs.recall_group import model_name

if TYPE_CHECKING:
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


answer = of_run(500, st.cache_data, _run)(duel.answer)
right = of_run(1000, st.cache_data, _run)(duel.right)
gradient_share = of_run(500, st.cache_data, _run)(duel.gradient_share)
product = of_run(60, st.cache_resource, _run)(two_products.product)
