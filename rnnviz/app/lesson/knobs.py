"""Gates of one unit to be held: the text and the controls of the stops on cells."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from rnnviz.analysis.text_view import visible
from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.app import caches, cell, components, state
from rnnviz.app.address import Field, number
from rnnviz.app.caches import Pairs
from rnnviz.app.lesson.shared import show_elsewhere
from rnnviz.app.state import KEEP
from rnnviz.figures import circuit_message

TEXT = 'print("Hello, " + name)\n'
WIDTHS = (6, 5)  # of the circuit, at least 400 pixels on a screen of 1440, and of the curves
START = 10  # inside the string; counted from 1
UNITS = {"python-source-lstm": 160, "python-source-gru": 57}  # of each, one that knows strings
OWN = "own"  # a gate that is not held
VALUES = (OWN, *(n / 10 for n in range(11)))
EQUAL = 1e-6  # two numbers that count as equal differ by less
# From the second token on: before the first one the state is 0
TOKEN = Field("token", state.LESSON_TOKEN, number(int, 2, len(TEXT)), START)


def field(name: str, key: str) -> Field:
    return Field(name, key, _value, OWN)


def _value(text: str) -> str | float:
    """The nearest value of a knob. Raises ValueError."""
    if text == OWN:
        return OWN
    return round(number(float, 0, 1)(text), 1)


def knob(label: str, key: str) -> None:
    st.select_slider(label, VALUES, key=key, **KEEP, format_func=_label)


def _label(value: str | float) -> str:
    return "not held" if isinstance(value, str) else f"{value:g}"


def pick_token() -> None:
    st.slider("From token", 2, len(TEXT), key=state.LESSON_TOKEN, **KEEP)


def start() -> int:
    """The token from which on gates are held, from 0."""
    return st.session_state[state.LESSON_TOKEN] - 1


def pairs(keys: Mapping[str, str]) -> Pairs:
    """The gates that are held, given the session key of each gate's knob."""
    values = {name: st.session_state[key] for name, key in keys.items()}
    return tuple((name, value) for name, value in values.items() if value != OWN)


def steps(run: str, held: Pairs = ()) -> UnitSteps:
    """What the telling unit of a shipped run does along the text."""
    return caches.one_unit(caches.run_list()[run], TEXT, 0, UNITS[run], held, start())


def circuit(run: str, held: Pairs, dark: bool) -> None:
    """The telling unit of a shipped run at the token from which on gates are held."""
    message = circuit_message.pack(
        caches.run_list()[run],
        UNITS[run],
        steps(run),
        steps(run, held),
        dict(held),
        visible(TEXT[start()]),
        start(),
        dark,
    )
    components.circuit(message)


def leave(held: Mapping[str, Pairs]) -> None:
    """The page of cell states shows these runs with the same gates held; its circuits are further
    down."""
    session, known = st.session_state, caches.run_list()
    show_elsewhere(list(held), TEXT)
    session[state.TOKEN] = start() + 1
    session.pop(state.PLACE, None)
    components.reveal(state.CELL)
    for run, of_run in held.items():
        session.setdefault(state.UNITS, {})[run] = UNITS[run]
        if run in known:
            cell.hold(cell.key(known[run], TEXT, 0, UNITS[run]), start(), of_run)
