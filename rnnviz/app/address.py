"""The address of a page: its query parameters hold what a link must open again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from rnnviz.app import components, page, state

MAX_RUNS = 4
MAX_URL_TEXT = 2_000  # characters
EMBED = ("embed", "embed_options")  # parameters of Streamlit's own


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


@dataclass(frozen=True)
class Written:
    """The address after a run of the page that is shown. `read`, `written`: what the run began
    with and what it wrote: the next run may begin with either. `opened`, `completed`: the query
    string that the page was opened with, and the one in its place."""

    read: dict[str, list[str]]
    written: dict[str, list[str]]
    opened: str
    completed: str


def _now() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def mark_url_handled() -> None:
    """For a callback that may run twice within a moment: the second quick rerun still carries the
    old URL; do not treat it as the browser's Back."""
    if (last := st.session_state.get(state.ADDRESS)) is not None:
        st.session_state[state.ADDRESS] = replace(last, read=_now())


def read(known: Collection[str], also: Sequence[Field]) -> None:
    """Take what the address says into the session, where it is news: a link was opened, or the
    browser went back. `known`: names of runs."""
    session, address, context = st.session_state, _now(), get_script_run_ctx()
    last = session.get(state.ADDRESS)
    went_back = context is not None and context.is_history_navigation
    if not went_back and last is not None and address in (last.read, last.written):
        return
    if "runs" in address:
        _take_runs(known, [name for name in dict.fromkeys(address["runs"]) if name])
    if "text" in address:
        session[state.TEXT] = address["text"][0]
    first = "1" if went_back and "text" in address else ""  # the first layer is not written
    layer = address.get("layer", [first])[0]
    if layer.isdecimal() and len(layer) < 4:
        session[state.LAYER] = int(layer)
    for field in also:
        with contextlib.suppress(ValueError):
            if field.name in address:
                session[field.key] = field.parse(address[field.name][0])


def _take_runs(known: Collection[str], named: Sequence[str]) -> None:
    """Show the models that a link names, and remember those that are not here."""
    session, here = st.session_state, [name for name in named if name in known]
    if named:
        session[state.RUNS] = here[:MAX_RUNS]
        session[state.MISSING] = [name for name in named if name not in known][:MAX_RUNS]
    if len(here) > MAX_RUNS:
        page.say_once(f"This link names {len(here)} models: the first four are shown.")


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
    _put(wanted)


def _put(wanted: dict[str, list[str]]) -> None:
    """Change the address of the page.

    What a person changes on a page gets an entry of the browser's history, as Streamlit does it.
    A page that was just opened has its entry already: a second one would make the first Back show
    the same page again. So the browser's address is changed there by a component.
    """
    context, before = get_script_run_ctx(), _now()
    if context is None:
        return
    last = st.session_state.get(state.ADDRESS)
    if last is None:
        opened, kept = context.query_string, parse_qsl(context.query_string)
        kept = [(name, value) for name, value in kept if name.lower() in EMBED]
        context.query_string = urlencode([*kept, *wanted.items()], doseq=True)
        last = Written(before, wanted, opened, context.query_string)
    elif before != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[state.ADDRESS] = replace(last, read=before, written=wanted)
    components.address(last.opened, last.completed)
