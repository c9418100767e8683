"""A text as pieces that a person moves, with what each costs, as a message for order.js: a header
of `binary_message` without arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rnnviz.figures import binary_message, style

Tokens: TypeAlias = Sequence[tuple[str, float]]  # of a piece, with the nats of each


@dataclass(frozen=True, eq=False)
class Costs:
    """What each piece costs one model: `before` (P,) in the text as it was, `now` (W,) in the
    order shown."""

    label: str
    before: Sequence[Tokens]
    now: Sequence[Tokens]


def pack(order: Sequence[int], costs: Sequence[Costs]) -> bytes:
    """The tokens of the first model have the colours of what they cost it."""
    models = [
        {"label": cost.label, "before": _rounded(cost.before), "now": _rounded(cost.now)}
        for cost in costs
    ]
    scale = style.scale("sequential")
    return binary_message.join({"order": list(order), "models": models, "scale": scale}, ())


def _rounded(pieces: Sequence[Tokens]) -> list[list[tuple[str, float]]]:
    return [[(token, round(nats, 3)) for token, nats in piece] for piece in pieces]


def height(pieces: Sequence[str], models: int) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn."""
    rows = 1 + sum(max(len(piece), 5) + 4 for piece in pieces) // 110
    return 70 + 62 * rows + 26 * models
