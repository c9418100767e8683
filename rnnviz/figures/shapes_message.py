"""The five shapes of input and output, and one of them with its values, as a message for shapes.js.

The message is a header of `binary_message`, the states as int8 from -127 for -1 to 127 for 1, and
the pictures as bytes red, green, blue of each cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnnviz.analysis.text_view import visible
from rnnviz.figures import binary_message, style

MOST_UNITS, MOST_COLUMNS = 128, 400
GALLERY = 148  # pixels, of the small diagrams


@dataclass(frozen=True)
class Boxes:
    """Which boxes one step of a small diagram has."""

    has_input: bool
    has_state: bool
    has_output: bool


@dataclass(frozen=True)
class Shape:
    """A small diagram; `title`: what goes in and what comes out."""

    name: str
    title: str
    columns: tuple[Boxes, ...]


@dataclass(frozen=True)
class Picture:
    """Rows of colours, each "#rrggbb"."""

    colors: Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Column:
    """One step with its values.

    `given`: the token or picture that it reads. `state` (H,): values from -1 to 1. `said`: what
    comes out, `p`: its probability, `truth`: whether it is right. `gradient`: log10 of the norm
    that comes back from this state to the one before, -inf for a norm of 0.
    """

    given: str | Picture | None = None
    state: np.ndarray | None = None
    part: Literal["encoder", "decoder", ""] = ""
    said: str | None = None
    p: float | None = None
    truth: bool | None = None
    has_loss: bool = False
    gradient: float | None = None


def pack(
    shapes: Sequence[Shape], chosen: int, columns: Sequence[Column], step: int, dark: bool
) -> bytes:
    """The message. `step`: the column up to which the large diagram is lit, from 0.

    Raises ValueError for too many columns or units, for states of different sizes, and for values
    that are NaN or infinite.
    """
    if len(columns) > MOST_COLUMNS:
        raise ValueError(f"{len(columns)} columns, {MOST_COLUMNS} at most")
    if not all(column.gradient is None or column.gradient < math.inf for column in columns):
        raise ValueError("some gradients are NaN or infinite")
    states = _states(columns)  # (N,H)
    pictures = [_pixels(c.given) for c in columns if isinstance(c.given, Picture)]
    header = {
        "shapes": [_shape(shape) for shape in shapes],
        "chosen": chosen,
        "columns": _columns(columns, pictures),
        "step": step,
        "units": states.shape[1],
        "states": len(states),
        "scale": style.scale("diverging_dark" if dark else "diverging"),
    }
    codes = np.rint(127 * np.clip(states, -1, 1)).astype(np.int8)
    return binary_message.join(header, (array.tobytes() for array in (codes, *pictures)))


def _states(columns: Sequence[Column]) -> np.ndarray:
    """The states (N,H) of those columns that have one."""
    found = [column.state for column in columns if column.state is not None]
    sizes = {state.shape for state in found}
    if len(sizes) > 1:
        raise ValueError(f"states of different sizes: {sorted(sizes)}")
    states = np.stack(found) if found else np.zeros((0, 0))  # (N,H)
    if states.ndim != 2 or states.shape[1] > MOST_UNITS:
        raise ValueError(f"a state has shape {states.shape[1:]}, {MOST_UNITS} units at most")
    if not np.isfinite(states).all():
        raise ValueError("some states are NaN or infinite")
    return states


def _pixels(picture: Picture) -> np.ndarray:
    """Its bytes (rows,columns,3)."""
    rows = [[list(bytes.fromhex(color[1:])) for color in row] for row in picture.colors]
    return np.array(rows, np.uint8)


def _shape(shape: Shape) -> dict:
    boxes = [[c.has_input, c.has_state, c.has_output] for c in shape.columns]
    return {"name": shape.name, "title": shape.title, "columns": boxes}


def _columns(columns: Sequence[Column], pictures: Sequence[np.ndarray]) -> list[dict]:
    """What is said of the columns. A state has its number, a picture where its bytes begin."""
    found, states, left, at = [], 0, list(pictures), 0
    for column in columns:
        state = picture = None
        if column.state is not None:
            state, states = states, states + 1
        if isinstance(column.given, Picture):
            pixels = left.pop(0)
            picture, at = (
                {"rows": len(pixels), "columns": pixels.shape[1], "at": at},
                at + pixels.size,
            )
        found.append(_column(column) | {"state": state, "picture": picture})
    return found


def _column(column: Column) -> dict:
    gradient = column.gradient
    return {
        "given": _shown(column.given) if isinstance(column.given, str) else None,
        "part": column.part,
        "said": None if column.said is None else _shown(column.said),
        "p": None if column.p is None else round(float(column.p), 4),
        "truth": None if column.truth is None else bool(column.truth),
        "loss": bool(column.has_loss),
        "gradient": None if gradient in (None, -math.inf) else round(float(gradient), 3),
    }


def _shown(token: str) -> str:
    """A token of one character is seen even where it is a space."""
    return visible(token) if len(token) == 1 else token


def height(message: bytes) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn. The
    numbers are those of shapes_layout.js and shapes.css."""
    columns = binary_message.header_of(message)["columns"]
    if not columns:
        return GALLERY
    parts = 30 * any(column["part"] for column in columns)
    losses = 24 * any(column["loss"] for column in columns)
    pictures = any(column["picture"] for column in columns)
    inputs = max(42, min(72, 1200 // len(columns) - 6)) if pictures else 28
    states = 98 * any(column["state"] is not None for column in columns)
    slider = 58 * (len(columns) > 1)
    return GALLERY + 120 + parts + losses + inputs + states + slider
