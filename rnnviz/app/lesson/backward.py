"""Stop 3: a loss, and its gradient back through all copies of the network before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from rnnviz.app import caches, state
from rnnviz.app.address import Field, number
from rnnviz.app.lesson import copies
from rnnviz.app.lesson.copies import RUN, STEPS, TEXT
from rnnviz.app.lesson.shared import difference
from rnnviz.app.lesson.stop import Check, Goal, Stop

WITHOUT = ("header", ".weights", ".forget", ".window")
FIELDS = (Field("loss", state.LESSON_LOSS, number(int, 1, STEPS), 1),)


@dataclass(frozen=True)
class Seen:
    """What is left of the gradient of the loss after a token, from 1, as shares of its norm at the
    state of that token: at the first token, the least of the states before, the most of those
    after."""

    loss: int
    first: float
    before: float
    after: float


def seen(norms: np.ndarray, loss: int) -> Seen:
    """Given `reach.loss_reach`."""
    share = norms[loss - 1] / norms[loss - 1, loss - 1]
    return Seen(
        loss,
        float(share[0]),
        float(min(share[: loss - 1], default=1.0)),
        float(max(share[loss:], default=0.0)),
    )


def draw(dark: bool, check: Check) -> None:
    session = st.session_state

    def choose(step: int) -> None:
        session[state.LESSON_LOSS] = step + 1

    loss = session[state.LESSON_LOSS]
    check(seen(caches.loss_reach(copies.info(), TEXT), loss))
    copies.draw(3, STEPS, WITHOUT, dark, target=loss - 1, on_loss=choose)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    middle = [one for one in shown if 1 < one.loss < STEPS]
    last = [one for one in shown if one.loss == STEPS]
    inside, whole = "", ""
    if middle:
        one = middle[-1]
        inside = (
            f"Loss {one.loss}: at the {STEPS - one.loss} states after it the gradient is "
            f"{difference(one.after)}, at the {one.loss - 1} before it {one.before:.2g} of its "
            "norm or more."
        )
    if last:
        share = last[-1].first
        power = f", 10 to the power of {math.log10(share):.1f}" if share else ""
        whole = f"There, {STEPS - 1} steps back, {share:.2g} of its norm is left{power}."
    return [
        Goal(
            f"Click a loss in the middle. {inside}",
            any(one.after == 0 < one.before for one in middle),
        ),
        Goal(
            f"Click the last loss: its gradient reaches the first token. {whole}",
            any(one.first > 0 for one in last),
        ),
    ]


def leave() -> None:
    copies.leave()
    st.session_state[state.TOKEN] = st.session_state[state.LESSON_LOSS]
    st.session_state.pop(state.PLACE, None)


STOP = Stop(draw, goals, FIELDS, leave, (RUN,))
