"""One cell as a circuit: the section of the Cell state page, and what is held in it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis.text_view import MAX_TOKENS, View
from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.app import caches, components, cursor, page, state
from rnnviz.app.address import Field, number
from rnnviz.app.caches import Pairs
from rnnviz.app.state import Choice
from rnnviz.figures import cell_message
from rnnviz.figures.cell_message import Cell
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.runs.info import RunInfo

MOST = 1e6  # of a value that a link holds


@dataclass(frozen=True)
class Hold:
    """What is held of a unit of a run from a token (from 0) on. In a link it is
    f:1,i:0@5/160/name: gates and states with their values, the token (from 1), unit and run."""

    run: str
    unit: int
    start: int
    pairs: Pairs

    def __str__(self) -> str:
        pairs = ",".join(f"{of}:{value:.12g}" for of, value in self.pairs)
        return f"{pairs}@{self.start + 1}/{self.unit}/{self.run}"


def _parse(text: str) -> Hold:
    """A hold of a link. Raises ValueError."""
    what, unit, run = text.split("/", 2)
    held, token = what.split("@")
    value = number(float, -MOST, MOST)
    pairs = {of: value(given) for of, given in (pair.split(":") for pair in held.split(","))}
    start = number(int, 1, MAX_TOKENS)(token) - 1
    return Hold(run, int(number(int, 0, 10**6)(unit)), int(start), tuple(pairs.items()))


FIELDS = (Field("hold", state.HOLDS, _parse, many=True),)


def take_holds(shown: Sequence[View], choice: Choice) -> None:
    """Hold what the address says, where it is news: a link, or the browser's Back. What a run or a
    text does not have is left out."""
    session = st.session_state
    before, asked = (session.get(name, []) for name in (state.HOLDS_SHOWN, state.HOLDS))
    if asked == before:
        return
    views = {view.info.name: view for view in shown}
    for one in (*(Hold(one.run, one.unit, 0, ()) for one in before), *asked):
        if (view := views.get(one.run)) is not None and _fits(one, view):
            session.setdefault(state.UNITS, {})[one.run] = one.unit
            hold(key(view.info, choice.text, choice.layer, one.unit), one.start, one.pairs)


def _fits(one: Hold, view: View) -> bool:
    names = view.gates.keys() | view.states.keys()
    is_there = one.unit < view.states["h"].shape[1] and one.start < len(view.tokens)
    return is_there and dict(one.pairs).keys() <= names


def one_cell(shown: Sequence[View], choice: Choice, order: str, first: int, dark: bool) -> None:
    """The section, below what else shows the units of a layer."""
    st.subheader("One cell")
    cells = [
        _cell(view, choice, unit) for view, unit in zip(shown, cursor.units_of(shown), strict=True)
    ]
    session = st.session_state
    session[state.HOLDS] = session[state.HOLDS_SHOWN] = [
        Hold(cell.view.info.name, cell.unit, cell.start, cell.pairs) for cell in cells if cell.held
    ]
    _caption(shown)
    components.cell(
        cell_message.pack(cells, order, first, choice.layer, dark),
        cell_message.held(cells, first),
        cell_message.height(cells),
        hold,
        lambda model, unit: cursor.choose_unit(shown[model], unit),
    )


def key(info: RunInfo, text: str, layer: int, unit: int) -> str:
    """Names a unit of a run on a text, so that it is held there alone."""
    path, changed = caches.stamp(info)
    layer = caches.own_layer(info, layer)
    return f"{path} {changed} {layer} {unit} {zlib.crc32(text.encode())}"


def _cell(view: View, choice: Choice, unit: int) -> Cell:
    """A run as the component takes it, held if that was asked for."""
    name = key(view.info, choice.text, choice.layer, unit)
    start, pairs = st.session_state.get(state.HELD, {}).get(name, (0, ()))
    steps, held = caches.unit_steps_of(view, choice, unit), None
    if pairs and start < len(view.tokens):
        with page.sentences():
            held = _held(view, choice, unit, pairs, start)
    page.show_sentence()
    return Cell(view, unit, steps, name, start, pairs, held)


def _held(view: View, choice: Choice, unit: int, pairs: Pairs, start: int) -> UnitSteps:
    """What a held unit does. Raises ValueError for values that the model cannot take."""
    found = caches.unit_steps_of(view, choice, unit, pairs, start)
    if not found.is_finite:
        raise ValueError("Held at this value, the states or the loss are no longer finite numbers")
    return found


def hold(name: str, start: int, pairs: Sequence[tuple[str, float]]) -> None:
    """Hold gates and states of the unit that `key` names, from a token (from 0) on."""
    held = st.session_state.setdefault(state.HELD, {})
    held[name] = (start, tuple((of, float(value)) for of, value in pairs))


def _caption(shown: Sequence[View]) -> None:
    cells = [CELL_TYPES[view.info.rnn_type] for view in shown]
    gated = [cell for cell in cells if cell.keep_gate]
    first = (
        "First step through the text with the arrow keys and watch a valve open or close."
        if gated
        else "First step through the text with the arrow keys: no valve keeps what is old."
    )
    holds_c = any(cell.has_cell_state for cell in gated)
    lstm = " Then hold f at 1 and i at 0: c stays as it is for ever." if holds_c else ""
    holds_h = not all(cell.has_cell_state for cell in gated)
    gru = " In the GRU, z near 1 keeps the old h (PyTorch's form)." if holds_h else ""
    st.caption(
        f"{first}{lstm} A thick wire carries one number of this unit, red positive and blue "
        "negative; thin wires carry all units. A gate is a valve as wide as its value. Each sum "
        f"W x and U h includes its bias.{gru}"
    )
