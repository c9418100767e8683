"""What one unit of an RNN adds up at one token: a = W x + U h + b, and its largest terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import View
from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

LARGEST = 3  # terms that are shown as numbers


@dataclass(frozen=True)
class Term:
    """One term of a sum: the weight from a unit times what that unit holds."""

    unit: int
    weight: float
    held: float

    @property
    def value(self) -> float:
        return self.weight * self.held


@dataclass(frozen=True)
class Sum:
    """A sum over units: its `total`, its `largest` terms (the largest first) and the `rest`."""

    total: float
    largest: tuple[Term, ...]
    rest: float
    others: int


@dataclass(frozen=True)
class PreActivation:
    """a = W x + U h_{t-1} + b of one unit. `from_x` is over the units of the layer below; in the
    first layer, where x is a token's embedding, a number alone."""

    from_x: Sum | float
    from_h: Sum
    bias: float


def summed(weights: np.ndarray, held: np.ndarray) -> Sum:
    """The sum of weights (H,) times what units hold (H,), with its largest terms."""
    terms = weights.astype(np.float64) * held  # (H,)
    largest = np.argsort(-np.abs(terms), kind="stable")[:LARGEST]
    rest = np.delete(terms, largest)
    return Sum(
        float(terms.sum()),
        tuple(Term(int(unit), float(weights[unit]), float(held[unit])) for unit in largest),
        float(rest.sum()),
        len(rest),
    )


def pre_activation(
    run: Run, text: str, layer: int, seen: View, below: View | None, unit: int, t: int
) -> PreActivation | None:
    """What a unit of a layer (from 0) adds up at token t (from 0) of a text.

    `seen` is the view of the layer, `below` that of the layer below, None for the first. None for
    a cell type with gates.
    """
    if CELL_TYPES[run.info.rnn_type].sigmoids:
        return None
    rnn = run.model.rnn
    w, u, b_x, b_h = (
        getattr(rnn, f"{name}_l{layer}").detach()[unit].cpu().numpy()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )  # (D,), (H,), () twice
    before = seen.states["h"][t - 1] if t else np.zeros_like(u)
    if below is None:
        token = run.ids(text[: seen.spans[-1, 1]])[t]
        embedded = run.model.embedding.weight[token].detach().cpu().numpy()  # (D,)
        from_x: Sum | float = float(w.astype(np.float64) @ embedded)
    else:
        from_x = summed(w, below.states["h"][t])
    return PreActivation(from_x, summed(u, before), float(b_x) + float(b_h))
