"""The address of a page: its query parameters hold what a link must open again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.app import page, state

MAX_RUNS = 4
MAX_URL_TEXT = 2_000  # characters


@dataclass(frozen=True)
class Field:
    """A value that the address keeps.

    `name`: its query parameter. `key`: its key in the session. `parse`: makes a value of the
    parameter's text, or raises ValueError. `usual`: the value it begins with, None for none.
    """

    name: str
    key: str
    parse: Callable[[str], object]
    usual: object = None


def _now() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def mark_url_handled() -> None:
    """For a callback that may run twice within a moment: the second quick rerun still carries the
    old URL; do not treat it as the browser's Back."""
    st.session_state[state.ADDRESS] = _now()


def read(known: Collection[str], also: Sequence[Field]) -> None:
    """Take what the address says into the session, where it changed since it was written: a link
    was opened, or the browser went back. `known`: names of runs."""
    session, address = st.session_state, _now()
    if address == session.get(state.ADDRESS):
        return
    wanted = [name for name in address.get("runs", []) if name in known]
    if wanted:
        session[state.RUNS] = wanted[:MAX_RUNS]
    if "text" in address:
        session[state.TEXT] = address["text"][0]
    layer = address.get("layer", [""])[0]
    if layer.isdecimal() and len(layer) < 4:
        session[state.LAYER] = int(layer)
    for field in also:
        with contextlib.suppress(ValueError):
            if field.name in address:
                session[field.key] = field.parse(address[field.name][0])


def write(names: Sequence[str], text: str | None, layer: int, also: Sequence[Field]) -> None:
    """Write what is shown into the address. `text` is None on a page without one; `layer` counts
    from 0."""
    wanted = {"runs": list(names)}
    if text is not None and len(text) <= MAX_URL_TEXT:
        wanted["text"] = [text]
    if text is not None and layer:
        wanted["layer"] = [str(layer + 1)]
    if text is not None and len(text) > MAX_URL_TEXT:
        page.say_once("This text is too long for the address: a link opens without it.")
    for field in also:
        value = st.session_state.get(field.key)
        if value is not None and len(str(value)) <= MAX_URL_TEXT:
            wanted[field.name] = [str(value)]
    if _now() != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[state.ADDRESS] = wanted
