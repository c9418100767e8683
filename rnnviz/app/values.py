"""Values that the app gives to widgets, and when a page is new to them."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from rnnviz.app import state


def is_opening() -> bool:
    """Whether the page is drawn for the first time since it was opened or gone back to; of a page
    without an address it is not known."""
    written = st.session_state.get(state.ADDRESS)
    return written is not None and not written.completed


def give(key: str, value: object, is_new: bool = False) -> None:
    """Let a widget have a value, where it has another or none, or is drawn for the first time.

    Streamlit sends each value that is assigned to the browser, also one that the widget has. There
    it would undo what a person did since the run began. It knows a widget by its page and its key:
    on another page, which `is_new` need not say, it starts anew.
    """
    session = st.session_state
    if is_new or is_opening() or key not in session or session[key] != value:
        session[key] = value


def kept_labels(key: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels of a widget's options, by option. One that was drawn stays until the page is
    opened again, though that of a run in training has another loss by now: the browser tells what
    is chosen by its label, and a choice whose label is gone would be lost."""
    of_lists = st.session_state.setdefault(state.LABELS, {})
    drawn = {} if is_opening() else of_lists.get(key, {})
    kept = {option: drawn.get(option, label) for option, label in labels.items()}
    if len(set(kept.values())) < len(kept):  # two would have one label
        kept = dict(labels)
    of_lists[key] = kept
    return kept
