"""How the gradients of a run's losses decay along a text, and what carries them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.analysis.traces import LayerTrace
    from rnnviz.nn.model import RNNModel
    from rnnviz.runs.run import Run

INFLUENCE_TOKENS = 256  # rows of the matrix of all pairs: as many as fit a screen


@dataclass(frozen=True, eq=False)
class GradientDecay:
    """How far one loss L_t reaches back: log10 of norms over the states s = 0..t, (t+1,) each.

    `h`: ||dL_t/dh_s||. `c`: ||dL_t/dc_s||, None for a cell without c. `carried`: what the layer's
    own memory alone carries back, as a share of what reaches it at s = t; see `_carried`. `loss`:
    L_t in nats. `half_life`: in tokens, fitted to `h`; nan for a single state.
    """

    h: np.ndarray
    c: np.ndarray | None
    carried: np.ndarray
    loss: float
    half_life: float

    @property
    def factors(self) -> np.ndarray:
        """By what each step back multiplies the gradient that is carried (t,), the step from s = t
        first; nan after a step that let nothing through."""
        back = self.carried[::-1]
        with np.errstate(invalid="ignore"):
            return 10.0 ** (back[1:] - back[:-1])


def from_one(log_norms: np.ndarray) -> np.ndarray:
    """Logs of norms (t+1,) as logs of shares of the last one, the target's; nan where that is
    zero."""
    with np.errstate(invalid="ignore"):
        return log_norms - log_norms[-1]


def truncated(log10: np.ndarray, window: int) -> np.ndarray:
    """Norms (t+1,) that truncated BPTT sees: -inf before the window of the last state. Windows
    are counted from the start of the text."""
    first = window * ((len(log10) - 1) // window)
    return np.where(np.arange(len(log10)) < first, -np.inf, log10)


def decay_of_loss(run: Run, text: str, layer: int, target: int) -> GradientDecay:
    """How far the loss of predicting the token after step `target` (from 0) reaches back."""
    from rnnviz.analysis.gradients import gradient_flow
    from rnnviz.analysis.tracing import trace_model

    ids = run.ids(text)[: target + 2]
    flow = gradient_flow(run.model, ids, target)
    trace = trace_model(run.model, ids[:-1])
    h = _log10(flow.h_log_norm[layer])
    c = None if flow.c_log_norm is None else _log10(flow.c_log_norm[layer])
    reaches = (flow.h if flow.c is None else flow.c)[layer, target]  # (H,)
    carried = _carried(run.model, trace.layers[layer], layer, reaches)
    loss = _loss(run.model, trace.layers[-1].h_out[-1, 0], ids[-1])
    return GradientDecay(h, c, carried, loss, half_life(h))


def _loss(model: RNNModel, h: Tensor, following: Tensor) -> float:
    """Nats of the next token after the top state h (H,)."""
    logits = model.projection(h).detach().double()  # (V,)
    return float(logits.logsumexp(-1) - logits[following])


def _log10(log_norm: Tensor) -> np.ndarray:
    return log_norm.numpy() / math.log(10)


def _carried(model: RNNModel, trace: LayerTrace, layer: int, reaches: Tensor) -> np.ndarray:
    """log10 of the share of a gradient that a layer's own memory carries back, (t+1,), 0 at s = t.

    `reaches` (H,): the gradient at s = t. In a cell with a gate that keeps, each step back
    multiplies it elementwise by that gate (f of an LSTM, z of a GRU); in an RNN by the slopes of
    that step and always the same matrix, W_hh^T diag(s).
    """
    gate = CELL_TYPES[trace.kind].keep_gate
    if gate is not None:
        kept = trace.gates[gate][1:, 0].double().log().flip(0).cumsum(0).flip(0)  # (t,H)
        squares = 2 * (kept + reaches.abs().log())  # in logs, which do not underflow
        return from_one(np.append(_log10(squares.logsumexp(-1) / 2), _log10(reaches.norm().log())))
    slope, w = _slopes(model, trace, layer)
    sizes = [reaches.norm()]
    for step in slope.flip(0).unbind():
        reaches = w.T @ (step * reaches / sizes[-1])
        sizes.append(reaches.norm())
    factors = np.array([float(size) for size in sizes[1:]])  # (t,), the step from s = t first
    with np.errstate(divide="ignore"):
        return np.append(np.log10(factors).cumsum()[::-1], 0.0)


def _slopes(model: RNNModel, trace: LayerTrace, layer: int) -> tuple[Tensor, Tensor]:
    """What the Jacobians diag(s) W_hh of an RNN's steps 1..t are made of: s (t,H), W_hh (H,H)."""
    from rnnviz.analysis.derivatives import layer_derivatives

    at = layer_derivatives(model.rnn, trace, layer)
    return at.derivatives.h[1:, 0], at.w_hh[0]


def singular_bound(
    run: Run, text: str, layer: int, target: int, rounds: int = 30
) -> np.ndarray | None:
    """An upper bound of an RNN's `GradientDecay.carried`, (t+1,) over s = 0..t: log10 of the
    product of ||J_u||_2 for u = s+1..t. None for other cell types.

    J_u = diag(s_u) W_hh; power iteration runs on all J_u at once. The last entry, an empty
    product, is 0.
    """
    import torch

    from rnnviz.analysis.tracing import trace_model

    if CELL_TYPES[run.info.rnn_type].keep_gate is not None:
        return None
    trace = trace_model(run.model, run.ids(text)[: target + 1]).layers[layer]
    slope, w = _slopes(run.model, trace, layer)
    v = torch.ones_like(slope)
    for _ in range(rounds):
        v = torch.nn.functional.normalize(v, dim=-1)
        u = slope * (v @ w.T)  # J v, (t,H)
        v = (slope * u) @ w  # J^T J v
    logs = u.norm(dim=-1).log10()  # (t,)
    return np.append(logs.flip(0).cumsum(0).flip(0).numpy(), 0.0)


def half_life(log10_norms: np.ndarray) -> float:
    """Tokens in which norms halve, given their log10 (T,); see `gradients.fit_half_life`."""
    from rnnviz.analysis.gradients import fit_half_life

    finite = log10_norms[np.isfinite(log10_norms)]
    return fit_half_life(10.0 ** (log10_norms - finite.max())) if len(finite) else math.nan


def mean_half_life(log10: np.ndarray, counts: np.ndarray) -> float:
    """The half-life in tokens of the mean decay of many losses, given log10 ||dL_t/dx_s|| (T,T),
    row t for L_t: of the losses in the second half that count (`counts`, (T,)), shares of the norm
    at distance 0 are averaged in logs at each distance up to T/2. nan where there is none."""
    reach = len(log10) // 2
    rows = [t for t in range(reach, len(log10)) if counts[t] and np.isfinite(log10[t, t])]
    if not rows:
        return math.nan
    shares = np.array([from_one(log10[t, t - reach : t + 1]) for t in rows])  # (rows,reach+1)
    return half_life(shares.mean(0))


def influence_log10(run: Run, text: str, layer: int) -> np.ndarray:
    """log10 ||dL_t/dx_s|| (T,T): row t is the loss after token t, column s the input of the layer
    at token s."""
    from rnnviz.analysis.gradients import influence

    matrix = influence(run.model, run.ids(text)[: INFLUENCE_TOKENS + 1], of="x", layer=layer)
    with np.errstate(divide="ignore"):
        return np.log10(matrix.numpy())
