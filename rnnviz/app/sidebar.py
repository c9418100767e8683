"""The sidebar of every page: models, text and layer, which the address keeps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

from rnnviz.app import page
from rnnviz.app.page import Choice
from rnnviz.runs.info import RunInfo

MAX_RUNS = 4
MAX_URL_TEXT = 2_000
DEFAULT_RUNS = tuple(f"python-source-{kind}" for kind in ("lstm", "gru", "rnn-tanh", "rnn-relu"))

PRESETS = {
    "python-source": (
        "Python: brackets and quotes",
        "def greet(names, greeting='hello'):\n"
        '    """Return one line for each name."""\n'
        "    lines = [greeting + ', ' + name for name in sorted(names)]\n"
        "    return '\\n'.join(lines)  # a string\n",
    ),
    "python-docs": (
        "English: a sentence of the manual",
        "When a function is called, the arguments are bound to the names of the parameters. "
        "If an exception is raised and there is no handler for it, the execution stops.",
    ),
    "recall": (
        "Recall: a symbol, 30 fillers, the cue",
        "Dbagcfhedabgchfeadbcghfaebdcgfha?DGhfaecbdgahcefbdghacfebdagchfebd?G",
    ),
    "brackets": ("Brackets: nested pairs", "([{}<>](){[]})\n[{(<>)}]\n"),
    "counting": ("Counting: n times a, n times b", "aaaabbbb\naaaaaaabbbbbbb\n"),
}


@dataclass(frozen=True)
class Field:
    """Something that the address keeps: its name there, its key in the session, what makes a
    value of its text or raises ValueError, and the value it begins with (None: none)."""

    name: str
    key: str
    parse: Callable[[str], object]
    usual: object = None


def show_on(page: str, names: Sequence[str]) -> NoReturn:
    """Go to a page with these models chosen, and with the example that suits them."""
    state, names = st.session_state, list(names)[:MAX_RUNS]
    _, text = state.get("kept_text", ("", ""))
    state["kept_runs"] = (state["page"], names)
    if not text or text in {example for _, example in PRESETS.values()}:
        state["kept_text"] = (state["page"], _preset(page.run_list(), names))
    st.switch_page(f"pages/{page}.py")


def sidebar(text: bool = True, also: Sequence[Field] = ()) -> Choice:
    """Models, text and layer; they follow the person over all pages and are in the address.

    Without `text` only the models are asked for. `also`: what else of a page the address keeps.
    """
    known, state = page.run_list(), st.session_state
    if not known:
        st.info("There is no trained run yet: `python -m rnnviz train --corpus python-source`.")
        st.stop()
    page.bring_back("runs", "text", "layer", *(field.key for field in also))
    _read_address(known, also)
    for field in also:
        if field.usual is not None:
            state.setdefault(field.key, field.usual)
    if "runs" not in state:
        usual = [name for name in DEFAULT_RUNS if name in known]
        state["runs"] = (usual or list(known))[:MAX_RUNS]
    state["runs"] = [name for name in state["runs"] if name in known]
    if "text" not in state:
        state["text"] = _preset(known, state["runs"])
    with st.sidebar:
        st.multiselect(
            "Models shown",
            list(known),
            key="runs",
            format_func=lambda name: page.label(known[name]),
            max_selections=MAX_RUNS,
            on_change=_follow_preset,
            args=(known,),
            help="Cell type, corpus and validation loss in nats a token; up to four.",
        )
        if text:
            st.text_area(
                "Text",
                key="text",
                height=150,
                help="Your own text. Ctrl+Enter applies it.",
            )
            st.selectbox(
                "Example texts",
                list(PRESETS),
                index=None,
                key="example",
                format_func=lambda corpus: PRESETS[corpus][0],
                placeholder="Choose an example",
                on_change=_take_example,
            )
        chosen = tuple(known[name] for name in state["runs"])
        depth = max((info.model["num_hidden_layers"] for info in chosen), default=1)
        layer = _layer(depth) if text else state.setdefault("layer", 1) - 1
        device = st.empty()
    page.keep("runs", "text", "layer")
    _write_address(state["runs"], state["text"] if text else None, layer, also)
    if not chosen:
        st.info("Choose at least one model in the sidebar.")
        st.stop()
    if text and not state["text"]:
        st.info("The text is empty: type one or choose an example in the sidebar.")
        st.stop()
    return Choice(chosen, state["text"], layer, device)


def _layer(depth: int) -> int:
    """The layer shown, from 0; the control is there where a model has more than one."""
    state = st.session_state
    state["layer"] = min(max(state.get("layer", 1), 1), depth)
    st.selectbox(
        "Layer",
        range(1, depth + 1),
        key="layer",
        disabled=depth == 1,
        help="1 reads the text; the last one feeds the prediction.",
    )
    return state["layer"] - 1


def _preset(known: dict[str, RunInfo], names: Sequence[str]) -> str:
    corpus = known[names[0]].corpus if names else "python-source"
    return PRESETS.get(corpus, PRESETS["python-source"])[1]


def _follow_preset(known: dict[str, RunInfo]) -> None:
    """Other models, and the text is still an example: take the example that suits them."""
    state = st.session_state
    page, text = state["kept_text"]
    if state.get("text", text) in {text for _, text in PRESETS.values()}:
        state["text"] = _preset(known, state["runs"])
        state["kept_text"] = (page, state["text"])


def _take_example() -> None:
    if st.session_state["example"]:
        st.session_state["text"] = PRESETS[st.session_state["example"]][1]


def _address() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def ours() -> None:
    """For a callback that may come twice within a moment: the address the browser sends with the
    second call is still the old one, and is no wish to go back."""
    st.session_state["address"] = _address()


def _read_address(known: dict[str, RunInfo], also: Sequence[Field]) -> None:
    """A link that was opened, or the browser's Back: take what the address says."""
    state, address = st.session_state, _address()
    if address == state.get("address"):
        return
    wanted = [name for name in address.get("runs", []) if name in known]
    if wanted:
        state["runs"] = wanted[:MAX_RUNS]
    if "text" in address:
        state["text"] = address["text"][0]
    layer = address.get("layer", [""])[0]
    if layer.isdecimal() and len(layer) < 4:
        state["layer"] = int(layer)
    for field in also:
        with contextlib.suppress(ValueError):
            if field.name in address:
                state[field.key] = field.parse(address[field.name][0])


def _write_address(
    names: Sequence[str], text: str | None, layer: int, also: Sequence[Field]
) -> None:
    """Keep the address such that a link opens what is seen; `text` is None where none is."""
    wanted = {"runs": list(names)}
    if text is not None and len(text) <= MAX_URL_TEXT:
        wanted["text"] = [text]
    if text is not None and layer:
        wanted["layer"] = [str(layer + 1)]
    if text is not None and len(text) > MAX_URL_TEXT:
        page.say_once("This text is too long to be part of the address: a link opens without it.")
    for field in also:
        value = st.session_state.get(field.key)
        if value is not None and len(str(value)) <= MAX_URL_TEXT:
            wanted[field.name] = [str(value)]
    if _address() != wanted:
        st.query_params.from_dict(wanted)
    st.session_state["address"] = wanted
