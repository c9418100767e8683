"""Training a task's model again, live, on the page Shapes."""

from __future__ import annotations

import numpy as np
import streamlit as st

from rnnviz.app import page, shape_inputs, state, training_caches
from rnnviz.app.state import KEEP
from rnnviz.figures import shapes
from rnnviz.figures.style import cell_name
from rnnviz.jobs.task_training import TaskTraining
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.tasks.task import END, Task

WIDTHS = (8, 16, 32, 64, 96, 128)


def show(task: Task, dark: bool) -> None:
    """Settings, start, and the training of this task that this session began last."""
    st.subheader("Train it again")
    _controls(task)
    now = _training(task)
    was_active = now is not None and now.active

    @st.fragment(run_every=0.5 if was_active else None)
    def live() -> None:
        if now is not None:
            _show(now, dark)
            if was_active and not now.active:
                st.rerun()

    live()


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
    said = [_text(now.task, numbers) for numbers in list(now.said)]
    example = now.example
    truth = _text(now.task, example.targets[0])
    is_text = shape_inputs.kind(now.task) == shape_inputs.TEXT
    given = shape_inputs.write(now.task, example) if is_text else "one to look at, not to read"
    changes = [place for place, one in enumerate(said) if place == 0 or one != said[place - 1]]
    lines = [f"step {now.records[place].step:,}: {said[place]}" for place in changes[-6:]]
    st.markdown(f"One new input: {page.plain(given)}. Right: **{page.plain(truth)}**.")
    st.text("\n".join(lines))


def _text(task: Task, numbers: np.ndarray) -> str:
    """Output numbers (S,) as text; what is written up to its end."""
    if task.writes:
        ends = np.flatnonzero(numbers <= END)
        numbers = numbers[: ends[0]] if len(ends) else numbers
    said = [task.outputs[number] for number in numbers if number >= 0]
    return (" " if max(map(len, said), default=1) > 1 else "").join(said)


def _name(now: TaskTraining) -> str:
    return cell_name(now.rnn_type) if now.rnn_type else "A network without time"
