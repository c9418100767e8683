"""What every page shares: its sidebar, the address, caches, the heatmap component.

With the modules ui_*.py, one a page, the only one of the package that imports streamlit. torch is
imported inside functions, after the first elements are drawn.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from rnnviz import corpora, flows, runs, views
from rnnviz.background import Jobs
from rnnviz.flows import Flow
from rnnviz.runs import RunInfo
from rnnviz.views import View, visible

if TYPE_CHECKING:
    from rnnviz.runs import Run

T = TypeVar("T")
ASSETS = Path(__file__).resolve().parent.parent / "assets"
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
class Choice:
    """What the sidebar says: the models shown, the text, the layer (from 0).

    `device` is the place that says where they ran, once that is known.
    """

    runs: tuple[RunInfo, ...]
    text: str
    layer: int
    device: DeltaGenerator


@dataclass(frozen=True)
class Field:
    """Something that the address keeps: its name there, its key in the session, what makes a
    value of its text or raises ValueError, and the value it begins with (None: none)."""

    name: str
    key: str
    parse: Callable[[str], object]
    usual: object = None


def begin(page: str) -> None:
    """First line of every page, which gives its name.

    On a fresh server Streamlit may run a page's file without app.py, because the folder is
    named pages/ (its older way of making several pages). Then this switches that way off and
    starts again, through app.py.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
    st.session_state["page"] = page
    st.html("<style>.stMainBlockContainer { padding-top: 4rem; }</style>")


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def run_list() -> dict[str, RunInfo]:
    """Runs by name, read again when a run.json changed."""
    found: dict[str, RunInfo] = {}
    for folder in (runs.ASSETS, runs.runs_folder()):
        for file in sorted(folder.glob("*/run.json")):
            try:
                info = _info(str(file.parent), file.stat().st_mtime_ns)
            except (runs.RunError, OSError):
                continue
            found.setdefault(info.name, info)
    return found


@st.cache_resource(max_entries=100, show_spinner=False)
def _info(path: str, changed: int) -> RunInfo:
    return runs.read_info(path)


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The trainings of this server, one registry for all sessions."""
    return Jobs()


def show_on(page: str, names: Sequence[str]) -> NoReturn:
    """Go to a page with these models chosen, and with the example that suits them."""
    state, names = st.session_state, list(names)[:MAX_RUNS]
    _, text = state.get("kept_text", ("", ""))
    state["kept_runs"] = (state["page"], names)
    if not text or text in {example for _, example in PRESETS.values()}:
        state["kept_text"] = (state["page"], _preset(run_list(), names))
    st.switch_page(f"pages/{page}.py")


def label(info: RunInfo) -> str:
    """Cell type, validation loss, and what tells runs of one type apart."""
    loss = "" if info.valid_loss is None else f" {info.valid_loss:.2f} nats"
    usual = runs.run_name(info.corpus, info.rnn_type)
    return f"{info.rnn_type}{loss} · {info.corpus if info.name == usual else info.name}"


def sidebar(text: bool = True, also: Sequence[Field] = ()) -> Choice:
    """Models, text and layer; they follow the person over all pages and are in the address.

    Without `text` only the models are asked for. `also`: what else of a page the address keeps.
    """
    known, state = run_list(), st.session_state
    if not known:
        st.info("There is no trained run yet: `python -m rnnviz train --corpus python-source`.")
        st.stop()
    bring_back("runs", "text", "layer", *(field.key for field in also))
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
            format_func=lambda name: label(known[name]),
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
    keep("runs", "text", "layer")
    _write_address(state["runs"], state["text"] if text else None, layer, also)
    if not chosen:
        st.info("Choose at least one model in the sidebar.")
        st.stop()
    if text and not state["text"]:
        st.info("The text is empty: type one or choose an example in the sidebar.")
        st.stop()
    return Choice(chosen, state["text"], layer, device)


def bring_back(*keys: str) -> None:
    """Streamlit forgets a widget's value on another page: put back what `keep` kept."""
    state = st.session_state
    for key in keys:
        page, value = state.get(f"kept_{key}", (None, None))
        if page and (page != state["page"] or key not in state):
            state[key] = value


