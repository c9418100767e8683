"""The page Shapes: where a person makes the input of a task."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from rnnviz.app import components, page, shape_inputs, state, values
from rnnviz.app.shape_inputs import MOST_STEPS
from rnnviz.app.shapes import Example, Shown, give
from rnnviz.figures import film_message, picture_message
from rnnviz.tasks import pictures
from rnnviz.tasks.task import NEW, NOT_COUNTED, Task


def maker(now: Shown) -> None:
    """Where a person makes the input."""
    kind = shape_inputs.kind(now.task)
    {shape_inputs.PICTURE: _picture, shape_inputs.FILM: _film, shape_inputs.TEXT: _text}[kind](now)
    page.show_sentence()
    examples(now)


def examples(now: Shown) -> None:
    """Buttons for fresh inputs: of the kind that was trained, and of kinds that were not."""
    with st.container(horizontal=True):
        for part in (NEW, *now.task.held_out):
            st.button(
                "New example" if part == NEW else f"Never trained: {part}",
                key=state.example_of(part),
                on_click=_give_example,
                args=(now.task, part),
                help=now.task.held_out.get(part, "Of the kind that was trained, but a new one"),
            )


def _give_example(task: Task, part: str) -> None:
    """A fresh example of a part of a task."""
    session = st.session_state
    number = session[state.SHAPE_DRAWN] = session.get(state.SHAPE_DRAWN, 0) + 1
    example = task.examples(f"page {number}", 1, part)
    text = shape_inputs.write(task, example)
    give(text)
    session[state.SHAPE_EXAMPLE] = Example(task.name, text, part, example.targets[0])


def _picture(now: Shown) -> None:
    side = pictures.SIDE
    pixels = np.rint(255 * now.asked.examples.inputs[0].reshape(side, side, 3)).astype(np.uint8)
    palette = [(name, _hex(rgb)) for name, rgb in pictures.COLORS.items()]

    def changed(levels: list[int]) -> None:
        give(shape_inputs.picture_text(np.array(levels) / 255))

    message = picture_message.pack(pixels, palette, _hex([pictures.BACKGROUND] * 3))
    components.picture(message, changed)


def _hex(rgb: Sequence[float]) -> str:
    """Red, green and blue from 0 to 1 as "#rrggbb"."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def _film(now: Shown) -> None:
    path = shape_inputs.path(now.text)
    if len(path) > film_message.MOST:
        st.info(f"A film of {len(path)} frames: it is too long to be changed here.")
        return
    counted = now.targets != NOT_COUNTED
    said = [now.task.outputs[number] for number in now.reading.said]
    marks = zip(now.reading.said == now.targets, counted, strict=True)
    right = [bool(is_right) if counts else None for is_right, counts in marks]
    message = film_message.pack(path, said, right)
    components.film(message, lambda path: give(shape_inputs.path_text(path)))


def _text(now: Shown) -> None:
    session = st.session_state
    values.give(state.SHAPE_TYPED, session[state.SHAPE_INPUT])
    is_long = now.task.name in ("prose", "source")
    field = partial(st.text_area, height=130) if is_long else st.text_input
    field(
        shape_inputs.LABELS[now.task.name],
        key=state.SHAPE_TYPED,
        on_change=lambda: give(session[state.SHAPE_TYPED]),
    )
    if is_long and len(now.asked.given) == MOST_STEPS < len(now.text):
        st.caption(f"The first {MOST_STEPS} characters are read.")
