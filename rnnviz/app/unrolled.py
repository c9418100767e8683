"""Two sections of the Gradients page: a network unrolled in time, and the products that a gradient
is multiplied by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from rnnviz.analysis.counted import last_target
from rnnviz.analysis.text_view import View
from rnnviz.analysis.unrolled import STEPS
from rnnviz.app import caches, components, state, values
from rnnviz.app.address import Field, any_name, number
from rnnviz.app.state import Choice
from rnnviz.figures import products_message, unrolled_message
from rnnviz.figures.products_message import Factors
from rnnviz.figures.unrolled_message import Copies
from rnnviz.nn.cell_types import CELL_TYPES

FIELDS = (
    Field("unrolled", state.UNROLLED_RUN, any_name),
    Field(
        "loss",
        state.UNROLLED_LOSS,
        lambda text: (None, int(number(int, 1, STEPS)(text)) - 1),
        text=lambda value: str(value[1] + 1),
    ),
    Field(
        "forget",
        state.FORGOTTEN,
        lambda text: (None, int(number(int, 1, STEPS - 1)(text))),
        text=lambda value: str(value[1]),
    ),
)


def copies(shown: Sequence[View], names: Sequence[str], choice: Choice, dark: bool) -> None:
    """One of the models shown, unrolled."""
    session, view = st.session_state, _pick_model(shown, names)
    steps, forgotten = _steps(view), _forgotten(view, choice.text)
    target, opened = _opened(view)
    drawn = Copies(
        view.info,
        view.tokens[: steps + 1],
        view.counts[: steps + 1],
        now=caches.unrolled(view.info, choice.text, forgotten),
        whole=caches.unrolled(view.info, choice.text),
        target=target,
        forgotten=forgotten,
        opened=opened,
    )

    def forget(step: int) -> None:
        session[state.FORGOTTEN] = (choice.text, step)

    def loss(step: int) -> None:
        session[state.UNROLLED_LOSS] = (view.tokens, step)

    components.unrolled(unrolled_message.pack(drawn, dark), forget, loss)


def _pick_model(shown: Sequence[View], names: Sequence[str]) -> View:
    session, runs = st.session_state, [view.info.name for view in shown]
    if session.get(state.UNROLLED_RUN) not in runs:
        session[state.UNROLLED_RUN] = runs[0]
    labels = dict(zip(runs, names, strict=True))
    if len(runs) > 1:
        st.segmented_control(
            "Model",
            runs,
            key=state.UNROLLED_RUN,
            **state.KEEP,
            required=True,
            format_func=lambda run: labels[run],
        )
    return shown[runs.index(session[state.UNROLLED_RUN])]


def _steps(view: View) -> int:
    return min(STEPS, len(view.tokens) - 1)


def _usual(view: View) -> int:
    """The step whose loss is looked at first: the last one that counts."""
    steps = _steps(view)
    last = last_target(view.counts[: steps + 1])
    return steps - 1 if last is None else last


def _target(view: View) -> int:
    """The step whose loss was clicked, or is named by a link. Other tokens, as those of a model
    with another vocabulary, begin anew."""
    tokens, step = st.session_state.get(state.UNROLLED_LOSS, ((), 0))
    if tokens is None and step >= _steps(view):
        tokens = ()
    if tokens in (None, view.tokens):
        return step
    return _usual(view)


def _opened(view: View) -> tuple[int, int]:
    """The step whose loss the component looks at first, and a number that changes whenever it
    shall do so anew: the page was opened, or the loss is not one that was clicked there."""
    session, step = st.session_state, _target(view)
    tokens, _ = session.get(state.UNROLLED_LOSS, ((), 0))
    if tokens != view.tokens or values.is_opening():
        session[state.UNROLLED_LOSS] = (view.tokens, step)
        _, count = session.get(state.UNROLLED_OPENED, (0, 0))
        session[state.UNROLLED_OPENED] = (step, count + 1)
    return session[state.UNROLLED_OPENED]


def _forgotten(view: View, text: str) -> int:
    """The step before which states are zero, 0 for none; it is of one text."""
    session = st.session_state
    of_text, step = session.pop(state.FORGOTTEN, ("", 0))
    if of_text not in (None, text) or not 0 < step < _steps(view):
        return 0
    session[state.FORGOTTEN] = (text, step)
    return step


def products(shown: Sequence[View], names: Sequence[str], choice: Choice, dark: bool) -> None:
    """By what each step back multiplies the gradient of the loss that `copies` looks at."""
    run = st.session_state[state.UNROLLED_RUN]
    clicked = next(view for view in shown if view.info.name == run)
    target = _target(clicked)
    place = int(clicked.spans[target, 0])
    models = [_factors(view, name, choice, place) for view, name in zip(shown, names, strict=True)]
    models = [model for model in models if len(model.values)]
    if not models:
        st.info("The first token has no step before it: choose a later loss above.")
        return
    token = f"{target + 1} \u201c{clicked.tokens[target]}\u201d"
    components.products(products_message.pack(models, token, dark))


def _factors(view: View, name: str, choice: Choice, place: int) -> Factors:
    """What the loss at a place in the text meets; of an RNN as far as anything is left of it."""
    target = min(view.token_at(place), len(view.tokens) - 2)
    gate = CELL_TYPES[view.info.rnn_type].keep_gate
    if gate is not None:
        return Factors(view.info, name, products_message.of_gate(view.gates[gate], target))
    factors = caches.decay_of_loss(view.info, choice, target).factors
    return Factors(view.info, name, factors[: int(np.isfinite(factors).cumprod().sum())])
