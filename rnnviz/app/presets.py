"""Presets: models, and a text that shows what they do, chosen together."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from rnnviz.app import caches, state, texts
from rnnviz.app.address import MAX_RUNS
from rnnviz.app.values import give
from rnnviz.data.builtin import EXAMPLES
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs import library
from rnnviz.runs.info import RunInfo
from rnnviz.runs.names import run_name


@dataclass(frozen=True)
class Preset:
    """`runs`: names of the models, four at most. `text`: what they read."""

    label: str
    runs: tuple[str, ...]
    text: str


def _all_types(corpus: str) -> tuple[str, ...]:
    return tuple(run_name(corpus, kind) for kind in RNN_TYPES)


# The first is what the app opens with.
PRESETS = {
    "python": Preset(
        "Brackets in Python", _all_types("python-source"), EXAMPLES["python-source"][1]
    ),
    "english": Preset("English words", _all_types("python-docs"), EXAMPLES["python-docs"][1]),
    "letters": Preset(
        "English letters", _all_types("python-docs-chars"), EXAMPLES["python-docs"][1]
    ),
    "recall": Preset(
        "Recall after 30 letters", ("recall-lstm", "recall-rnn-tanh"), EXAMPLES["recall"][1]
    ),
}
USUAL = PRESETS["python"]


def available(known: Mapping[str, RunInfo]) -> dict[str, Preset]:
    """The presets whose models are here, and one of a person's own models."""
    found = {key: preset for key, preset in PRESETS.items() if known.keys() >= {*preset.runs}}
    own = [info for info in known.values() if library.is_own(info)]
    if own:
        newest = max(own, key=_changed)
        alike = [info.name for info in own if info.corpus == newest.corpus]
        names = tuple(sorted(alike, key=lambda name: name != newest.name))[:MAX_RUNS]
        found["own"] = Preset("Your own models", names, texts.fitting(newest))
    return found


def _changed(info: RunInfo) -> int:
    with contextlib.suppress(OSError):  # its weights are gone: the pages say so
        return caches.stamp(info)[1]
    return 0


def pick(known: Mapping[str, RunInfo]) -> None:
    """The control of the sidebar."""
    offered = _show_chosen(known, state.PRESET)
    st.selectbox(
        "Models and text",
        list(offered),
        index=None,
        key=state.PRESET,
        format_func=lambda key: offered[key].label,
        placeholder="Your own choice",
        on_change=_take,
        args=(offered, state.PRESET),
        help="Chooses models and a text that shows what they do, both together.",
    )


def buttons(known: Mapping[str, RunInfo]) -> None:
    """The control of Home."""
    offered = _show_chosen(known, state.HOME_PRESET)
    st.pills(
        "Models and text",
        list(offered),
        key=state.HOME_PRESET,
        **state.KEEP,
        format_func=lambda key: offered[key].label,
        on_change=_take,
        args=(offered, state.HOME_PRESET),
        label_visibility="collapsed",
    )


def _show_chosen(known: Mapping[str, RunInfo], key: str) -> dict[str, Preset]:
    """The presets there are; the control `key` shows the one that the page has now, if any."""
    session, offered = st.session_state, available(known)
    now = tuple(session[state.RUNS]), session[state.TEXT]
    same = (name for name, preset in offered.items() if (preset.runs, preset.text) == now)
    give(key, next(same, None))
    return offered


def _take(offered: Mapping[str, Preset], key: str) -> None:
    session = st.session_state
    if session[key] is not None:
        preset = offered[session[key]]
        session[state.RUNS], session[state.MISSING] = list(preset.runs), []
        texts.suggest(preset.text)
