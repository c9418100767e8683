"""What trainings need and all sessions share: the trainings themselves, their texts, speeds."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from rnnviz.data import corpus
from rnnviz.data.source import Source, decode, from_text
from rnnviz.jobs.plan import Prepared, Speed, prepare
from rnnviz.jobs.queue import Jobs


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The trainings of this server, one registry for all sessions."""
    return Jobs()


@st.cache_resource(max_entries=4, show_spinner="Reading the text …")
def source(spec: str) -> Source:
    """A built-in corpus. Raises CorpusError."""
    return corpus.read(spec)


@st.cache_resource(max_entries=4, show_spinner="Reading the text …")
def uploaded(raw: bytes, name: str) -> Source:
    """A text file that was uploaded. Raises CorpusError."""
    return from_text(decode(raw, name), Path(name).stem)


@st.cache_resource(max_entries=2, show_spinner="Counting the tokens …", hash_funcs={Source: hash})
def in_tokens(source: Source, level: str, min_count: int, spec: str) -> Prepared:
    return prepare(source, level, min_count, spec)


@st.cache_resource(show_spinner=False)
def speeds() -> dict[tuple, tuple[float, Speed]]:
    """By the shape of a model and its batches: when its speed was measured, and the speed."""
    return {}
