"""Heatmaps of many units along a text, as one binary message for assets/heatmaps.js.

The message is a little-endian uint32 n, a JSON header of n bytes, then the values as
uint16: value = from + (to - from) * q / 65535. It carries 0.56 million cells in 1.1 MB and is
painted several times faster than figures of the same data.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.figures import signals

DECADES = 40  # of a log scale: uint16 tells them to a thousandth
ORDERS = ("index", "mean", "variance", "time of peak")


@dataclass(frozen=True)
class Text:
    """Tokens with their places (T,2) in the raw text, and values (T,) that colour them."""

    tokens: Sequence[str]
    spans: np.ndarray
    values: np.ndarray | None = None
    scale: str = "diverging"
    lo: float = -1.0
    hi: float = 1.0


@dataclass(frozen=True)
class Panel:
    """One heatmap: values (T,H) on the scale sequential, diverging or log (of log10 values).

    Colours end at `lo` and `hi`; values beyond have the end's colour and are told exactly, but
    for those of a log scale more than DECADES below `hi`: they count as nothing, code 0, and
    are not painted.
    """

    symbol: str
    values: np.ndarray
    scale: str
    lo: float
    hi: float


@dataclass(frozen=True)
class Model:
    """The panels of one model on text number `text`, rows from top to bottom as in `units`.

    `row` says what a row is: a unit, or the loss at a token; then hovering it colours the text.
    Rows are numbered from `count_from`.
    """

    label: str
    title: str
    color: str
    note: str
    text: int
    units: np.ndarray
    panels: Sequence[Panel]
    row: str = "unit"
    count_from: int = 0


def unit_order(values: np.ndarray, by: str) -> np.ndarray:
    """Order (H,) of units by what one gate (T,H) does: its index, falling mean or variance,
    or the time of its peak."""
    if by == "index":
        return np.arange(values.shape[1])
    key = {
        "mean": lambda: -values.mean(0),
        "variance": lambda: -values.var(0),
        "time of peak": lambda: values.argmax(0),
    }[by]()
    return np.argsort(key, kind="stable")


def pack(
    texts: Sequence[Text], models: Sequence[Model], columns: int = 4, beside: int = 1
) -> bytes:
    """The message: `columns` panels of a model in a row, `beside` models side by side.

    Raises ValueError for a panel that does not fit its text and units, and for NaN."""
    chunks: list[np.ndarray] = []
    offset = 0
    described = []
    for model in models:
        panels = []
        for panel in model.panels:
            shape = (len(texts[model.text].tokens), len(model.units))
            if panel.values.shape != shape:
                raise ValueError(
                    f"{model.label} {panel.symbol}: values {panel.values.shape} for "
                    f"{shape[0]} tokens and {shape[1]} units"
                )
            values = panel.values.T[model.units]  # (H,T)
            high = max(panel.hi, values.max(initial=panel.hi))
            if panel.scale == "log":
                low = panel.hi - DECADES
                codes = np.where(values > low, np.maximum(quantize(values, low, high), 1), 0)
                chunks.append(codes.astype("<u2"))
            else:
                low = min(panel.lo, values.min(initial=panel.lo))
                chunks.append(quantize(values, low, high))
            panels.append(
                {
                    "symbol": panel.symbol,
                    "name": signals.SYMBOLS.get(panel.symbol, ""),
                    "scale": panel.scale,
                    "lo": float(panel.lo),
                    "hi": float(panel.hi),
                    "from": float(low),
                    "to": float(high),
                    "offset": offset,
                }
            )
            offset += chunks[-1].size
        described.append(
            {
                "label": model.label,
                "title": model.title,
                "color": model.color,
                "note": model.note,
                "text": model.text,
                "units": (model.units + model.count_from).tolist(),
                "row": model.row,
                "panels": panels,
            }
        )
    header = {
        "texts": [_text(text) for text in texts],
        "models": described,
        "scales": {
            name: signals.scale(name)
            for name in ("sequential", "diverging", "diverging_dark", "log")
        },
        "columns": columns,
        "beside": beside,
    }
    encoded = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    encoded += b" " * (len(encoded) % 2)  # the values begin at an even place
    return b"".join([struct.pack("<I", len(encoded)), encoded, *(c.tobytes() for c in chunks)])


def quantize(values: np.ndarray, lo: float, hi: float) -> np.ndarray:
    """Values as uint16 steps of (hi - lo) / 65535, cut off at the ends."""
    steps = (np.asarray(values, np.float32) - lo) * (65535 / max(hi - lo, 1e-12))
    return np.rint(np.clip(steps, 0, 65535)).astype("<u2")


def _text(text: Text) -> dict:
    values = None if text.values is None else [round(float(v), 4) for v in text.values]
    return {
        "tokens": list(text.tokens),
        "starts": text.spans[:, 0].tolist(),
        "ends": text.spans[:, 1].tolist(),
        "values": values,
        "scale": text.scale,
        "lo": text.lo,
        "hi": text.hi,
    }
