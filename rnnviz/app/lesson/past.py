"""Stop 14: what of the past matters, and what a state is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis.past import Past
from rnnviz.app import caches, components, context, page, state
from rnnviz.app.address import Field, number
from rnnviz.app.lesson.shared import show_elsewhere
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.data.builtin import EXAMPLES
from rnnviz.figures import comparison, past_message
from rnnviz.figures import context as figures

RUNS = ("python-source-lstm", "python-source-rnn-tanh")  # one that reaches far, one that does not
CODE = EXAMPLES["python-source"][1]
TEXT = CODE[: CODE.index("]\n") + 1]  # up to the end of a line
MUCH, LITTLE = 0.5, 0.05  # of the probability
BARS = 3  # of the likeliest next tokens
FIELDS = (Field("from", state.LESSON_KNOWN, number(int, 0, len(TEXT) - 1)),)


@dataclass(frozen=True)
class Seen:
    """How many tokens were known, of how many, and the share of the probability that was not where
    the whole text puts it, in each of RUNS."""

    length: int
    most: int
    moved: tuple[float, ...]


def seen(pasts: Sequence[Past], place: int | None) -> Seen:
    most = len(pasts[0].tokens)
    length = most - (0 if place is None else min(place, most - 1))
    return Seen(length, most, tuple(float(past.moved[length - 1]) for past in pasts))


def draw(dark: bool, check: Check) -> None:
    session = st.session_state
    infos = [caches.run_list()[name] for name in RUNS]
    pasts = [caches.past(info, TEXT) for info in infos]
    check(seen(pasts, session.get(state.LESSON_KNOWN)))

    def known_from(place: int | None) -> None:
        session[state.LESSON_KNOWN] = place

    names = comparison.names(infos)
    message = past_message.pack(pasts, names, session.get(state.LESSON_KNOWN), dark, BARS)
    components.past(message, past_message.height(message), known_from, state.LESSON_PAST)
    asked = context.ask(infos, TEXT, "cut")
    context.live(
        asked,
        dark,
        lambda models, losses: page.chart(figures.losses(models, losses), state.LESSON_CHART),
    )
    st.caption(page.plain(context.steps_note(asked)))


def goals(shown: Sequence[Seen]) -> list[Goal]:
    shorter = [one for one in shown if one.length < one.most]
    far, near = comparison.names([caches.run_list()[name] for name in RUNS])
    lost = max(shorter, key=lambda one: one.moved[0], default=None)
    kept = min(
        (one for one in shorter if one.moved[0] < LITTLE), key=lambda one: one.length, default=None
    )
    most = f"Most so far: {lost.moved[0]:.0%} with {lost.length} tokens." if lost else ""
    least = f"Fewest so far: {kept.length} of {kept.most} tokens." if kept else "None so far."
    apart = [one for one in shorter if one.moved[0] > 2 * one.moved[1] and one.moved[0] > LITTLE]
    told = ""
    if apart:
        one = apart[-1]
        told = f"With {one.length} tokens: {one.moved[0]:.0%} and {one.moved[1]:.0%}."
    return [
        Goal(
            f"Leave so little that most of the {far}'s probability goes elsewhere. {most}",
            lost is not None and lost.moved[0] > MUCH,
        ),
        Goal(
            f"Leave out some of the past, and less than {LITTLE:.0%} of it moves. {least}",
            kept is not None,
        ),
        Goal(
            f"Strike out what moves the {far} more than twice as far as the {near}. {told}",
            bool(apart),
        ),
    ]


def leave() -> None:
    session = st.session_state
    show_elsewhere(RUNS, TEXT)
    session[state.PAST_PLACE] = session.get(state.LESSON_KNOWN)


STOP = Stop(draw, goals, FIELDS, leave, RUNS)
