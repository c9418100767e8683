"""Stop 10: the temperature, up to infinity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis import flattening
from rnnviz.app import caches, page, state
from rnnviz.app.address import Field
from rnnviz.app.lesson.shared import difference
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.data.builtin import PROMPTS
from rnnviz.figures import flattening as figure

RUN = "python-docs-lstm"
PROMPT = PROMPTS["python-docs"]
WRITTEN = 32  # tokens
TEMPERATURES = (
    0.1,
    0.2,
    0.3,
    0.5,
    0.7,
    0.8,
    0.9,
    1.0,
    1.1,
    1.2,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
    30.0,
    math.inf,
)


@dataclass(frozen=True)
class Seen:
    """The distribution of the next token at a temperature: the likeliest one, the least likely one,
    and the entropy in nats; `n_tokens`: V."""

    temperature: float
    first: float
    last: float
    entropy: float
    n_tokens: int


def _temperature(text: str) -> float:
    """The nearest temperature of the slider. Raises ValueError."""
    value = float(text)
    if not value >= 0:
        raise ValueError(text)
    place = flattening.place_of(value)
    return min(TEMPERATURES, key=lambda known: abs(flattening.place_of(known) - place))


FIELDS = (Field("temperature", state.LESSON_TEMPERATURE, _temperature, 1.0),)


def seen(found: flattening.NextToken, temperature: float) -> Seen:
    (p,) = found.probabilities([temperature])
    return Seen(temperature, float(p.max()), float(p.min()), flattening.entropy(p), len(p))


def draw(dark: bool, check: Check) -> None:
    info = caches.run_list()[RUN]
    found = caches.next_token(info, PROMPT)
    temperature = st.session_state[state.LESSON_TEMPERATURE]
    check(seen(found, temperature))
    page.chart(figure.flattening(found, temperature, dark), state.LESSON_CHART)
    st.select_slider(
        "Temperature T",
        TEMPERATURES,
        key=state.LESSON_TEMPERATURE,
        format_func=figure.temperature_text,
        **KEEP,
    )
    text = caches.written(info, PROMPT, temperature, WRITTEN, 0)
    with st.container(key=state.WRITTEN):
        st.markdown(f"**{page.plain(PROMPT)}** {page.plain(text)}")


def goals(shown: Sequence[Seen]) -> list[Goal]:
    coldest, hottest = (end(shown, key=lambda one: one.temperature) for end in (min, max))
    warm = [one for one in shown if 1 < one.temperature < math.inf]
    warmest = max(warm, key=lambda one: one.temperature, default=None)
    own = next((one for one in shown if one.temperature == 1), None)
    below, above = "", ""
    if own:
        below = f"At 1 it has {own.first:.1%}."
        above = f"At 1 it is {own.entropy:.2f} nats."
    if coldest.temperature < 1:
        below += f" At {coldest.temperature:g} it has {coldest.first:.1%}."
    if warmest:
        above += f" At {warmest.temperature:g} it is {warmest.entropy:.2f}."
    return [
        Goal(
            f"Below 1 the likeliest token gets more. {below}",
            own is not None and coldest.temperature < 1 and coldest.first > own.first,
        ),
        Goal(
            f"Above 1 the entropy, the surprise that is expected, rises. {above} "
            f"Its maximum is ln V = {math.log(hottest.n_tokens):.2f}.",
            own is not None and warmest is not None and warmest.entropy > own.entropy,
        ),
        Goal(
            f"At ∞ all {hottest.n_tokens:,} tokens are equally likely. At "
            f"{figure.temperature_text(hottest.temperature)} the likeliest and the least likely "
            f"differ by {difference(hottest.first - hottest.last)}.",
            math.isinf(hottest.temperature) and hottest.first == hottest.last,
        ),
    ]


def leave() -> None:
    session = st.session_state
    session[state.RUNS], session[state.MISSING] = [RUN], []
    session[state.PROMPT] = PROMPT
    session[state.TEMPERATURE] = min(session[state.LESSON_TEMPERATURE], 2.0)


STOP = Stop(draw, goals, FIELDS, leave, (RUN,))
