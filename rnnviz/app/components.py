"""Heatmaps and coloured texts in the browser, and the controls that choose what a click does."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnnviz._paths import component
from rnnviz.analysis import text_view
from rnnviz.analysis.text_view import View
from rnnviz.app import page

_heatmaps = st.components.v2.component(
    "rnnviz_heatmaps",
    html='<div class="root"></div>',
    css=component("heatmaps.css"),
    js=component("heatmaps.js"),
)
_tell = st.components.v2.component("rnnviz_tell", js=component("tell.js"))


def heatmaps(message: bytes, shown: Sequence[View], key: str, rows: str = "unit") -> None:
    """Show a message of rnnviz.heatmaps. A click on a cell chooses its place in the text, its run
    and unit, or, where `rows` are losses, the place of the token whose loss it is."""
    state = st.session_state

    def cell() -> None:
        run, row, place = state[key]["unit"]
        if rows == "loss":
            state["place"] = int(shown[run].spans[row - 1, 0])
        else:
            state["unit_run"], state["unit"], state["place"] = shown[run].info.name, row, place

    def token() -> None:
        if state[key]["token"] is not None:
            state["place"] = state[key]["token"]

    _heatmaps(key=key, data=message, on_unit_change=cell, on_token_change=token)


def tell(name: str, value: object) -> None:
    """One value for the components of the page, which keep the data they have."""
    _tell(key=f"tell_{name}", data=[name, value])


def pick_first_token(found: Sequence[View]) -> int:
    """The first token shown (from 0) of a text longer than a screen."""
    hidden = max(len(view.tokens) for view in found) - text_view.WINDOW
    if hidden <= 0:
        return 0
    st.session_state["first"] = min(st.session_state.get("first", 1), hidden + 1)
    return st.slider("First token shown", 1, hidden + 1, key="first") - 1


def pick_unit(
    found: Sequence[View], left: DeltaGenerator, right: DeltaGenerator
) -> tuple[View, int]:
    """The model and unit that a click or these two controls, in two columns, chose."""
    state, names = st.session_state, [view.info.name for view in found]
    page.bring_back("unit_run", "unit")
    if state.get("unit_run") not in names:
        state["unit_run"] = names[0]
    view = found[names.index(state["unit_run"])]
    most = view.states["h"].shape[1] - 1
    if state.get("unit", most + 1) > most:
        state["unit"] = text_view.most_switching_unit(view)
    left.selectbox("Model", names, key="unit_run")
    right.number_input("Unit", 0, most, key="unit")
    page.keep("unit_run", "unit")
    tell("unit", [names.index(view.info.name), state["unit"]])
    return view, state["unit"]


def pick_token(view: View, label: str, most: int) -> int:
    """The token (from 0), of the first `most`, that a click or this control chose."""
    state = st.session_state
    if "place" in state:
        state["token"] = view.token_at(state.pop("place")) + 1
    page.bring_back("token")
    state["token"] = min(max(state.get("token", most), 1), most)
    st.number_input(label, 1, most, key="token", help="Counted from 1, as under the heatmaps.")
    page.keep("token")
    return state["token"] - 1
