"""Training a task's model again, live, on the page Shapes."""

from __future__ import annotations

import numpy as np
import streamlit as st

from rnnviz.app import page, shape_inputs, state, training_caches
from rnnviz.app.live import live
from rnnviz.app.state import KEEP
from rnnviz.figures import shapes
from rnnviz.figures.style import cell_name
from rnnviz.jobs.task_training import TaskTraining
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.tasks.task import END, MANY_TO_MANY, NOT_COUNTED, Task

WIDTHS = (8, 16, 32, 64, 96, 128)
MOST_LINES = 6


def show(task: Task, dark: bool) -> None:
    """Settings, start, and the training of this task that this session began last."""
    st.subheader("Train it again")
    _controls(task)
    if (now := _training(task)) is not None:
        live(lambda: now.active, lambda: _show(now, dark))


def _training(task: Task) -> TaskTraining | None:
    return st.session_state.get(state.SHAPE_TRAININGS, {}).get(task.name)


def _controls(task: Task) -> None:
    session, now = st.session_state, _training(task)
    kind, width, start = st.columns([3, 3, 2], vertical_alignment="bottom")
    if task.rnn_type:
        session.setdefault(state.SHAPE_TYPE, task.rnn_type)
        kind.selectbox("Cell type", RNN_TYPES, key=state.SHAPE_TYPE, format_func=cell_name, **KEEP)
    else:
        kind.markdown("One hidden layer, without time.")
    session.setdefault(state.SHAPE_WIDTH, task.recipe.width)
    widths = sorted({*WIDTHS, task.recipe.width})
    width.select_slider("Hidden units", widths, key=state.SHAPE_WIDTH, **KEEP)
    start.button(
        "Train",
        key=state.SHAPE_START,
        type="primary",
        width="stretch",
        on_click=_start,
        args=(task,),
        disabled=now is not None and now.active,
    )


def _start(task: Task) -> None:
    session = st.session_state
    rnn_type = session[state.SHAPE_TYPE] if task.rnn_type else None
    begun = TaskTraining(task, rnn_type, session[state.SHAPE_WIDTH])
    session.setdefault(state.SHAPE_TRAININGS, {})[task.name] = training_caches.jobs().add(begun)


def _show(now: TaskTraining, dark: bool) -> None:
    if now.state == "waiting":
        st.caption("Waits in line: it begins when the training before it ends.")
    records = list(now.records)
    color = shapes.color(now.rnn_type, dark)
    page.chart(shapes.learning(records, now.task.bound, color), state.SHAPE_LEARNING)
    if records and now.active:
        last = records[-1]
        left = last.seconds * (last.steps - last.step) / last.step
        st.progress(last.step / last.steps, f"Step {last.step:,}, about {left:.0f} s left")
    if now.active:
        st.button("Stop", key=state.SHAPE_STOP, on_click=now.stop, disabled=now.stopping)
    elif now.message:
        st.error(page.plain(now.message))
    if records:
        _example(now)
        st.caption(
            f"{_name(now)}, {now.width} units, from fresh weights. The dotted line is what the "
            "model that ships must reach; that model stays as it is."
        )


def _example(now: TaskTraining) -> None:
    """What one new input was answered with, as training went on."""
    task, example = now.task, now.example
    said = [_answer(task, numbers, example.targets[0]) for numbers in list(now.said)]
    changes = [place for place, one in enumerate(said) if place == 0 or one != said[place - 1]]
    lines = [f"step {now.records[place].step:,}: {said[place]}" for place in changes[-MOST_LINES:]]
    if shape_inputs.kind(task) == shape_inputs.TEXT:
        st.markdown(f"One new input: {page.plain(shape_inputs.write(task, example))}")
    st.text("\n".join(lines))


def _answer(task: Task, numbers: np.ndarray, targets: np.ndarray) -> str:
    """An answer (S,) beside its truth: in words, of many steps how many are right."""
    counted = targets != NOT_COUNTED
    if task.shape == MANY_TO_MANY:
        right = int((numbers == targets)[counted].sum())
        return f"{right} of {counted.sum()} steps are right"
    given = numbers if task.writes else numbers[counted]
    is_right = bool(task.right(numbers[None], targets[None]).all())
    return f"{_words(task, given)}, {'right' if is_right else 'wrong'}"


def _words(task: Task, numbers: np.ndarray) -> str:
    """Output numbers as text; what is written up to its end."""
    ends = np.flatnonzero(numbers == END) if task.writes else ()
    said = [task.outputs[number] for number in numbers[: ends[0] if len(ends) else None]]
    return (" " if max(map(len, said), default=1) > 1 else "").join(said)


def _name(now: TaskTraining) -> str:
    return cell_name(now.rnn_type) if now.rnn_type else "A network without time"
