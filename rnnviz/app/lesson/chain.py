"""Stop 13: the probability of a text, token by token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from rnnviz.analysis import chain
from rnnviz.analysis.text_view import visible
from rnnviz.app import caches, components, page, state
from rnnviz.app.address import Field, number, one_of
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.figures import chain_message
from rnnviz.figures.chain_message import Line

RUN = "python-source-lstm"  # a token is a character
TEXT = "if name is None:"
MOST = 32  # characters of a text, so that they stand beside each other
SURPRISING = 10.0  # bits: a probability below one in a thousand
ROUNDING = 1e-3  # of a perplexity, relative


def _text(text: str) -> str:
    """A text of one line that fits the figure. Raises ValueError."""
    if not 0 < len(text) <= MOST or not text.isprintable():
        raise ValueError(text)
    return text


FIELDS = (
    Field("written", state.LESSON_TEXT, _text, TEXT),
    Field("order", state.LESSON_ORDER, one_of(chain.ORDERS), chain.WRITTEN),
    Field("end", state.LESSON_END, number(int, 1, MOST), len(TEXT)),
)


@dataclass(frozen=True)
class Seen:
    """A text in an order. Of its first `end` characters the perplexity by their bits, and by the
    model's mean loss; of the whole text the bits, also as it was written, and the character with
    the most bits."""

    text: str
    order: str
    end: int
    by_bits: float
    by_loss: float
    bits: float
    written: float
    most: float
    character: str


def seen(text: str, order: str, lines: Sequence[Line], end: int, mean_loss: float) -> Seen:
    """Of a text in an order: the line of that order comes first, that as written last;
    `mean_loss`: nats a token of its first `end` characters."""
    bits = lines[0].bits
    most = int(bits.argmax())
    return Seen(
        text,
        order,
        end,
        float(2 ** bits[:end].mean()),
        float(np.exp(mean_loss)),
        float(bits.sum()),
        float(lines[-1].bits.sum()),
        float(bits[most]),
        text[most],
    )


def draw(dark: bool, check: Check) -> None:
    """The controls stand below the figure, which has its height from the start."""
    session = st.session_state
    found = chain.orders(session[state.LESSON_TEXT])
    if session[state.LESSON_ORDER] not in found:
        session[state.LESSON_ORDER] = chain.WRITTEN
    if session[state.LESSON_TEXT]:
        _figure(found, dark, check)
    else:
        st.info("Write at least one character.")
    left, right = st.columns(2)
    left.text_input("Text", key=state.LESSON_TEXT, max_chars=MOST, on_change=_count_all, **KEEP)
    right.segmented_control(
        "Order of its characters", list(found), key=state.LESSON_ORDER, required=True, **KEEP
    )


def _count_all() -> None:
    session = st.session_state
    session[state.LESSON_END] = max(1, len(session[state.LESSON_TEXT]))


def _figure(found: Mapping[str, str], dark: bool, check: Check) -> None:
    """The chain of a text, given the orders that there are of it, and the check."""
    session, info = st.session_state, caches.run_list()[RUN]
    order = session[state.LESSON_ORDER]
    text = found[order]
    end = session[state.LESSON_END] = min(session[state.LESSON_END], len(text))
    names = dict.fromkeys((order, chain.WRITTEN))
    lines = [
        Line(name, chain.bits(caches.log_probs(info, chain.START + found[name]))) for name in names
    ]
    check(seen(text, order, lines, end, caches.mean_loss(info, text[:end])))

    def release(end: int) -> None:
        session[state.LESSON_END] = end

    tokens, start = [visible(token) for token in text], visible(chain.START)
    message = chain_message.pack(tokens, start, lines, end, info.rnn_type, dark)
    components.chain(message, release)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    now = shown[-1]
    ends = defaultdict(set)
    for one in shown:
        ends[one.text].add(one.end)
    is_same = all(abs(one.by_bits / one.by_loss - 1) < ROUNDING for one in shown)
    written = [one for one in shown if one.order == chain.WRITTEN]
    surprising = max(written, key=lambda one: one.most, default=None)
    found = ""
    if surprising:
        token = page.plain(visible(surprising.character))
        found = f"Most so far: {surprising.most:.1f}, of “{token}”."
    other = max(shown, key=lambda one: one.bits - one.written)
    less = other.bits - other.written
    cost = f" {other.written:.1f} {chain.WRITTEN}"
    if other.order != chain.WRITTEN:
        cost += f", {other.bits:.1f} {other.order}"
    return [
        Goal(
            "Drag the end: the perplexity, 2 to the mean bits, is exp of the model’s mean loss in "
            f"nats. With {now.end} of {len(now.text)}: {now.by_bits:.4g} and {now.by_loss:.4g}.",
            is_same and any(len(of_text) > 1 for of_text in ends.values()),
        ),
        Goal(
            f"Write a text with a character of {SURPRISING:g} bits or more: p is below 1 in "
            f"1,000. {found}",
            surprising is not None and surprising.most >= SURPRISING,
        ),
        Goal(
            f"Find an order of the same characters that costs {SURPRISING:g} bits more.{cost}.",
            less >= SURPRISING,
        ),
    ]


def leave() -> None:
    """The full page goes on from what is counted of the text."""
    session = st.session_state
    text = chain.ORDERS[session[state.LESSON_ORDER]](session[state.LESSON_TEXT])
    session[state.RUNS], session[state.MISSING] = [RUN], []
    session[state.PROMPT] = text[: session[state.LESSON_END]] or TEXT


STOP = Stop(draw, goals, FIELDS, leave, (RUN,))
