"""The recall group on the Models page: what each of its models learned, and where it is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.column_config import NumberColumn

from rnnviz.app import navigation, page, sidebar, state
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.recall_group import (
    DELAYS,
    MEASURED_AT,
    SHORT,
    Result,
    model_name,
    read_results,
    seeds_that_learned,
)

CHOICES = (SHORT, *map(str, DELAYS))


def show() -> None:
    """The table of the models that ship, and four of them to look at."""
    import pandas as pd

    results = read_results()
    rows = pd.DataFrame([_row(result, results) for result in results if result.seed == 0])
    names = st.column_config.TextColumn(pinned=True, width=page.width_of(rows["Model"]))
    shares = {f"At {delay}": NumberColumn(format="%.2f") for delay in MEASURED_AT}
    columns: dict[str, Any] = {"Model": names, "Own": NumberColumn(format="%.2f"), **shares}
    page.table(rows, columns, state.RECALL_TABLE)
    choice, button, _ = st.columns([1, 1, 1], vertical_alignment="bottom")
    delays = choice.selectbox("Distance in training", CHOICES, key=state.RECALL_DELAYS)
    if button.button("Show the four cell types", width="stretch", key=state.RECALL_SHOW):
        names = [model_name(delays, rnn_type) for rnn_type in RNN_TYPES]
        sidebar.show_on(navigation.GATES, names)


def _row(result: Result, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "Model": result.model,
        "Own": result.accuracy,
        **{f"At {delay}": value for delay, value in result.at.items()},
        "Seeds that learned": seeds_that_learned(results, result.model),
    }
