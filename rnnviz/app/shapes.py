"""The page Shapes: which task and input are looked at, and what its model makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from rnnviz.app import components, shape_caches, shape_inputs, state, values
from rnnviz.app.address import MAX_URL_TEXT, Field, number, one_of
from rnnviz.app.shape_inputs import Asked
from rnnviz.figures import shape_columns, shapes_message
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.dates import DATES
from rnnviz.tasks.task import MANY_TO_ONE, NEW, NOT_COUNTED, SHAPES, Task

if TYPE_CHECKING:
    from rnnviz.analysis.reading import Reading

MOST_STEPS = 1_000
USUAL = DATES
GAP = "\N{NO-BREAK SPACE}"  # between words that stand in a row
FIELDS = (
    Field("task", state.SHAPE_TASK, one_of(TASKS), USUAL.name),
    Field("input", state.SHAPE_INPUT, lambda text: text[:MAX_URL_TEXT]),
    Field("step", state.SHAPE_STEP, number(int, 1, MOST_STEPS)),
)


@dataclass(frozen=True, eq=False)
class Example:
    """An input of a task that was drawn: its text, its part, its truth (S,)."""

    task: str
    text: str
    part: str
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Shown:
    """A task, an input and what the model makes of it. `part`: of an example that was drawn, see
    `Task`. `step`: the column that is looked at; `place`: the output whose loss is; `offset`:
    columns before the first output."""

    task: Task
    text: str
    part: str
    asked: Asked
    reading: Reading
    targets: np.ndarray
    step: int
    place: int
    offset: int

    @property
    def where(self) -> str:
        """Which output is looked at, in words."""
        return f"of output {self.place + 1}"

    @property
    def is_right(self) -> bool | None:
        """Whether the answer is right as a whole; None where the truth is not known."""
        if (self.targets == NOT_COUNTED).all():
            return None
        said = self.reading.said[None]
        return bool(self.task.right(said, self.targets[None]).all())

    @property
    def tokens(self) -> list[tuple[int, list[str]]]:
        """What the steps of each recurrent layer read, after the column of the first of them."""
        given = [
            one if isinstance(one, str) else f"{number}{GAP}"
            for number, one in enumerate(self.asked.given, 1)
        ]
        words = [self.task.outputs[number] for number in self.reading.said]
        said = [word if len(word) == 1 else f"{word}{GAP}" for word in words]
        read, fed = (0, given), (self.offset, [f"{shape_columns.START}{GAP}", *said[:-1]])
        return [read, fed][-len(self.reading.stages) :] if self.task.writes else [read]

    @property
    def norms(self) -> list[np.ndarray]:
        """Of the gradient of the chosen output's loss, see `gradient_norms`."""
        return shape_caches.norms(self.task.name, self.text, self.place)


def choose(task: Task) -> None:
    """Look at a task, with the input that it had last."""
    st.session_state[state.SHAPE_TASK] = task.name
    give(None)


def give(text: str | None) -> None:
    """Look at an input, None for the one that the task had last."""
    session = st.session_state
    session[state.SHAPE_INPUT], session[state.SHAPE_STEP] = text, None


def shown() -> Shown:
    """What is looked at now. An input that is none leaves a sentence, and the last good one."""
    session = st.session_state
    task = TASKS[session.setdefault(state.SHAPE_TASK, USUAL.name)]
    kept = session.setdefault(state.SHAPE_KEPT, {})
    usual, truth = shape_inputs.first(task)
    before = session.get(state.SHAPE_LAST)  # a link may change the task and give no input
    is_of_another = before and before[0] != task.name and before[1] == session[state.SHAPE_INPUT]
    if session.get(state.SHAPE_INPUT) is None or is_of_another:
        give(kept.get(task.name, usual))
    text = session[state.SHAPE_INPUT]
    try:
        asked = shape_inputs.ask(task, text)
    except ValueError as error:
        session[state.SENTENCE] = str(error)
        text = kept.get(task.name, usual)
        asked = shape_inputs.ask(task, text)
    kept[task.name] = text
    session[state.SHAPE_LAST] = task.name, session[state.SHAPE_INPUT]
    part, targets = NEW, truth if text == usual else asked.examples.targets[0]
    example = session.get(state.SHAPE_EXAMPLE)
    if example and (example.task, example.text) == (task.name, text):
        part, targets = example.part, example.targets[: shape_inputs.MOST_STEPS]
    return _placed(task, text, asked, shape_caches.reading(task.name, text), targets, part)


def _placed(
    task: Task, text: str, asked: Asked, reading: Reading, targets: np.ndarray, part: str
) -> Shown:
    """With the step that was chosen, at first the last one."""
    session, outputs = st.session_state, len(reading.said)
    offset = len(asked.given) if task.writes else 0
    last = offset + outputs - 1
    step = min((session.get(state.SHAPE_STEP) or last + 1) - 1, last)
    place = outputs - 1 if task.shape == MANY_TO_ONE else max(0, step - offset)
    return Shown(task, text, part, asked, reading, targets, step, place, offset)


def diagram(now: Shown, dark: bool) -> None:
    """The five shapes, and the chosen one step by step."""
    norms = now.norms if now.step >= now.offset + now.place else []
    columns = shape_columns.columns(now.task, now.asked.given, now.reading, now.targets, norms)
    chosen = SHAPES.index(now.task.shape)

    def shape(number: int) -> None:
        choose(next(task for task in TASKS.values() if task.shape == SHAPES[number]))

    def step(number: int) -> None:
        st.session_state[state.SHAPE_STEP] = number + 1

    message = shapes_message.pack(shape_columns.shapes(now.task), chosen, columns, now.step, dark)
    components.shapes(message, shape, step)


def pick_task(now: Shown) -> None:
    """Which task, where a shape has several."""
    same = [task.name for task in TASKS.values() if task.shape == now.task.shape]
    if len(same) == 1:
        return
    values.give(state.SHAPE_TASKS, now.task.name)
    st.segmented_control(
        "Task",
        same,
        key=state.SHAPE_TASKS,
        required=True,
        format_func=lambda name: TASKS[name].title,
        label_visibility="collapsed",
        on_change=_choose_picked,
    )


def _choose_picked() -> None:
    name = st.session_state[state.SHAPE_TASKS]
    if name is not None:  # the browser drops a choice that is no longer offered
        choose(TASKS[name])
