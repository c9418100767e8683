"""One unit of a run along a text, and what the run predicts: as it is, or with the unit held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.analysis.traces import LayerTrace
    from rnnviz.runs.run import Run

LIKELIEST = 5  # next tokens that are kept of each step


@dataclass(frozen=True, eq=False)
class UnitSteps:
    """One unit of a layer on a text of T tokens.

    `gates`: name -> (T,). `from_x`, `from_h`: of each gate the sums W x + b_ih and U h + b_hh that
    it is made from, (T,). `states`: h, and c of an LSTM, (T+1,); [0] is before the first token.
    `likeliest`, `probs` (T,5): ids and probabilities of the likeliest next tokens, fewer of a small
    vocabulary. `next_log_p` (T,): of the token that follows in the text, nan after the last.
    """

    gates: dict[str, np.ndarray]
    from_x: dict[str, np.ndarray]
    from_h: dict[str, np.ndarray]
    states: dict[str, np.ndarray]
    likeliest: np.ndarray
    probs: np.ndarray
    next_log_p: np.ndarray

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are finite, but log p where no token follows: a state that is held at
        a large value may overflow, or leave the token that follows a probability of 0."""
        all_finite = all(np.isfinite(a).all() for a in (*self.series.values(), self.probs))
        return bool(all_finite and not np.isinf(self.next_log_p).any())

    @property
    def series(self) -> dict[str, np.ndarray]:
        """All numbers of the unit by name: gates, "x_" and "h_" before a gate's name for its sums,
        and states."""
        from_x = {f"x_{name}": values for name, values in self.from_x.items()}
        from_h = {f"h_{name}": values for name, values in self.from_h.items()}
        return self.gates | from_x | from_h | self.states


def unit_steps(
    run: Run,
    text: str,
    layer: int,
    unit: int,
    held: Mapping[str, float] | None = None,
    start: int = 0,
) -> UnitSteps:
    """A unit of a layer (from 0) on a text; with `held`, as `analysis.holding.hold_all` has it from
    token `start` (from 0) on. Raises ValueError as that does."""
    import torch

    from rnnviz.analysis.holding import hold_all

    ids = run.ids(text)  # (T,)
    trace, log_probs = hold_all(run.model, ids, unit, held or {}, start, layer)
    seen = trace.layers[layer]
    from_x, from_h = _sums(run, layer, seen, unit)
    states = {"h": seen.h} | ({} if seen.c is None else {"c": seen.c})
    best = log_probs.topk(min(LIKELIEST, log_probs.shape[-1]))
    following = log_probs[:-1].gather(-1, ids[1:, None].to(log_probs.device))[:, 0]  # (T-1,)
    return UnitSteps(
        gates={name: _array(gate[:, 0, unit]) for name, gate in seen.gates.items()},
        from_x=from_x,
        from_h=from_h,
        states={name: _array(state[:, 0, unit]) for name, state in states.items()},
        likeliest=best.indices.cpu().numpy(),
        probs=_array(best.values.exp()),
        next_log_p=_array(torch.cat([following, following.new_full((1,), torch.nan)])),
    )


def _sums(
    run: Run, layer: int, seen: LayerTrace, unit: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By gate, W x + b_ih and U h + b_hh of a unit at each step, (T,)."""
    from rnnviz.nn.cells import product

    cell, units = CELL_TYPES[run.info.rnn_type], seen.h.shape[-1]
    rows = [n * units + unit for n in range(cell.blocks)]
    w_ih, w_hh, b_ih, b_hh = (w.detach()[rows] for w in run.model.rnn.all_weights[layer])
    from_x, from_h = product(seen.x[:, 0], w_ih, b_ih), product(seen.h_prev[:, 0], w_hh, b_hh)
    by_x, by_h = _array(from_x.T), _array(from_h.T)  # (G,T)
    return dict(zip(cell.gates, by_x, strict=True)), dict(zip(cell.gates, by_h, strict=True))


def _array(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().numpy()
