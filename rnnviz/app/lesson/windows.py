"""Stop 11: a text, cut into rows and windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import streamlit as st

from rnnviz.analysis import windows
from rnnviz.analysis.windows import Cut
from rnnviz.app import components, state
from rnnviz.app.address import Field, number, one_of
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.state import KEEP
from rnnviz.figures import windows_message
from rnnviz.figures.windows_message import MOST_LENGTH, MOST_ROWS, MOST_TOKENS, VIEWS, Shown

TEXT = "A recurrent network reads one token at a time, and remembers."
KEYS = (state.LESSON_ROWS, state.LESSON_STEPS, state.LESSON_SAMPLE, state.LESSON_VIEW)  # of Shown
FIELDS = (
    Field("line", state.LESSON_LINE, lambda text: text[:MOST_TOKENS], TEXT),
    Field("rows", state.LESSON_ROWS, number(int, 1, MOST_ROWS), 4),
    Field("steps", state.LESSON_STEPS, number(int, 1, MOST_LENGTH), 4),
    Field("sample", state.LESSON_SAMPLE, number(int, 1, MOST_TOKENS), 1),
    Field("view", state.LESSON_VIEW, one_of(VIEWS), VIEWS[0]),
)


@dataclass(frozen=True)
class Seen:
    """A text in `rows` rows and windows of `length`: how many windows there are, how many tokens
    are left over, and which window is looked at, from 1. `go_on`: in how many rows the window
    begins with the token after the last one of the window before. `shifted`: how many of its
    targets are the token after their input."""

    text: str
    rows: int
    length: int
    windows: int
    left_over: int
    window: int
    go_on: int
    shifted: int


def seen(text: str, found: Cut, window: int) -> Seen:
    count, rows, length = found.inputs.shape
    go_on = shifted = 0
    if count:
        inputs, targets = found.inputs[window - 1], found.targets[window - 1]  # (B, T)
        shifted = int((targets == inputs + 1).sum())
    if window > 1:
        before = found.inputs[window - 2]  # (B, T)
        go_on = int((inputs[:, 0] == before[:, -1] + 1).sum())
    return Seen(text, rows, length, count, found.left_over, window, go_on, shifted)


def draw(dark: bool, check: Check) -> None:
    session = st.session_state

    def choose(shown: Shown) -> None:
        session[state.LESSON_ROWS], session[state.LESSON_STEPS] = shown.rows, shown.length
        session[state.LESSON_SAMPLE], session[state.LESSON_VIEW] = shown.window, shown.view

    text = session[state.LESSON_LINE]
    rows, length, window, view = (session[key] for key in KEYS)
    found = windows.cut(len(text), rows, length)
    window = session[state.LESSON_SAMPLE] = min(window, max(1, len(found.inputs)))
    check(seen(text, found, window))
    st.text_input(
        "Text, each character a token", key=state.LESSON_LINE, max_chars=MOST_TOKENS, **KEEP
    )
    message = windows_message.pack(text, Shown(rows, length, window, view))
    components.windows(message, choose)


def goals(shown: Sequence[Seen]) -> list[Goal]:
    wide = [one for one in shown if one.windows and one.rows > 1 and one.length > 1]
    fewest = min(wide, key=lambda one: one.left_over, default=None)
    least = "None so far."
    if fewest:
        least = (
            f"Fewest so far: {fewest.left_over}, with {fewest.rows} rows and windows of "
            f"{fewest.length}."
        )
    steps, falls = _steps(shown)
    later = [one for one in shown if one.window > 1]
    border = ""
    if later:
        one = later[-1]
        border = (
            f" In window {one.window}, {one.go_on} of {one.rows} rows do, and {one.shifted} of "
            f"{one.rows * one.length} targets are the character after their input."
        )
    return [
        Goal(
            "Find 2 rows or more and windows of 2 or more at which no character falls off. "
            f"{least}",
            fewest is not None and fewest.left_over == 0,
        ),
        Goal(f"More rows of one text, windows of one length: fewer steps an epoch. {steps}", falls),
        Goal(
            "Slide to a later window: rows go on where the window before ended, so h can be "
            f"handed on.{border}",
            any(one.go_on == one.rows and one.shifted == one.rows * one.length for one in later),
        ),
    ]


def _steps(shown: Sequence[Seen]) -> tuple[str, bool]:
    """What the settings that differ in their rows alone say of the steps of an epoch, as a
    sentence; and whether more rows had fewer steps, and never more."""
    alike: dict[tuple[str, int], dict[int, int]] = {}
    for one in shown:
        if one.windows:
            alike.setdefault((one.text, one.length), {})[one.rows] = one.windows
    found = [
        (length, before, after)
        for (_, length), of in alike.items()
        for before, after in pairwise(sorted(of.items()))
    ]
    falling = [pair for pair in found if pair[2][1] < pair[1][1]]
    if not found:
        return "", False
    length, (few, many_steps), (many, few_steps) = (falling or found)[-1]
    said = f"Windows of {length}: {_rows(few)} take {many_steps} steps, {_rows(many)} {few_steps}."
    return said, bool(falling) and all(after[1] <= before[1] for _, before, after in found)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def leave() -> None:
    """The settings of a training have these rows and windows, and show them."""
    session = st.session_state
    session[state.TRAIN_BATCH] = session[state.LESSON_ROWS]
    session[state.TRAIN_LENGTH] = session[state.LESSON_STEPS]
    session[state.TRAIN_MORE] = True


STOP = Stop(draw, goals, FIELDS, leave)
