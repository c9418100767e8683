"""A text as pieces that a person moves, with what each costs, as a message for order.js: a header
of `binary_message` without arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.analysis.text_view import visible
from rnnviz.figures import binary_message, style


@dataclass(frozen=True, eq=False)
class Costs:
    """Nats of each piece for one model: `before` (P,) in the text as it was, `now` (W,) in the
    order shown."""

    label: str
    before: np.ndarray
    now: np.ndarray


def pack(pieces: Sequence[str], order: Sequence[int], costs: Sequence[Costs]) -> bytes:
    """The pieces have the colours of the first model's costs."""
    models = [
        {
            "label": cost.label,
            "before": [round(float(nats), 3) for nats in cost.before],
            "now": [round(float(nats), 3) for nats in cost.now],
        }
        for cost in costs
    ]
    header = {
        "pieces": [visible(piece) for piece in pieces],
        "order": list(order),
        "models": models,
        "scale": style.scale("sequential"),
    }
    return binary_message.join(header, ())


def height(pieces: Sequence[str], models: int) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn."""
    rows = 1 + sum(max(len(piece), 5) + 4 for piece in pieces) // 110
    return 70 + 62 * rows + 26 * models
