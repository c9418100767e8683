"""The Gradients page: the loss that is looked at, and how far it reaches back in each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from rnnviz.analysis.text_view import View
from rnnviz.app import caches, cursor, page, state
from rnnviz.app.state import Choice
from rnnviz.figures import comparison, gradients, style, training
from rnnviz.figures.gradients import Decay, ModelDecay
from rnnviz.nn.cell_types import RNN_TYPES

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

PRESETS = {"vanishing": (0.5, 0.0), "preserved": (1.0, 3.0), "exploding": (3.0, 0.0)}


def names(shown: Sequence[View]) -> list[str]:
    """A short name for each model: its cell type where all have one corpus and no other has it."""
    one_corpus = len({view.info.corpus for view in shown}) == 1
    short = comparison.names([view.info for view in shown])
    return short if one_corpus else [view.info.name for view in shown]


def token_name(view: View, t: int) -> str:
    """A token with its number, counted from 1 as under the heatmaps."""
    return f"{t + 1} \u201c{view.tokens[t]}\u201d"


def pick_loss(view: View) -> tuple[int, int]:
    """The token (from 0) whose prediction is the loss, and the window of truncated BPTT, 0 for
    none."""
    session = st.session_state
    left, right = st.columns(2)
    most = len(view.tokens) - 1  # the last token has no next one to predict
    with left:
        target = cursor.pick_token(view, "Target: the loss after token", most)
    session[state.WINDOW] = min(session.get(state.WINDOW, 0), most)
    right.slider("Window of truncated BPTT, tokens (0: none)", 0, most, key=state.WINDOW)
    return target, session[state.WINDOW]


def decays(shown: Sequence[View], choice: Choice, target: int, dark: bool) -> list[ModelDecay]:
    """How far the loss after token `target` of the first model reaches back in each of them.

    Vocabularies differ: the target of each model is its token at the same place in the text.
    """
    place = shown[0].spans[target, 0]
    kinds = [view.info.rnn_type for view in shown]
    dashes = style.dashes(kinds, gradients.H_DASHES)
    found = []
    for view, name, dash in zip(shown, names(shown), dashes, strict=True):
        t = min(view.token_at(place), len(view.tokens) - 2)
        if view.tokens != shown[0].tokens:
            name = f"{name} after {token_name(view, t)}"
        decay = caches.decay_of_loss(view.info, choice, t)
        found.append(ModelDecay(name, style.color(view.info.rnn_type, dark), dash, decay))
    return found


def _take(preset: str) -> None:
    st.session_state[state.GAIN], st.session_state[state.FORGET_BIAS] = PRESETS[preset]


def laboratory(dark: bool) -> list[Decay]:
    """The controls of the laboratory, and one line for each cell type under these settings."""
    for column, preset in page.side_by_side(list(PRESETS), 3):
        column.button(preset, on_click=_take, args=(preset,), width="stretch")
    st.session_state.setdefault(state.GAIN, 1.0)
    st.session_state.setdefault(state.FORGET_BIAS, 0.0)
    left, right = st.columns(2)
    gain = left.slider("Recurrent gain", 0.1, 4.0, step=0.1, key=state.GAIN)
    bias = right.slider("Forget-gate bias (LSTM)", -2.0, 6.0, step=0.5, key=state.FORGET_BIAS)
    size = left.slider("Hidden size", 8, 128, 64, step=8, key=state.LAB_SIZE)
    steps = right.slider("Length, tokens", 10, 300, 100, step=10, key=state.LAB_STEPS)
    clip = st.toggle("Clip the gradient norm to 0.25", key=state.LAB_CLIP)
    return [
        Decay(
            rnn_type,
            style.color(rnn_type, dark),
            caches.laboratory(rnn_type, gain, bias, size, steps, clip),
        )
        for rnn_type in RNN_TYPES
    ]


def training_norms(trained: Sequence[tuple[str, View]], dark: bool) -> Figure:
    """The norm of the gradient over the training of each model (name, view), as recorded."""
    runs = []
    looks = comparison.styles([view.info for _, view in trained], dark)
    for (name, view), (color, dash) in zip(trained, looks, strict=True):
        records = [(record["step"], record["grad_norm"]) for record in view.info.history]
        steps, norms = np.array(records).T  # (N,)
        runs.append((name, color, steps, norms, dash))
    clips = {view.info.config.get("clip") for _, view in trained}
    clip = clips.pop() if len(clips) == 1 else None
    return training.training_norms(runs, clip, "Norm of the gradient over training")
