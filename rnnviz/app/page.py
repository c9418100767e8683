"""What every page uses: how it begins, notes and errors, names of runs, columns."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from rnnviz.analysis.text_view import View, visible
from rnnviz.app import state
from rnnviz.nn.perplexity import LONG
from rnnviz.runs.info import RunInfo
from rnnviz.runs.names import run_name

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


def start_page(title: str) -> None:
    """First line of every page; shows its title.

    Because of the folder's name, pages/, a fresh server may run a page's file without app.py:
    this is Streamlit's older way of making several pages. Then this switches it off and starts
    again, through app.py.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
    st.html("<style>.stMainBlockContainer { padding-top: 4rem; }</style>")
    st.title(title)


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def label(info: RunInfo) -> str:
    """Cell type, validation loss, and the corpus; the run's name where it is not the usual one."""
    loss = "" if info.valid_loss is None else f" {info.valid_loss:.2f} nats"
    usual = run_name(info.corpus, info.rnn_type)
    return f"{info.rnn_type}{loss} · {info.corpus if info.name == usual else info.name}"


def decimals(column: pd.Series) -> str:
    """The format of a column of losses or perplexities; powers of ten where one is very large."""
    return "scientific" if (column.astype(float) >= LONG).any() else "%.4f"


def places(view: View) -> list[str]:
    """The hover label of each token: its number and its text, `<unk>` not taken for markup."""
    return [f"{i} {html.escape(token)}" for i, token in enumerate(view.tokens, start=1)]


def side_by_side(items: Sequence[T], columns: int = 2) -> Iterator[tuple[DeltaGenerator, T]]:
    """Each item with a column for it, in rows of `columns`; one below the other on a phone."""
    for start in range(0, len(items), columns):
        yield from zip(st.columns(columns), items[start : start + columns], strict=False)


def say_once(sentence: str) -> None:
    """A passing note, shown once a session."""
    said = st.session_state.setdefault(state.SAID, set())
    if sentence not in said:
        said.add(sentence)
        st.toast(sentence)


def say_unknown(tokens: Iterable[str]) -> None:
    """Say once which tokens no vocabulary shown has."""
    some = " ".join(visible(token)[:20] for token in sorted(tokens)[:8])
    if some:
        say_once(f"Not in the vocabulary, shown as <unk>: {some}")


def plain(text: str) -> str:
    """Other people's text for Streamlit's Markdown, with all markup escaped."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


@contextlib.contextmanager
def sentences() -> Generator[None]:
    """An error inside becomes the sentence of the next `show_sentence`."""
    try:
        yield
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        sentence = str(error)[:500] or "There is not enough memory for this"
        st.session_state[state.SENTENCE] = sentence


def show_sentence() -> None:
    if sentence := st.session_state.pop(state.SENTENCE, ""):
        st.error(f"{plain(sentence)}.")
