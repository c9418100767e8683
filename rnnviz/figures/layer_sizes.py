"""The weights of a recurrent layer as squares, drawn to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnviz.analysis.layer_sizes import LayerSize
from rnnviz.figures.style import cell_name, color, new_figure
from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

HEIGHT = 470
READABLE = 0.11  # of the most units: squares from this size on have room for their letters


def squares(sizes: Sequence[LayerSize], most: int, start: int, dark: bool) -> Figure:
    """Each layer as a column of blocks, one a gate: W, which reads x, and U, which reads h, h x h
    each. All on one scale, which fits `most` units; a dotted outline shows a layer of `start`."""
    step = 2.35 * most  # from the middle of one layer to the next
    shapes: list[Any] = []
    words: list[Any] = []
    for number, size in enumerate(sizes):
        middle = (number + 0.5) * step
        shapes += [
            *_blocks(size, middle, color(size.rnn_type, dark)),
            _outline(size, middle, start),
        ]
        if size.h >= READABLE * most:
            words += _letters(size, middle)
        words.append(_sum(size, middle))
    figure = new_figure([{"type": "scatter", "x": [0], "y": [0], "mode": "none"}])
    hidden = {"visible": False, "fixedrange": True}
    figure.update_layout(
        title_text=f"The weights of one layer, h = {sizes[0].h}, to scale",
        height=HEIGHT,
        margin={"l": 10, "r": 10, "t": 40, "b": 78},
        hovermode=False,
        shapes=shapes,
        annotations=words,
        xaxis={"range": [0, len(sizes) * step], **hidden},
        yaxis={"range": [0, 4.05 * most], "scaleanchor": "x", "constraintoward": "bottom"} | hidden,
    )
    return figure


def _blocks(size: LayerSize, middle: float, fill: str) -> list[dict[str, Any]]:
    """Two squares a gate, and right of them the two biases: one column of numbers each."""
    blocks, h = CELL_TYPES[size.rnn_type].blocks, size.h
    found: list[dict[str, Any]] = []
    for y in range(0, blocks * h, h):
        for x, opacity in ((middle - h, 0.9), (middle, 0.6)):
            box = {"x0": x, "x1": x + h, "y0": y, "y1": y + h}
            look = {"fillcolor": fill, "opacity": opacity, "line": {"color": "white", "width": 1}}
            found.append({"type": "rect"} | box | look)
    for number, dash in enumerate(("solid", "dot"), start=1):
        x = middle + h + 6 * number
        line = {"color": fill, "width": 2, "dash": dash}
        found.append({"type": "line", "x0": x, "x1": x, "y0": 0, "y1": blocks * h, "line": line})
    return found


def _outline(size: LayerSize, middle: float, h: int) -> dict[str, Any]:
    box = {"x0": middle - h, "x1": middle + h, "y0": 0, "y1": CELL_TYPES[size.rnn_type].blocks * h}
    return {"type": "rect", "line": {"color": "#888888", "width": 1.5, "dash": "dot"}} | box


def _letters(size: LayerSize, middle: float) -> list[dict[str, Any]]:
    """The name of each block: its matrix and its gate."""
    gates, h = CELL_TYPES[size.rnn_type].gates, size.h
    return [
        {
            "x": middle + (column - 0.5) * h,
            "y": (len(gates) - row - 0.5) * h,
            "text": f"{matrix}<i>{gate}</i>",
            "showarrow": False,
            "font": {"color": "#12141a"},
        }
        for row, gate in enumerate(gates)
        for column, matrix in enumerate("WU")
    ]


def _sum(size: LayerSize, middle: float) -> dict[str, Any]:
    """The formula below a layer, with its numbers."""
    g = CELL_TYPES[size.rnn_type].blocks
    lines = (
        f"<b>{cell_name(size.rnn_type)}</b> {size.total:,}",
        f"{2 * g}h² = {size.weights:,}",
        f"+ {2 * g}h = {2 * size.bias:,}",
    )
    place = {"x": middle, "y": 0, "yref": "paper", "yanchor": "top", "yshift": -6}
    return place | {"text": "<br>".join(lines), "showarrow": False, "align": "center"}
