"""The factors that a gradient meets on its way back, as one binary message for products.js.

The message is a little-endian uint32 n, a JSON header of n bytes, and float32 factors: of a model
with a gate, [step, unit], else [step]; the step of the target comes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.figures import binary_message, style
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.runs.info import RunInfo

MOST_STEPS = 64  # back: bars of more could not be told apart


@dataclass(frozen=True, eq=False)
class Factors:
    """Of one model, by what each step back multiplies: `values` (D,H), what the gate that keeps of
    each unit lets through, or (D,), the change of the norm of a gradient that a matrix turns."""

    info: RunInfo
    name: str
    values: np.ndarray


def of_gate(gate: np.ndarray, target: int) -> np.ndarray:
    """The gates (T,H) that a gradient from step `target` meets, (D,H)."""
    return gate[max(1, target + 1 - MOST_STEPS) : target + 1][::-1]


def pack(models: Sequence[Factors], target: str, dark: bool) -> bytes:
    """The message. `target`: the token after which the loss is. Raises ValueError for NaN and for
    infinity."""
    described, factors = [], []
    for model in models:
        if not np.isfinite(model.values).all():
            raise ValueError(f"{model.name}: some factors are NaN or infinite")
        values = model.values[:MOST_STEPS]
        described.append(
            {
                "label": model.name,
                "title": model.info.name,
                "color": style.color(model.info.rnn_type, dark),
                "gate": CELL_TYPES[model.info.rnn_type].keep_gate,
                "steps": len(values),
                "units": values.shape[1] if values.ndim > 1 else 1,
                "offset": sum(each.size for each in factors),
            }
        )
        factors.append(values.astype("<f4"))
    header = {"models": described, "target": target}
    return binary_message.join(header, (each.tobytes() for each in factors))


def height(message: bytes) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn; see
    products.css."""
    models = binary_message.header_of(message)["models"]
    return 50 + 536 * math.ceil(len(models) / 2)
