"""What pages share: how they begin, what is computed once, sentences.

With the modules ui_*.py the only one of the package that imports streamlit. torch is
imported inside functions, after the first elements are drawn.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from rnnviz import _paths
from rnnviz._process import turn
from rnnviz.analysis import text_view
from rnnviz.analysis.text_view import Saturation, View, visible
from rnnviz.data import builtin
from rnnviz.data.source import CorpusError
from rnnviz.jobs.queue import Jobs
from rnnviz.runs import store
from rnnviz.runs.info import RunError, RunInfo, read_info
from rnnviz.runs.names import run_name, runs_folder

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """What the sidebar says: the models shown, the text, the layer (from 0).

    `device` is the place that says where they ran, once that is known.
    """

    runs: tuple[RunInfo, ...]
    text: str
    layer: int
    device: DeltaGenerator


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
    for folder in (_paths.SHIPPED_RUNS, runs_folder()):
        for file in sorted(folder.glob("*/run.json")):
            try:
                info = _info(str(file.parent), file.stat().st_mtime_ns)
            except (RunError, OSError, UnicodeError):  # a folder's name may be no text
                continue
            found.setdefault(info.name, info)
    return found


@st.cache_resource(max_entries=100, show_spinner=False)
def _info(path: str, changed: int) -> RunInfo:
    return read_info(path)


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The trainings of this server, one registry for all sessions."""
    return Jobs()


def label(info: RunInfo) -> str:
    """Cell type, validation loss, and what tells runs of one type apart."""
    loss = "" if info.valid_loss is None else f" {info.valid_loss:.2f} nats"
    usual = run_name(info.corpus, info.rnn_type)
    return f"{info.rnn_type}{loss} · {info.corpus if info.name == usual else info.name}"


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
    return store.load_run(path)


@st.cache_resource(max_entries=16, show_spinner=False)
def _view(path: str, changed: int, text: str, layer: int) -> View:
    with turn():
        return text_view.view(run(path, changed), text, layer)


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
    except RunError as error:
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
            f"The text is long: its first {text_view.MAX_TOKENS:,} tokens are shown, "
            f"{left_out:,} characters are left out."
        )
    choice.device.caption(f"Device: {', '.join({view.device for view in found})}")
    return found


def places(view: View) -> list[str]:
    """What hover calls each token: its number and its text, `<unk>` not taken for markup."""
    return [f"{i} {html.escape(token)}" for i, token in enumerate(view.tokens, start=1)]


def saturation(info: RunInfo, choice: Choice) -> Saturation:
    """The gates of a run on validation text of its own corpus, or of the sidebar's text where
    there is none here."""
    own = validation_text(info.corpus)
    if own:
        return _saturation(*key(info, own, choice.layer))
    return text_view.saturation(_seen(info, choice.text, choice.layer))


@st.cache_resource(max_entries=200, show_spinner=False)
def _saturation(path: str, changed: int, text: str, layer: int) -> Saturation:
    """Two numbers a unit are kept, not the gates of so many tokens that they are counted from."""
    with turn():
        return text_view.saturation(text_view.view(run(path, changed), text, layer))


@st.cache_data(max_entries=20, show_spinner=False)
def validation_text(corpus: str) -> str:
    if corpus not in builtin.BUILT_IN:
        return ""
    try:
        return corpus.read(corpus).texts[1][: 8 * text_view.MAX_TOKENS]
    except CorpusError:
        return ""


def side_by_side(items: Sequence[T], columns: int = 2) -> Iterator[tuple[DeltaGenerator, T]]:
    """Each item with a place for it, in rows of so many places; one below the other on a phone."""
    for start in range(0, len(items), columns):
        yield from zip(st.columns(columns), items[start : start + columns], strict=False)
