"""Heatmaps of the recurrent layers of a task's model, and texts coloured by evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import unit_order
from rnnviz.figures import style
from rnnviz.figures.heatmap_message import Model, Panel, Text, pack
from rnnviz.nn.cell_types import CELL_TYPES, SIGMOIDS

if TYPE_CHECKING:
    from rnnviz.analysis.reading import Reading
    from rnnviz.analysis.stages import Stage

NAMES = {1: ("",), 2: ("encoder", "decoder")}  # of stages, by how many there are
COLUMNS = 4  # panels in a row


def message(reading: Reading, tokens: Sequence[tuple[int, Sequence[str]]], dark: bool) -> bytes:
    """Gates and states of each layer. `tokens`: of each, the number of its first step among all
    that are drawn, and what its steps read."""
    texts = [_text(of, first) for first, of in tokens]
    names = NAMES[len(reading.stages)]
    models = [
        _model(stage, name, number, dark)
        for number, (stage, name) in enumerate(zip(reading.stages, names, strict=True))
    ]
    return pack(texts, models, COLUMNS)


def _text(tokens: Sequence[str], first: int = 0) -> Text:
    """Each token is at the place of its number, from `first`."""
    starts = first + np.arange(len(tokens))
    return Text(list(tokens), np.stack([starts, starts + 1], 1))


def _model(stage: Stage, name: str, number: int, dark: bool) -> Model:
    trace = stage.trace
    arrays = trace.gates | trace.states_out
    values = {symbol: array[:, 0].numpy() for symbol, array in arrays.items()}  # (T,H)
    ordering = values[CELL_TYPES[trace.kind].orders_units]
    return Model(
        label=style.cell_name(trace.kind),
        title=f"{name}, {ordering.shape[1]} units" if name else f"{ordering.shape[1]} units",
        color=style.color(trace.kind, dark),
        text=number,
        units=unit_order(ordering, "mean"),
        panels=[_panel(symbol, array) for symbol, array in values.items()],
    )


def _panel(symbol: str, values: np.ndarray) -> Panel:
    if symbol in SIGMOIDS:
        return Panel(symbol, values, "sequential", 0.0, 1.0)
    limit = 1.0 if symbol == "c" else max(1.0, float(np.abs(values).max()))
    return Panel(symbol, values, "diverging", -limit, limit, by_tanh=symbol == "c")


def coloured(tokens: Sequence[str], values: np.ndarray) -> bytes:
    """A text whose tokens have the colours of values (T,) around 0."""
    limit = max(float(np.abs(values).max()), 1e-6)
    text = _text(tokens)
    return pack([Text(text.tokens, text.spans, values, lo=-limit, hi=limit)], [])
