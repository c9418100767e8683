"""Stop 12: one step of training, line by line, without an optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rnnviz.analysis.one_step import CLIP, OneStep, Way
from rnnviz.analysis.small_training import LENGTH
from rnnviz.app import components, page, state, step_caches
from rnnviz.app.address import Field, flag, number, one_of
from rnnviz.app.lesson import step_html
from rnnviz.app.lesson.step_html import BACKWARD, CLIPPED, LINES, UPDATE
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.figures import step_rates as figure
from rnnviz.figures.style import cell_name, loss_text
from rnnviz.nn.cell_types import RNN_TYPES

RATES = tuple(float(f"{digit}e{power}") for power in range(-2, 5) for digit in (1, 2, 5))
START = 1.0
ROUNDING = 1e-6  # of a norm in float32
BUTTON, ALL_BUTTON = 98, 80  # pixels
TOLD_HEIGHT, STRIP_HEIGHT, STEP_HEIGHT = 44, 80, 308


def _rate(text: str) -> float:
    """The nearest rate of the slider. Raises ValueError."""
    value = number(float, 1e-300, 1e300)(text)
    return min(RATES, key=lambda known: abs(math.log(known / value)))


FIELDS = (
    Field("pressed", state.LESSON_PRESSED, number(int, 0, len(LINES)), 0),
    Field("cell", state.LESSON_CELL, one_of(RNN_TYPES), RNN_TYPES[0]),
    Field("lr", state.LESSON_RATE, _rate, START),
    Field("reset", state.LESSON_RESET, flag, False),
    Field("crossing", state.LESSON_CROSSING, flag, False),
)


@dataclass(frozen=True)
class Seen:
    """A step at a rate, of which so many lines were run: the loss of its window before and after,
    the norm of its gradient before and after clipping, and how many tokens back it reaches."""

    rnn_type: str
    lr: float
    way: Way
    pressed: int
    loss: float
    after: float
    norm: float
    clipped: float
    reach: int


def seen(rnn_type: str, lr: float, way: Way, pressed: int, step: OneStep) -> Seen:
    numbers = step.loss, step.loss_after, step.norm, step.clipped, step.reach
    return Seen(rnn_type, lr, way, pressed, *numbers)


def draw(dark: bool, check: Check) -> None:
    session = st.session_state
    kind, lr, pressed = (
        session[key] for key in (state.LESSON_CELL, state.LESSON_RATE, state.LESSON_PRESSED)
    )
    reset, crossing = session[state.LESSON_RESET], session[state.LESSON_CROSSING]
    way = Way(reset, crossing and not reset)
    step = step_caches.one_step(kind, way, lr)
    check(seen(kind, lr, way, pressed, step))
    _press(pressed)
    detached = step_caches.one_step(kind, Way(), lr).norm
    with st.container(height=TOLD_HEIGHT, border=False):
        st.html(step_html.told(step, way, detached, pressed))
    with st.container(height=STRIP_HEIGHT, border=False):
        st.html(step_html.strip(step, pressed))
    words, chart = st.columns([5, 4], gap="small")
    with words.container(height=STEP_HEIGHT, border=False, key=state.LESSON_STEP):
        st.html(step_html.table(step, pressed) + step_html.weights(step.block, lr, pressed))
    losses = step_caches.losses_by_rate(kind, way, RATES)  # now, so that update answers at once
    shown = losses if pressed >= UPDATE else None
    drawn = figure.loss_by_rate(kind, RATES, shown, step.loss, lr, dark)
    page.chart(drawn, state.LESSON_CHART, chart)
    _pick()


def _press(pressed: int) -> None:
    """A button a line; each can be pressed once the one before it was."""

    def press(lines: int) -> None:
        st.session_state[state.LESSON_PRESSED] = lines

    with st.container(key=state.LESSON_BUTTONS, horizontal=True, gap="xsmall"):
        for n, name in enumerate(LINES, start=1):
            kind = "primary" if n == pressed + 1 else "secondary"
            st.button(
                name,
                key=state.line(n),
                type=kind,
                width=BUTTON,
                disabled=n > pressed + 1,
                on_click=press,
                args=(n,),
            )
        st.button(
            "All six", key=state.ALL_LINES, width=ALL_BUTTON, on_click=press, args=(len(LINES),)
        )


def _pick() -> None:
    cell, rate, toggles = st.columns([2, 4, 3], gap="small", vertical_alignment="center")
    cell.selectbox("Cell", RNN_TYPES, key=state.LESSON_CELL, format_func=cell_name, **KEEP)
    rate.select_slider(
        "Learning rate lr", RATES, key=state.LESSON_RATE, format_func=lambda lr: f"{lr:,g}", **KEEP
    )
    with toggles.container(gap="xsmall"):
        st.toggle("Reset the state to 0", key=state.LESSON_RESET, **KEEP)
        st.toggle(
            "Do not detach the state",
            key=state.LESSON_CROSSING,
            disabled=st.session_state[state.LESSON_RESET],
            **KEEP,
        )


def goals(shown: Sequence[Seen]) -> list[Goal]:
    updated = [one for one in shown if one.pressed >= UPDATE]
    lowered = [one for one in updated if one.after < one.loss]
    raised = [one for one in updated if not one.after <= one.loss]
    clipped = [one for one in shown if one.pressed >= CLIPPED and one.norm > CLIP]
    gone_back = [one for one in shown if one.pressed >= BACKWARD]
    far = [one for one in gone_back if one.way.crossing and one.reach > LENGTH]
    near = [one for one in gone_back if not one.way.crossing]
    return [
        Goal(f"Lower the loss with a step.{_step(lowered)}", bool(lowered)),
        Goal(f"Find a rate that raises it.{_step(raised)}", bool(raised)),
        Goal(
            f"Clip a gradient to {CLIP}.{_norms(clipped)}",
            bool(clipped) and all(one.clipped <= CLIP + ROUNDING for one in clipped),
        ),
        Goal(
            f"Send a gradient into the window before.{_reaches('Detached', near)}"
            f"{_reaches('Not detached', far)}",
            bool(far) and bool(near) and all(one.reach <= LENGTH for one in near),
        ),
    ]


def _step(found: Sequence[Seen]) -> str:
    if not found:
        return ""
    one = found[-1]
    after = loss_text(one.after) if math.isfinite(one.after) else "not a number"
    return f" {cell_name(one.rnn_type)}, lr {one.lr:,g}: {loss_text(one.loss)} → {after}."


def _norms(found: Sequence[Seen]) -> str:
    return f" Norm: {found[-1].norm:.3f} → {found[-1].clipped:.3f}." if found else ""


def _reaches(name: str, found: Sequence[Seen]) -> str:
    return f" {name}: {found[-1].reach} characters back." if found else ""


def leave() -> None:
    """The Train page has this cell type, the lecture's recipe, and the parts of the model open."""
    session = st.session_state
    session[state.TRAIN_TYPES] = [session[state.LESSON_CELL]]
    session[state.TRAIN_RECIPE] = "sgd"
    session[state.TRAIN_PARTS] = True
    components.reveal(state.TRAIN_PARTS)


STOP = Stop(draw, goals, FIELDS, leave)
