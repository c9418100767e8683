"""Stop 2: one network, applied again at each token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from rnnviz.analysis.unrolled import Unrolled
from rnnviz.app import caches, components, state
from rnnviz.app.address import Field, number
from rnnviz.app.lesson import copies
from rnnviz.app.lesson.copies import RUN, STEPS, TEXT
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

WITHOUT = ("header", ".window", ".told", ".widths")
SHORTEST, START = 2, 8
ROUNDING = 1e-5  # of states in float32, multiplied in another order
CHANGED = 0.1  # nats
FIELDS = (
    Field("length", state.LESSON_LENGTH, number(int, SHORTEST, STEPS), START),
    Field("forget", state.LESSON_FORGOTTEN, number(int, 0, STEPS - 1), 0),
)


@dataclass(frozen=True)
class Seen:
    """A text that was read: how many tokens, the parameters of the network, and the largest
    difference of its states from those of the same tokens in the whole text. Before step
    `forgotten`, 0 for none, states were zero: the largest change of a loss in nats, before that
    step and from it on."""

    length: int
    parameters: int
    apart: float
    forgotten: int = 0
    before: float = 0.0
    after: float = 0.0


def seen(
    run: Run, full: Unrolled, read: Unrolled, now: Unrolled | None = None, forgotten: int = 0
) -> Seen:
    """Of `read`, the first steps of `full`; `now`: as it is with the past forgotten."""
    length = len(read.losses)
    parameters = sum(weight.numel() for weight in run.model.parameters())
    apart = float(np.abs(read.states["h"] - full.states["h"][:, :length]).max())
    if now is None or not forgotten:
        return Seen(length, parameters, apart)
    change = np.abs(now.losses - read.losses)
    before, after = float(change[:forgotten].max()), float(change[forgotten:].max())
    return Seen(length, parameters, apart, forgotten, before, after)


def draw(dark: bool, check: Check) -> None:
    session, info = st.session_state, copies.info()
    length = session[state.LESSON_LENGTH]
    if session[state.LESSON_FORGOTTEN] >= length:
        session[state.LESSON_FORGOTTEN] = 0
    forgotten = session[state.LESSON_FORGOTTEN]

    def forget(step: int) -> None:
        session[state.LESSON_FORGOTTEN] = step

    text = TEXT[: length + 1]
    read, now = caches.unrolled(info, text), caches.unrolled(info, text, forgotten)
    check(seen(caches.run(info), caches.unrolled(info, TEXT), read, now, forgotten))
    st.slider("Tokens read", SHORTEST, STEPS, key=state.LESSON_LENGTH, **KEEP)
    copies.draw(2, length, WITHOUT, dark, forgotten=forgotten, on_forget=forget)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    lengths = sorted({one.length for one in shown})
    sizes = sorted({one.parameters for one in shown})
    apart = max(one.apart for one in shown)
    lost = [one for one in shown if one.forgotten]
    changed = ""
    if lost:
        one = max(lost, key=lambda one: one.after)
        changed = (
            f"Before token {one.forgotten + 1}: earlier losses change by {one.before:.2g} nats, "
            f"later ones by up to {one.after:.2g}."
        )
    return [
        Goal(
            f"Read three lengths. So far {_listed(lengths)} tokens, with "
            f"{' and '.join(f'{size:,}' for size in sizes)} parameters. States of the same "
            f"tokens differ by {apart:.1g}{', which is rounding' if 0 < apart < ROUNDING else ''}.",
            len(lengths) > 2 and len(sizes) == 1 and apart < ROUNDING,
        ),
        Goal(
            f"Forget the past before some token. {changed}",
            any(one.before < ROUNDING and one.after > CHANGED for one in lost),
        ),
    ]


def _listed(lengths: Sequence[int]) -> str:
    return ", ".join(map(str, lengths))


def leave() -> None:
    copies.leave()
    st.session_state[state.FORGOTTEN] = (TEXT, st.session_state[state.LESSON_FORGOTTEN])
    components.reveal(state.UNROLLED)


STOP = Stop(draw, goals, FIELDS, leave, (RUN,))
