"""The unit and the token that are looked at: a click in a heatmap or a control chooses them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnnviz.analysis import text_view
from rnnviz.analysis.text_view import View
from rnnviz.app import components, state
from rnnviz.app.address import Field, any_name, number, one_of
from rnnviz.app.state import KEEP
from rnnviz.app.values import give

UNIT_FIELDS = (
    Field("model", state.UNIT_RUN, any_name),
    Field("unit", state.UNIT, number(int, 0, 10**6)),
    Field("order", state.ORDER, one_of(text_view.ORDERS), "mean"),
    Field("first", state.FIRST, number(int, 1, text_view.MAX_TOKENS)),
)


def token_field(name: str) -> Field:
    return Field(name, state.TOKEN, number(int, 1, text_view.MAX_TOKENS))


def pick_order() -> str:
    st.segmented_control("Order of units", text_view.ORDERS, key=state.ORDER, **KEEP, required=True)
    return st.session_state[state.ORDER]


def pick_first_token(shown: Sequence[View]) -> int:
    """The first token shown (from 0) of a text longer than a screen."""
    session = st.session_state
    hidden = max(len(view.tokens) for view in shown) - text_view.WINDOW
    if hidden <= 0:
        return 0
    give(state.FIRST, min(session.get(state.FIRST, 1), hidden + 1))
    return st.slider("First token shown", 1, hidden + 1, key=state.FIRST, **KEEP) - 1


def unit_of(shown: Sequence[View]) -> tuple[View, int]:
    """The model and the unit. Each model opens at its most telling unit, and keeps the one that was
    chosen in it."""
    session, names = st.session_state, [view.info.name for view in shown]
    chosen = session.get(state.UNIT_RUN)
    give(state.UNIT_RUN, chosen if chosen in names else names[0])
    view = shown[names.index(session[state.UNIT_RUN])]
    unit = session[state.UNIT_SHOWN] = _unit(view)
    give(state.UNIT, unit)
    return view, unit


def units_of(shown: Sequence[View]) -> list[int]:
    """The unit of each model, once `unit_of` has said which one is looked at."""
    return [_unit(view) for view in shown]


def choose_unit(view: View, unit: int) -> None:
    """A click chose a unit of a model."""
    session = st.session_state
    session[state.UNIT_RUN] = view.info.name
    session.setdefault(state.UNITS, {})[view.info.name] = unit


def pick_unit(
    shown: Sequence[View], left: DeltaGenerator, right: DeltaGenerator
) -> tuple[View, int]:
    """The model and the unit, with a control for each in one of two columns."""
    names = [view.info.name for view in shown]
    view, unit = unit_of(shown)
    left.selectbox("Model", names, key=state.UNIT_RUN, **KEEP)
    most = view.states["h"].shape[1] - 1
    with right.container(gap=None):  # what tells the heatmaps takes no room
        st.number_input("Unit", 0, most, key=state.UNIT, **KEEP)
        components.tell("unit", [names.index(view.info.name), unit])
    return view, unit


def _unit(view: View) -> int:
    """The unit of a model that is looked at: the one chosen in it last, at first the one that acts
    most like a switch."""
    session, name = st.session_state, view.info.name
    units = session.setdefault(state.UNITS, {})
    chosen = session.get(state.UNIT)
    if chosen not in (None, session.get(state.UNIT_SHOWN)):  # a control or a link chose it
        units[name] = chosen
    if not 0 <= units.get(name, -1) < view.states["h"].shape[1]:
        units[name] = text_view.most_switching_unit(view)
    return units[name]


def token_of(view: View, most: int, usual: int | None = None) -> int:
    """The token (from 0) among the first `most`; at first `usual` (from 0), or the last of them."""
    session = st.session_state
    if state.PLACE in session:
        session[state.TOKEN] = view.token_at(session.pop(state.PLACE)) + 1
    first = most if usual is None else usual + 1
    give(state.TOKEN, min(max(session.get(state.TOKEN, first), 1), most))
    return session[state.TOKEN] - 1


def pick_token(view: View, label: str, most: int, usual: int | None = None) -> int:
    """`token_of`, with a control for it."""
    token = token_of(view, most, usual)
    st.number_input(
        label, 1, most, key=state.TOKEN, **KEEP, help="Counted from 1, as under the heatmaps."
    )
    return token
