"""The page Shapes below its diagram: what came out, the inside, the gradient, what generalises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from rnnviz.app import components, page, shape_caches, state
from rnnviz.app.shapes import Shown
from rnnviz.figures import class_text, shape_heatmaps, shapes, style
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.tasks import files
from rnnviz.tasks.prose import PYTHON
from rnnviz.tasks.results import SCORED, Score
from rnnviz.tasks.task import MANY_TO_ONE, NEW, SEQUENCE_TO_SEQUENCE


def output(now: Shown, dark: bool) -> None:
    """What may come out at the place that is looked at; of texts also what their task is about."""
    color = shapes.color(now.task.rnn_type, dark)
    p = np.exp(now.reading.log_probs[now.place])
    page.chart(shapes.likeliest(now.task.outputs, p, now.where, color), state.SHAPE_BARS)


def told(now: Shown, dark: bool) -> None:
    """What only one task shows."""
    if now.task.name == "prose":
        _evidence(now, dark)
    elif now.task.name == "source":
        st.html(class_text.html(now.text, now.reading.said, now.targets, now.task.outputs, dark))
        st.caption(
            "Each character has the colour of the class that the network says right after it. "
            "Underlined: Python's own tokenize says another one."
        )
    elif now.task.shape == SEQUENCE_TO_SEQUENCE:
        _forced(now)


def _evidence(now: Shown, dark: bool) -> None:
    found = shape_caches.evidence(now.task.name, now.text, PYTHON)
    ((_, tokens),), name = now.tokens, now.task.outputs[PYTHON]
    left, right = st.columns(2)
    color = shapes.color(now.task.rnn_type, dark)
    page.chart(shapes.sureness(tokens, found.p, name, color), state.SHAPE_SURE, left)
    with right:
        for words, values, key in (
            ("By the gradient", found.by_gradient, state.SHAPE_BY_GRADIENT),
            ("By cutting it out", found.by_cutting, state.SHAPE_BY_CUTTING),
        ):
            st.markdown(f"**{words}**")
            components.task_heatmaps(shape_heatmaps.coloured(tokens, values), key, _choose_step)
    st.caption(
        f"What each character adds to the log odds of {name} at the end: red for it, blue against "
        "it. First by the gradient there, times the character's embedding; then by what is lost "
        "when the character is cut out."
    )


def _choose_step(step: int) -> None:
    st.session_state[state.SHAPE_STEP] = step + 1


def _forced(now: Shown) -> None:
    """Free running beside teacher forcing."""
    parts = []
    for part, of in shape_caches.written(now.task.name).items():
        kind = "new inputs" if part == NEW else f"never trained: {part}"
        parts.append(f"{kind} **{of.free:.1%}** and **{of.forced:.1%}**")
    st.markdown(
        "Tokens that are right when the decoder reads back what it wrote itself, and when it is "
        f"fed the true ones, as in training (teacher forcing): {'; '.join(parts)}. Where both "
        "differ, one wrong token led to others."
    )


def inside(now: Shown, dark: bool) -> None:
    """Gates and states of each layer."""
    if not now.reading.stages:
        st.info(
            "One-to-one has no time: the picture goes through one hidden layer, once. There is no "
            "state, and nothing recurrent to look into."
        )
        return
    st.subheader("Inside: gates and states at every step")
    message = shape_heatmaps.message(now.reading, now.tokens, dark)
    components.task_heatmaps(message, state.SHAPE_MAPS, _choose_step)
    begins = (
        " The decoder begins with the encoder's last state: all that it knows of the input."
        if len(now.reading.stages) > 1
        else ""
    )
    st.caption(
        f"Each row is a unit, each column a step. A click chooses the step of the diagram.{begins}"
    )


SITS = {  # where the loss sits; of the other shapes there is one at each output
    MANY_TO_ONE: "There is one loss, at the end: its gradient must cross all steps to reach the "
    "first.",
    SEQUENCE_TO_SEQUENCE: "Each written token has a loss. Its gradient reaches the input only "
    "through the bottleneck, the one state that the encoder hands over.",
}


def gradient(now: Shown, dark: bool) -> None:
    """How one output's loss depends on the states before it."""
    if not now.reading.stages:
        return
    st.subheader("Where the loss sits, and how far its gradient runs back")
    names = ["encoder", "decoder"] if len(now.reading.stages) > 1 else [""]
    color = shapes.color(now.task.rnn_type, dark)
    page.chart(shapes.gradient(names, now.norms, now.where, color), state.SHAPE_GRADIENT)
    sits = SITS.get(now.task.shape, "Each output has a loss, and a gradient begins at each.")
    has_c = CELL_TYPES[now.reading.stages[0].trace.kind].has_cell_state
    st.caption(
        f"{sits} Here: −ln p of one output that was given (choose another step in the diagram), "
        f"its derivative by the state ({'h and c' if has_c else 'h'}) after each step, over all "
        "units, in closed form."
    )


def generalisation(now: Shown, dark: bool) -> None:
    """What is right on new inputs, and on those of a kind that was never trained."""
    st.subheader("What generalises, and what does not")
    rows = shape_caches.scores(now.task.name)
    parts = {NEW: "new inputs"} | {part: part for part in now.task.held_out}
    left, right = st.columns(2)
    page.chart(shapes.scores(rows, parts, dark), state.SHAPE_SCORES, left)
    if now.task.shape == SEQUENCE_TO_SEQUENCE:
        found = shape_caches.written(now.task.name)
        color = shapes.color(now.task.rnn_type, dark)
        named = {parts[part]: of.by_length for part, of in found.items() if of.by_length}
        page.chart(shapes.by_length(named, color), state.SHAPE_LENGTHS, right)
        words = st.container()
    else:
        words = right
    never = "; ".join(f"**{part}**: {text}" for part, text in now.task.held_out.items())
    words.caption(
        f"{SCORED} examples each; {'one training a cell type, ' if now.task.rnn_type else ''}"
        f"{now.task.recipe.width} units, {now.task.recipe.steps:,} steps. Never trained: {never}."
    )
    words.caption(_trained(now, rows))


def _trained(now: Shown, rows: Sequence[Score]) -> str:
    """How the model that ships was trained, and what its seeds reached."""
    kind = now.task.rnn_type or ""
    shipped = next(row for row in rows if row.sha256)
    new = ", ".join(f"{row.exact:.1%}" for row in rows if row.part == NEW and row.rnn_type == kind)
    name = style.cell_name(kind) if kind else "network without time"
    size = files.model_file(now.task).stat().st_size / 1000
    return (
        f"The {name} above has {shipped.parameters:,} parameters ({size:.0f} KB) and was trained "
        f"in {shipped.seconds:.0f} s on one core by {page.plain(shipped.command)}. Three seeds are "
        f"right on {new} of new inputs."
    )
