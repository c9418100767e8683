"""A text as a chain of conditional probabilities, as one binary message for chain.js.

The message is a little-endian uint32 n, a JSON header of n bytes, and float32 bits [line, token].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.figures import binary_message, style

HEIGHT = 414  # pixels, of what chain.css and chain_chart.js draw


@dataclass(frozen=True, eq=False)
class Line:
    """The tokens of a text in one order: its name, and of each token -log2 p (T,), given all
    before it."""

    name: str
    bits: np.ndarray


def pack(
    tokens: Sequence[str], start: str, lines: Sequence[Line], end: int, kind: str, dark: bool
) -> bytes:
    """The message. `tokens` (T,) are those of the first line, the others have the same ones in
    another order. `start`: what was read before them. `end`: how many of them count at first.
    `kind`: the cell type. Raises ValueError for lines of another length, NaN and infinity."""
    values = np.stack([line.bits for line in lines])  # (lines,T)
    if values.shape[1] != len(tokens):
        raise ValueError(f"{len(tokens)} tokens with bits of {values.shape[1]}")
    if not np.isfinite(values).all():
        raise ValueError("some bits are NaN or infinite")
    header = {
        "tokens": list(tokens),
        "start": start,
        "names": [line.name for line in lines],
        "end": end,
        "color": style.color(kind, dark),
    }
    return binary_message.join(header, [values.astype("<f4").tobytes()])
