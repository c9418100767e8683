"""The parts of a model that is to be trained, and what evaluation switches off of them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rnnviz._paths import component
from rnnviz.analysis import model_parts
from rnnviz.analysis.model_parts import Part
from rnnviz.app import state, step_caches
from rnnviz.figures.style import cell_name
from rnnviz.jobs.plan import Prepared
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model_config import ModelShape, with_vocabulary

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig


def show(prepared: Prepared, models: Sequence[ModelShape], config: TrainConfig) -> None:
    """An expander; without a model nothing."""
    if not models:
        return
    title = "The parts of the model, with the shapes of this training"
    with st.expander(title, key=state.TRAIN_PARTS, on_change="rerun") as opened:
        if opened.open:
            _parts(prepared, models[0], config)
            _evaluation(models[0])


def _parts(prepared: Prepared, model: ModelShape, config: TrainConfig) -> None:
    corpus = prepared.corpus
    steps = config.fitting(corpus).sequence_length
    found = model_parts.parts(with_vocabulary(model, len(corpus.vocab)), config.batch_size, steps)
    boxes = "".join(map(_box, found))
    style = f"<style>{component('model_parts.css')}</style>"
    st.html(f'{style}<div class="model-parts" role="list">{boxes}</div>')
    st.caption(
        "Each part with the shape of what comes out of it: B rows, T tokens of each, embeddings of "
        "E numbers, H units, V tokens in the vocabulary. Dashed: switched off in evaluation."
    )


def _box(part: Part) -> str:
    name = cell_name(part.name) if part.name in CELL_TYPES else part.name
    numbers = " × ".join(f"{size:,}" for size in part.shape)
    size = f"<span>{part.parameters:,} parameters</span>" if part.parameters else ""
    look = "off" if part.is_off_in_evaluation else "on"
    return (
        f'<div class="{look}" role="listitem"><b>{name}</b><code>{numbers}</code>'
        f'<span class="letters">{part.letters}</span>{size}'
        f'<span class="does">{html.escape(part.does)}</span></div>'
    )


def _evaluation(model: ModelShape) -> None:
    """Training and evaluation side by side; the losses are those of a small model of this type."""
    first, again, evaluated, once_more = step_caches.readings(model["rnn_type"], model["dropout"])
    graph = {True: "kept", False: "none"}
    rows = (
        ("Dropout", f"p = {model['dropout']:g}", "off"),
        ("Graph for backward", graph[first.has_graph], graph[evaluated.has_graph]),
        ("State after a window", "detached", "carried on"),
        ("Loss, nats", f"{first.loss:.4f}", f"{evaluated.loss:.4f}"),
        ("The same again", f"{again.loss:.4f}", f"{once_more.loss:.4f}"),
    )
    st.table(
        [{"": what, "Training": left, "Evaluation": right} for what, left, right in rows],
        hide_index=True,
    )
    said = "Training drops other numbers each time; without a graph there is nothing to detach."
    if first.loss == again.loss:
        said = "Without dropout training and evaluation compute the same loss."
    st.caption(f"The window of the lesson's small {cell_name(model['rnn_type'])}. {said}")