def keep(*keys: str) -> None:
    state = st.session_state
    for key in keys:
        state[f"kept_{key}"] = (state["page"], state[key])


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
        say_once("This text is too long to be part of the address: a link opens without it.")
    for field in also:
        value = st.session_state.get(field.key)
        if value is not None and len(str(value)) <= MAX_URL_TEXT:
            wanted[field.name] = [str(value)]
    if _address() != wanted:
        st.query_params.from_dict(wanted)
    st.session_state["address"] = wanted


def say_once(sentence: str) -> None:
    """A passing note, shown once a session."""
    said = st.session_state.setdefault("said", set())
    if sentence not in said:
        said.add(sentence)
        st.toast(sentence)


def say_unknown(tokens: Iterable[str]) -> None:
    """Say once what no vocabulary shown has."""
    some = " ".join(visible(token)[:20] for token in sorted(tokens)[:8])
    if some:
        say_once(f"Not in the vocabulary, shown as <unk>: {some}")


def plain(text: str) -> str:
    """Text of others for Streamlit's Markdown: nothing in it is markup."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """What goes wrong inside becomes the sentence of the next `show_sentence`."""
    try:
        yield
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        st.session_state["sentence"] = str(error)[:500] or "There is not enough memory for this"


def show_sentence() -> None:
    if sentence := st.session_state.pop("sentence", ""):
        st.error(f"{plain(sentence)}.")


def saved_at(info: RunInfo) -> datetime | None:
    """When a run was written, None once it is gone."""
    try:
        return datetime.fromtimestamp((info.path / "run.json").stat().st_mtime)
    except OSError:
        return None


@st.cache_resource(max_entries=8, show_spinner=False)
def run(path: str, changed: int) -> Run:
    return runs.load_run(path)


@st.cache_resource(max_entries=16, show_spinner=False)
def _view(path: str, changed: int, text: str, layer: int) -> View:
    return views.view(run(path, changed), text, layer)


def _seen(info: RunInfo, text: str, layer: int) -> View:
    return _view(*key(info, text, layer))


def key(info: RunInfo, text: str, layer: int) -> tuple[str, int, str, int]:
    """What results are cached by: a run as it is on disk now, the text, one of its layers."""
    return *stamp(info), text, min(layer, info.model["num_hidden_layers"] - 1)


def stamp(info: RunInfo) -> tuple[str, int]:
    """Where a run is and when it changed. Raises FileNotFoundError when it is gone."""
    return str(info.path), (info.path / "weights.safetensors").stat().st_mtime_ns


def shown(choice: Choice) -> list[View]:
    """Each chosen run on the text, from the cache where it was seen before.

    Says once what a vocabulary lacks, and what of a long text is left out.
    """
    try:
        found = [_seen(info, choice.text, choice.layer) for info in choice.runs]
    except FileNotFoundError as error:
        st.error(f"{error.filename} is no longer there: choose another model in the sidebar.")
        st.stop()
    except runs.RunError as error:
        st.error(f"{error}.")
        st.stop()
    found = [view for view in found if view.tokens]
    if not found:
        st.info("The text has no token: words are letters, digits and punctuation marks.")
        st.stop()
    for view in found:
        if not view.is_finite:
            st.warning(
                f"{plain(view.info.name)} is not shown: its states are no longer finite numbers "
                "on this text."
            )
    found = [view for view in found if view.is_finite]
    if not found:
        st.stop()
    say_unknown({token for view in found for token in view.unknown})
    left_out = max(view.left_out for view in found)
    if left_out:
        st.info(
            f"The text is long: its first {views.MAX_TOKENS:,} tokens are shown, "
            f"{left_out:,} characters are left out."
        )
    choice.device.caption(f"Device: {', '.join({view.device for view in found})}")
    return found


def places(view: View) -> list[str]:
    """What hover calls each token: its number and its text, `<unk>` not taken for markup."""
    return [f"{i} {html.escape(token)}" for i, token in enumerate(view.tokens, start=1)]


def held_out(choice: Choice) -> tuple[list[View], list[str]]:
    """Each run on validation text of its own corpus, and the names of those that have none here
    and are shown on the text of the sidebar."""
    found, without = [], []
    for info in choice.runs:
        text = validation_text(info.corpus)
        if not text:
            without.append(info.name)
        found.append(_seen(info, text or choice.text, choice.layer))
    return [view for view in found if view.tokens and view.is_finite], without


@st.cache_data(max_entries=20, show_spinner=False)
def validation_text(corpus: str) -> str:
    if corpus not in corpora.BUILT_IN:
        return ""
    try:
        return corpora.read(corpus).texts[1][: 8 * views.MAX_TOKENS]
    except corpora.CorpusError:
        return ""


def asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


_heatmaps = st.components.v2.component(
    "rnnviz_heatmaps",
    html='<div class="root"></div>',
    css=asset("heatmaps.css"),
    js=asset("heatmaps.js"),
)
_tell = st.components.v2.component("rnnviz_tell", js=asset("tell.js"))


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


@st.cache_resource(max_entries=64, show_spinner=False)
def _flow(path: str, changed: int, text: str, layer: int, target: int) -> Flow:
    return flows.flow(run(path, changed), text, layer, target)


@st.cache_resource(max_entries=8, show_spinner=False)
def _influence(path: str, changed: int, text: str, layer: int) -> np.ndarray:
    return flows.influence_log10(run(path, changed), text, layer)


@st.cache_resource(max_entries=512, show_spinner=False)
def laboratory(
    rnn_type: str, gain: float, forget_bias: float, size: int, steps: int, clip: bool
) -> np.ndarray:
    """`flows.laboratory`, cached: most sliders go back and forth over few places."""
    return flows.laboratory(rnn_type, gain, forget_bias, size, steps, clip)


def flow(view: View, choice: Choice, target: int) -> Flow:
    """The flow of one loss of a run, cached."""
    return _flow(*key(view.info, choice.text, choice.layer), target)


def influence(view: View, choice: Choice) -> np.ndarray:
    return _influence(*key(view.info, choice.text, choice.layer))


def side_by_side(items: Sequence[T], columns: int = 2) -> Iterator[tuple[DeltaGenerator, T]]:
    """Each item with a place for it, in rows of so many places; one below the other on a phone."""
    for start in range(0, len(items), columns):
        yield from zip(st.columns(columns), items[start : start + columns], strict=False)


def first_token(found: Sequence[View]) -> int:
    """The first token shown (from 0) of a text longer than a screen."""
    hidden = max(len(view.tokens) for view in found) - views.WINDOW
    if hidden <= 0:
        return 0
    st.session_state["first"] = min(st.session_state.get("first", 1), hidden + 1)
    return st.slider("First token shown", 1, hidden + 1, key="first") - 1


def pick_unit(found: Sequence[View]) -> tuple[View, int]:
    """The model and unit that a click or these two controls chose."""
    state, names = st.session_state, [view.info.name for view in found]
    bring_back("unit_run", "unit")
    if state.get("unit_run") not in names:
        state["unit_run"] = names[0]
    view = found[names.index(state["unit_run"])]
    most = view.states["h"].shape[1] - 1
    if state.get("unit", most + 1) > most:
        state["unit"] = views.most_telling_unit(view)
    left, right, _ = st.columns([2, 1, 3])
    left.selectbox("Model", names, key="unit_run")
    right.number_input("Unit", 0, most, key="unit")
    keep("unit_run", "unit")
    tell("unit", [names.index(view.info.name), state["unit"]])
    return view, state["unit"]


def pick_token(view: View, label: str, most: int) -> int:
    """The token (from 0), of the first `most`, that a click or this control chose."""
    state = st.session_state
    if "place" in state:
        state["token"] = view.token_at(state.pop("place")) + 1
    bring_back("token")
    state["token"] = min(max(state.get("token", most), 1), most)
    st.number_input(label, 1, most, key="token", help="Counted from 1, as under the heatmaps.")
    keep("token")
    return state["token"] - 1
