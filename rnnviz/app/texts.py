"""The text that models read: examples make way for fitting ones, what a person typed is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import streamlit as st

from rnnviz.app import state
from rnnviz.data import builtin
from rnnviz.data.builtin import EXAMPLES, BuiltIn
from rnnviz.data.source import CorpusError
from rnnviz.data.vocab import UNK, tokenize
from rnnviz.runs.info import RunInfo

EXAMPLE_TEXTS = {text for _, text in EXAMPLES.values()}
MOST_UNKNOWN = 0.1  # of the tokens of a text that a model knows
OWN_TOKENS = 60  # of a vocabulary that knows no example, as a text


def corpus_of(info: RunInfo) -> BuiltIn | None:
    """The corpus of a run, if it is one of those that are there by name."""
    with contextlib.suppress(CorpusError):  # a run of others may name any delay
        return builtin.find(info.spec or info.corpus)
    return None


def known_to(infos: Sequence[RunInfo], text: str) -> bool:
    """Whether one of these models knows nearly all tokens of a text."""
    for info in infos:
        tokens, known = tokenize(text, info.vocab.split), info.vocab.token2id
        if sum(token not in known for token in tokens) <= MOST_UNKNOWN * len(tokens):
            return True
    return False


def fitting(info: RunInfo) -> str:
    """A text for a model: the example of its corpus, else one that it knows, else the first tokens
    of its vocabulary."""
    corpus = corpus_of(info)
    own = [corpus.example] if corpus is not None and corpus.example else []
    for _, text in (*own, *EXAMPLES.values()):
        if known_to([info], text):
            return text
    tokens = [n for n, t in enumerate(info.vocab.id2token) if t != UNK and t.isprintable()]
    return info.vocab.decode(tokens[:OWN_TOKENS])


def is_example(text: str) -> bool:
    """Whether nobody typed the text, so that another may take its place."""
    return text in EXAMPLE_TEXTS or text == st.session_state.get(state.SUGGESTED)


def suggest(text: str) -> None:
    """Show a text that nobody typed."""
    st.session_state[state.TEXT] = st.session_state[state.SUGGESTED] = text


def settle(infos: Sequence[RunInfo]) -> None:
    """Before the text is drawn: remember a typed one, replace an example that none of the models
    shown knows."""
    session = st.session_state
    text = session[state.TEXT]
    if text and not is_example(text):
        session[state.TYPED] = text
    elif text and infos and not known_to(infos, text):
        suggest(fitting(infos[0]))


def follow(infos: Sequence[RunInfo]) -> None:
    """Other models were chosen: an example makes way for that of the first model."""
    if infos and is_example(st.session_state[state.TEXT]):
        suggest(fitting(infos[0]))
