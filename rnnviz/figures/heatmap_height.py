"""How high heatmaps will be on a page, so that their place is kept before they are drawn.

The numbers are those of heatmaps.css on a wide screen. The component frees its place when it is
drawn, so a narrow screen, where more stands below each other, loses nothing.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

WIDTH = 980  # of the page beside its sidebar, in a window of 1440 pixels
LINE, CHARACTER, TEXT_FRAME, MOST_TEXT, BELOW_TEXT = 23.1, 8.43, 16, 149, 10
LEGEND, HEADER, CAPTION, AXIS = 34, 41, 24, 16
PANEL_GAP, MODEL_GAP, LAST_GAP = 12, 22, 4
PANEL, PAIRS = (120, 256), 346  # a panel's least and most height; a matrix of tokens by tokens


def height(message: bytes) -> int:
    """The height in pixels of a message of `heatmap_message.pack`."""
    (size,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + size])
    texts, models = header["texts"], header["models"]
    found = sum(_text_height(text["tokens"]) for text in texts)
    found += LEGEND * bool(models or any(text["values"] for text in texts))
    rows = _rows(models, header["columns"] * header["beside"])
    found += sum(max(_model_height(model, header["columns"]) for model in row) for row in rows)
    return round(found + (MODEL_GAP * (len(rows) - 1) + LAST_GAP if rows else 0))


def _text_height(tokens: list[str]) -> float:
    """Lines end at line ends, and where they are full."""
    written = "".join(tokens).split("\u23ce")
    lines = sum(max(1, math.ceil(len(line) * CHARACTER / WIDTH)) for line in written)
    lines -= len(written) > 1 and not written[-1]
    return min(lines * LINE + TEXT_FRAME, MOST_TEXT) + BELOW_TEXT


def _rows(models: list[dict], places: int) -> list[list[dict]]:
    """The models that stand beside each other: their panels fill `places` at most."""
    rows: list[list[dict]] = []
    free = 0
    for model in models:
        takes = min(len(model["panels"]), places)
        if takes > free:
            rows.append([])
            free = places
        rows[-1].append(model)
        free -= takes
    return rows


def _model_height(model: dict[str, Any], columns: int) -> float:
    least, most = PANEL
    area = min(max(len(model["units"]), least), most) if model["row"] == "unit" else PAIRS
    rows = math.ceil(len(model["panels"]) / columns)
    return HEADER + rows * (CAPTION + area + AXIS) + PANEL_GAP * (rows - 1)
