"""Cells as circuits, with a run's numbers along a text, as one binary message for cell.js.

The message is a little-endian uint32 n, a JSON header of n bytes, float32 numbers of the chosen
units, and uint16 codes of whole layers as in `heatmap_message`. The header says where each begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnviz.analysis.text_view import View, unit_order, visible
from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.data.vocab import EOS
from rnnviz.figures import binary_message, style
from rnnviz.figures.heatmap_message import SCALES, encode
from rnnviz.figures.heatmap_views import color_limits, color_scale, windows
from rnnviz.nn.cell_types import CELL_TYPES

# Pixels, as cell.css has it on a wide page: what stands above the cards; a card alone; one beside
# another, and what each gate of it adds
ABOVE, ALONE, CARD, GATE = 160, 490, 545, 95


@dataclass(frozen=True, eq=False)
class Cell:
    """A run on a text: one layer as a `view`, of it the `unit` and its `steps`. `key` names what
    these are computed from; `held` is what the unit does while it is held by `pairs` from token
    `start` (from 0) on."""

    view: View
    unit: int
    steps: UnitSteps
    key: str
    start: int = 0
    pairs: tuple[tuple[str, float], ...] = ()
    held: UnitSteps | None = None


def pack(cells: Sequence[Cell], order: str, first: int, layer: int, dark: bool) -> bytes:
    """The message. The window of tokens begins at token `first`, as in `heatmap_views`; units of a
    layer are in the order of its gate that keeps."""
    views = [cell.view for cell in cells]
    limits = color_limits(views, [view.gates | view.states for view in views])
    texts: dict[tuple[str, ...], dict[str, Any]] = {}
    numbers, codes = _Block("<f4"), _Block("<u2")
    models = []
    for cell, inside in zip(cells, windows(views, first), strict=True):
        tokens = tuple(np.array(cell.view.tokens, object)[inside])
        texts.setdefault(tokens, _text(cell.view, tokens, inside))
        arrays = {"text": list(texts).index(tokens)} | _strips(cell, inside, order, limits, codes)
        series = {name: numbers.put(v) for name, v in _series(cell.steps, inside).items()}
        predicted = _predicted(cell.steps, cell.view, inside)
        models.append(_model(cell, layer, dark) | arrays | {"series": series} | predicted)
    header = {
        "texts": list(texts.values()),
        "models": models,
        "scales": {name: style.scale(name) for name in SCALES},
        "names": style.SYMBOLS,
        "numbers": numbers.size,
    }
    return binary_message.join(header, [bytes(numbers.content), bytes(codes.content)])


def held(cells: Sequence[Cell], first: int) -> list[dict[str, Any]]:
    """Of each run whose unit is held, what it does then, in the window of the message."""
    views = [cell.view for cell in cells]
    return [
        {
            "key": cell.key,
            "start": int(cell.start - np.flatnonzero(inside)[0]),
            "pairs": [list(pair) for pair in cell.pairs],
            "series": {name: v.tolist() for name, v in _series(cell.held, inside).items()},
            **_predicted(cell.held, cell.view, inside),
        }
        for cell, inside in zip(cells, windows(views, first), strict=True)
        if cell.held is not None
    ]


def height(cells: Sequence[Cell]) -> int:
    """About the height of what the message shows on a wide page, so that its place is kept."""
    if len(cells) == 1:
        return ABOVE + ALONE
    cards = [CARD + GATE * CELL_TYPES[cell.view.info.rnn_type].blocks for cell in cells]
    return ABOVE + sum(max(cards[n : n + 2]) for n in range(0, len(cards), 2))


class _Block:
    """Arrays of one type, one after another."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.content = bytearray()

    @property
    def size(self) -> int:
        return len(self.content) // self.dtype.itemsize

    def put(self, values: np.ndarray) -> int:
        """Append an array; the number of values before it."""
        before = self.size
        self.content += np.ascontiguousarray(values, self.dtype).tobytes()
        return before


def _model(cell: Cell, layer: int, dark: bool) -> dict[str, Any]:
    """What a card says of a run, and whose numbers it shows."""
    info = cell.view.info
    layers = info.model["num_hidden_layers"]
    return {
        "label": style.cell_name(info.rnn_type),
        "title": info.name,
        "color": style.color(info.rnn_type, dark),
        "kind": info.rnn_type,
        "key": cell.key,
        "layer": min(layer + 1, layers),
        "layers": layers,
        "unit": cell.unit,
    }


def _text(view: View, tokens: Sequence[str], inside: np.ndarray) -> dict[str, Any]:
    spans = view.spans[inside]
    return {
        "tokens": list(tokens),
        "starts": spans[:, 0].tolist(),
        "ends": spans[:, 1].tolist(),
        "values": None,
        "first": int(np.flatnonzero(inside)[0]) + 1,
    }


def _series(steps: UnitSteps, inside: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers of a unit in a window of T tokens: (T,), of states (T+1,)."""
    place = np.flatnonzero(inside)
    window = slice(place[0], place[-1] + 1)
    of_states = slice(place[0], place[-1] + 2)
    return {
        name: values[of_states if name in steps.states else window]
        for name, values in steps.series.items()
    }


def _predicted(steps: UnitSteps, view: View, inside: np.ndarray) -> dict[str, Any]:
    """The likeliest next tokens in a window: `words`, and of each step their places among these
    and probabilities; and log p of the token that follows, None where none does."""
    ids, places = np.unique(steps.likeliest[inside], return_inverse=True)
    tokens = view.info.vocab.id2token
    words = ["\n" if tokens[n] == EOS else tokens[n] for n in ids]
    counts = np.append(view.counts[1:], False)[inside]
    return {
        "words": [visible(word) for word in words],
        "likeliest": places.reshape(steps.probs[inside].shape).tolist(),
        "probs": [[float(f"{p:.6g}") for p in row] for row in steps.probs[inside]],
        "next": [
            float(v) if counted and np.isfinite(v) else None
            for v, counted in zip(steps.next_log_p[inside], counts, strict=True)
        ],
    }


def _strips(
    cell: Cell, inside: np.ndarray, order: str, limits: Mapping[str, float], codes: _Block
) -> dict[str, Any]:
    """The order of units, and of each gate and state of the layer its scale and where its codes
    are: one row of H a token."""
    view, strips = cell.view, {}
    units = unit_order(view.gates[CELL_TYPES[view.info.rnn_type].orders_units], order)
    for name, values in (view.gates | view.states).items():
        scale, lo, hi = color_scale(view, name, limits)
        encoded, lowest = encode(np.ascontiguousarray(values[inside][:, units]))  # (T,H)
        place = {"lowest": lowest, "offset": codes.put(encoded)}
        strips[name] = {"scale": scale, "lo": lo, "hi": hi, "by_tanh": name == "c"} | place
    return {"units": units.tolist(), "strips": strips}
