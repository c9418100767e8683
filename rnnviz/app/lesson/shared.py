"""What several stops do: leave for a full page, say a difference, tell gated cell types apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from rnnviz.app import state
from rnnviz.nn.cell_types import CELL_TYPES


def show_elsewhere(runs: Sequence[str], text: str) -> None:
    """The full page shows these runs and this text."""
    session = st.session_state
    session[state.RUNS], session[state.MISSING] = list(runs), []
    session[state.TEXT], session[state.LAYER] = text, 1


def difference(value: float, digits: int = 2) -> str:
    """A difference for people to read."""
    return f"{value:.{digits}g}" if value else "exactly 0"


def of_gated(values: Iterable[tuple[str, float]], has_gate: bool) -> dict[str, float]:
    """Values by cell type, of those that have a gate that keeps, or of the others."""
    return {
        kind: value
        for kind, value in values
        if (CELL_TYPES[kind].keep_gate is not None) == has_gate
    }
