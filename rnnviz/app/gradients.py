"""The Gradients page: the loss that is looked at, and how far it reaches back in each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from rnnviz.analysis.counted import last_target
from rnnviz.analysis.text_view import MAX_TOKENS, View
from rnnviz.app import caches, cursor, state
from rnnviz.app.address import Field, flag, number
from rnnviz.app.state import KEEP, Choice
from rnnviz.app.values import give
from rnnviz.figures import comparison, gradients, style, training
from rnnviz.figures.gradients import ModelDecay

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

FIELDS = (
    cursor.token_field("target"),
    Field("window", state.WINDOW, number(int, 0, MAX_TOKENS)),
    Field("absolute", state.ABSOLUTE, flag, False),
    Field("bound", state.BOUND, flag, False),
)
NEARLY_0 = 0.01  # nats, below which a loss has only small gradients


def names(shown: Sequence[View]) -> list[str]:
    """A short name for each model: its cell type where all have one corpus and no other has it."""
    one_corpus = len({view.info.corpus for view in shown}) == 1
    short = comparison.names([view.info for view in shown])
    return short if one_corpus else [view.info.name for view in shown]


def token_name(view: View, t: int) -> str:
    """A token with its number, counted from 1 as under the heatmaps."""
    return f"{t + 1} \u201c{view.tokens[t]}\u201d"


def loss_of(view: View) -> tuple[int, int, bool]:
    """The token (from 0) whose prediction is the loss, the window of truncated BPTT (0 for none),
    and whether norms are shown as they are. `pick_loss` draws their controls."""
    session, most = st.session_state, _targets(view)
    give(state.WINDOW, min(session.get(state.WINDOW, 0), most))
    target = cursor.token_of(view, most, last_target(view.counts))
    return target, session[state.WINDOW], session[state.ABSOLUTE]


def pick_loss(view: View) -> None:
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    most = _targets(view)
    with left:
        cursor.pick_token(view, "Target: the loss after token", most)
    middle.slider(
        "Window of truncated BPTT, tokens (0: none)",
        0,
        most,
        key=state.WINDOW,
        **KEEP,
        help="Truncated BPTT (backpropagation through time) cuts the text into windows of this "
        "length, from its start. No gradient goes from a window into the one before.",
    )
    right.toggle("Absolute norms, not shares", key=state.ABSOLUTE, **KEEP)


def _targets(view: View) -> int:
    """How many tokens have a next one to predict."""
    return len(view.tokens) - 1


def decays(
    shown: Sequence[View], choice: Choice, target: int, dark: bool, bounds: bool
) -> list[ModelDecay]:
    """How far the loss after token `target` of the first model reaches back in each of them, and
    with `bounds` the upper bound of what an RNN carries.

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
        bound = caches.singular_bound(view.info, choice, t) if bounds else None
        kind = view.info.rnn_type
        counts = bool(view.counts[t + 1])
        found.append(ModelDecay(name, kind, style.color(kind, dark), dash, decay, bound, counts))
    return found


def losses(models: Sequence[ModelDecay]) -> str:
    """The loss of each model as a sentence, and what follows where one is nearly 0, or where the
    token is random."""
    counted = [model for model in models if model.counts]
    if not counted:
        return "This loss does not count: only the token after a cue does. Choose a cue as target."
    found = ", ".join(
        f"{m.name} {style.loss_text(m.decay.loss)} nats" if m.counts else f"{m.name} does not count"
        for m in models
    )
    if all(model.decay.loss >= NEARLY_0 for model in counted):
        return f"The loss here: {found}."
    return (
        f"The loss here: {found}. Where it is nearly 0, every gradient is small: compare the "
        "shapes of the curves, not their heights."
    )


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
