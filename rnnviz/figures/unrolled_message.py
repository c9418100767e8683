"""A network unrolled in time as one binary message for unrolled.js.

The message is a little-endian uint32 n, a JSON header of n bytes, float32 norms, and a byte for
each cell of a strip. Offsets in the header count norms and cells.

norms: of each lane and of each layer's input, log10 ||dL_t/d state_{t-d}|| at [t, d], -inf for 0.
cells: of each lane, at [t, row] the colour of a unit, from 0 for -limit to 255 for +limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.analysis.unrolled import COPIES, REACH, Unrolled
from rnnviz.figures import binary_message, style
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.runs.info import RunInfo

ROWS = 32  # units of a strip: those that vary most
MIN_LIMIT = 0.1  # of the colours of an unbounded state
SCALES = ("diverging", "diverging_dark")
# Parts of the component that can be left out, by selector, and the pixels that this saves
PARTS = {"header": 29, ".weights": 44, ".forget": 54, ".window": 44, ".told": 0, ".widths": 0}


@dataclass(frozen=True, eq=False)
class Copies:
    """What is drawn of T steps of a run. `tokens`, `counts` (T+1,): as in `View`, of what is read
    and of the last that is predicted. `now`: the steps; `whole`: as they are when nothing is
    forgotten. `target`: the step whose loss is looked at first. `forgotten`: the step before which
    states are zero, 0 for none. `without`: the parts of PARTS that are left out. `opened`: another
    number where `target` shall be looked at anew, also in a text that is drawn already."""

    info: RunInfo
    tokens: Sequence[str]
    counts: np.ndarray
    now: Unrolled
    whole: Unrolled
    target: int
    forgotten: int = 0
    without: tuple[str, ...] = ()
    opened: int = 0


def pack(copies: Copies, dark: bool) -> bytes:
    """The message. Raises ValueError for tokens that do not fit the steps, and for NaN."""
    now, steps = copies.now, len(copies.now.losses)
    if not len(copies.tokens) == len(copies.counts) == steps + 1:
        sizes = f"{len(copies.tokens)} tokens and {len(copies.counts)} counts"
        raise ValueError(f"{sizes} for {steps} steps and the token after them")
    if any(np.isnan(norms).any() for norms in now.norms.values()):
        raise ValueError("some norms are NaN")
    chosen = _units(copies.whole)
    norms, cells, lanes = [], [], []
    for layer, units in reversed([*enumerate(chosen)]):  # from the top
        for name in sorted(now.states, reverse=True):  # h above c, which feeds it
            lanes.append({"symbol": name, "layer": layer, "at": len(norms), "cells": len(cells)})
            norms.append(now.norms[name][layer])
            cells.append(_cells(copies, name, layer, units))
    inputs = [len(norms) + layer for layer in range(len(chosen))]
    norms += list(now.norms["x"])
    header = _described(copies, dark) | {"lanes": lanes, "inputs": inputs, "rows": len(chosen[0])}
    arrays = np.stack(norms).astype("<f4"), np.stack(cells)
    return binary_message.join(header, (array.tobytes() for array in arrays))


def _described(copies: Copies, dark: bool) -> dict:
    info, now, whole = copies.info, copies.now, copies.whole
    return {
        "label": style.cell_name(info.rnn_type),
        "title": info.name,
        "color": style.color(info.rnn_type, dark),
        "tokens": list(copies.tokens),
        "counts": copies.counts[1:].tolist(),
        "losses": _rounded(now.losses),
        "before": _rounded(whole.losses),
        "likeliest": list(now.likeliest),
        "probability": _rounded(now.probability),
        "target": copies.target,
        "opened": copies.opened,
        "forgotten": copies.forgotten,
        "without": copies.without,
        "bounded": CELL_TYPES[info.rnn_type].bounded,
        "copies": COPIES,
        "reach": REACH,
        "weights": weights(info),
        "scales": {name: style.scale(name) for name in SCALES},
    }


def weights(info: RunInfo) -> list[dict]:
    """The matrices that each copy has, from the input upwards: what they read and their size."""
    model, blocks = info.model, CELL_TYPES[info.rnn_type].blocks
    size, below = model["hidden_size"], model["embedding_size"]
    found = []
    for layer in range(model["num_hidden_layers"]):
        found.append({"name": "xh", "layer": layer, "shape": [blocks * size, below]})
        found.append({"name": "hh", "layer": layer, "shape": [blocks * size, size]})
        below = size
    return [*found, {"name": "hy", "layer": None, "shape": [model["vocab_size"], size]}]


def _units(whole: Unrolled) -> list[np.ndarray]:
    """The units (ROWS,) of each layer whose h varies most, in their own order. Forgetting does not
    change which."""
    return [np.sort(np.argsort(-h.var(0), kind="stable")[:ROWS]) for h in whole.states["h"]]


def _cells(copies: Copies, name: str, layer: int, units: np.ndarray) -> np.ndarray:
    """Colours (T,ROWS): of tanh(c), and of h on -1..1 or, where it has no bound, within what 99%
    of its values have."""
    values, limit = copies.now.states[name][layer][:, units], 1.0
    if name == "c":
        values = np.tanh(values)
    elif not CELL_TYPES[copies.info.rnn_type].bounded:
        most = np.percentile(np.abs(copies.whole.states[name][layer][:, units]), 99)
        limit = max(MIN_LIMIT, float(most))
    return np.rint(127.5 * (1 + np.clip(values / limit, -1, 1))).astype(np.uint8)


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def height(message: bytes) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn. The
    numbers are those of unrolled_draw.js and unrolled.css."""
    header = binary_message.header_of(message)
    lanes, layers = len(header["lanes"]), len(header["inputs"])
    strips = layers * (19 + 96) if lanes == layers else layers * (2 * (19 + 64) + 4)
    left_out = sum(PARTS[part] for part in header["without"])
    return 390 + strips + 34 * (layers + 1) - left_out
