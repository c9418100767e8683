"""The address of a page: its query parameters hold what a link must open again.

`read` takes it into the session before a page is drawn. `show` says which models, text and layer
the page shows; `write` puts that and the page's own fields into the address, once all controls
that decide them are drawn.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from rnnviz import _paths
from rnnviz.app import components, page, state

MAX_RUNS = 4
MAX_MISSING = 20  # names of models that are not here
MAX_URL_TEXT = 2_000  # characters
EMBED = ("embed", "embed_options")  # parameters of Streamlit's own


@dataclass(frozen=True)
class Field:
    """A value that the address keeps.

    `name`: its query parameter. `key`: its key in the session. `parse`: makes a value of the
    parameter's text, or raises ValueError. `usual`: the value it begins with, None for none.
    `many`: the value is a list, and each entry a parameter of this name. `text`: the parameter of a
    value, or of an entry.
    """

    name: str
    key: str
    parse: Callable[[str], object]
    usual: object = None
    many: bool = False
    text: Callable[[Any], str] = str


def number(kind: type, low: float, high: float) -> Callable[[str], float]:
    """A parser of numbers in low..high; it raises ValueError for any other text."""

    def parse(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


def one_of(values: Collection[str]) -> Callable[[str], str]:
    """A parser of some texts; it raises ValueError for any other."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return parse


def any_name(text: str) -> str:
    """The name of a run. Whether there is such a run is for the page to see."""
    return text[:MAX_URL_TEXT]


def flag(text: str) -> bool:
    """A parser of True and False; it raises ValueError for any other text."""
    return one_of(("True", "False"))(text) == "True"


def is_open(key: str, name: str) -> Field:
    """Whether an expander is open; the expander has this key and `on_change="rerun"`."""
    return Field(name, key, flag, False)


@dataclass(frozen=True)
class Written:
    """The query string of the entry of the browser's history that is shown, as it was opened or
    gone back to, the one that the first `write` put in its place, "" before, and what the last one
    wrote."""

    opened: str
    completed: str = ""
    last: dict[str, list[str]] | None = None


def _now() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def named() -> list[str]:
    """The names of runs that the address has."""
    return st.query_params.get_all("runs")


def read(known: Collection[str], also: Sequence[Field]) -> None:
    """Take what the address says into the session, where it is news: a page was opened, or the
    browser went back. `known`: names of runs."""
    session, address, context = st.session_state, _now(), get_script_run_ctx()
    went_back = context is not None and context.is_history_navigation
    if state.ADDRESS in session and not went_back:
        return
    session[state.ADDRESS] = Written("" if context is None else context.query_string)
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
            _take(field, address.get(field.name), went_back)
        if field.parse is any_name:
            _say_gone(known, address.get(field.name, []))


def _take(field: Field, texts: list[str] | None, went_back: bool) -> None:
    """Take one field's parameters. Raises ValueError."""
    session = st.session_state
    if texts is not None:
        values = [field.parse(text) for text in texts]
        session[field.key] = values if field.many else values[0]
        if field.key == state.TOKEN:  # a place that was clicked before would choose another
            session.pop(state.PLACE, None)
    elif went_back:  # it had not been chosen yet
        session.pop(field.key, None)


def _say_gone(known: Collection[str], named: Sequence[str]) -> None:
    """Say which models a control's part of a link names that are not here."""
    unlisted = [name for name in named if name not in known]
    in_group = {folder.name for folder in _paths.RECALL_RUNS.glob("*")} if unlisted else set()
    for name in unlisted:
        if name not in in_group:
            page.say_once(
                f"This link names {page.plain(name[:100])}, which is not among the models here: "
                "others are shown. The Models page can add it."
            )


def _take_runs(known: Collection[str], named: Sequence[str]) -> None:
    """Show the models that a link names, and remember those that are not here."""
    session, here = st.session_state, [name for name in named if name in known]
    if named:
        session[state.RUNS] = here[:MAX_RUNS]
        session[state.MISSING] = [name for name in named if name not in known][:MAX_MISSING]
    if len(here) > MAX_RUNS:
        page.say_once(f"This link names {len(here)} models: the first four are shown.")


def show(names: Sequence[str], text: str | None, layer: int) -> None:
    """Say what the next `write` puts into the address. `text` is None on a page without one;
    `layer` counts from 0."""
    wanted = {"runs": list(names)} if names else {}
    if text is not None and len(text) <= MAX_URL_TEXT:
        wanted["text"] = [text]
    if text is not None and layer:
        wanted["layer"] = [str(layer + 1)]
    if text is not None and len(text) > MAX_URL_TEXT:
        page.say_once("This text is too long for the address: a link opens without it.")
    st.session_state[state.SHOWN] = wanted


def write(also: Sequence[Field] = ()) -> None:
    """Write what is shown, and these fields, into the address."""
    wanted = dict(st.session_state[state.SHOWN])
    for field in also:
        value = st.session_state.get(field.key)
        if value is not None and value is not False:
            texts = [field.text(one) for one in (value if field.many else [value])]
            if sum(map(len, texts)) <= MAX_URL_TEXT:
                wanted[field.name] = texts
    _put({name: values for name, values in wanted.items() if values})


def stop(also: Sequence[Field] = ()) -> NoReturn:
    """End the page here, with its address written."""
    write(also)
    st.stop()


def fragment(also: Sequence[Field]) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """`st.fragment`, which writes the address when the fragment runs alone. With the whole page
    the page itself does, once, so that one press of Back undoes it. A control that was moved just
    before another page was opened may run its fragment after that: it writes nothing there."""
    session = st.session_state
    its_page = session.get(state.PAGE)

    def wrap(body: Callable[[], None]) -> Callable[[], None]:
        @functools.wraps(body)
        def drawn() -> None:
            body()
            context = get_script_run_ctx()
            is_alone = context is not None and context.fragment_ids_this_run
            if is_alone and session.get(state.PAGE) == its_page and state.ADDRESS in session:
                write(also)

        return st.fragment(drawn)

    return wrap


def _put(wanted: dict[str, list[str]]) -> None:
    """Change the address of the page.

    What a person changes on a page gets an entry of the browser's history, as Streamlit does it.
    A page that was just opened, or gone back to, has its entry already: a second one would make the
    first Back show the same page again. So the browser's address is changed there by a component.

    A run that was asked for before the browser had the address of the run before it comes with an
    older one: what was written last decides, too.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    written = st.session_state[state.ADDRESS]
    if not written.completed:
        pairs = parse_qsl(context.query_string)
        kept = [(name, value) for name, value in pairs if name.lower() in EMBED]
        context.query_string = urlencode([*kept, *wanted.items()], doseq=True)
        written = replace(written, completed=context.query_string)
    elif _now() != wanted or written.last != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[state.ADDRESS] = replace(written, last=wanted)
    if not context.fragment_ids_this_run:  # the component is drawn with the whole page
        has_sidebar = "runs" in st.session_state[state.SHOWN]
        # In the sidebar its place moves nothing
        with st.sidebar if has_sidebar else contextlib.nullcontext():
            components.address(written.opened, written.completed)
