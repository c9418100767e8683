"""Gradients of a run on a text, as arrays that are ready to draw."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rnnviz.nn.model import RNNModel
    from rnnviz.runs.store import Run

INFLUENCE_TOKENS = 256  # of the matrix of all pairs: a screen has no room for more
LAB_VOCAB = 32
CLIP = 0.25


@dataclass(frozen=True, eq=False)
class GradientDecay:
    """How one loss L_t reaches back, over the states s = 0..t; log10 of norms, (t+1,) each.

    `h`, `c` (None without a c): ||dL_t/dh_s||, ||dL_t/dc_s||; `bound`: for the LSTM what
    the forget gates alone would carry, for an RNN the product of the
    Jacobians' largest singular values (of the top layer: what reaches a lower one through the
    layers above is not in it), None for a GRU.
    `half_life`: fitted to `h`, in tokens, nan for a single state.
    """

    h: np.ndarray
    c: np.ndarray | None
    bound: np.ndarray | None
    half_life: float


def truncated(log10: np.ndarray, window: int) -> np.ndarray:
    """Norms (t+1,) under truncated BPTT with windows from the start: -inf before the last one."""
    first = window * ((len(log10) - 1) // window)
    return np.where(np.arange(len(log10)) < first, -np.inf, log10)


def decay_of_loss(run: Run, text: str, layer: int, target: int) -> GradientDecay:
    """The flow of the loss of predicting the token after step `target` (from 0)."""
    from rnnviz.analysis.gradients import gradient_flow
    from rnnviz.analysis.tracing import trace_model

    ids = run.ids(text)[: target + 2]
    whole = gradient_flow(run.model, ids, target)
    c = None if whole.c_log_norm is None else _log10(whole.c_log_norm[layer])
    trace = trace_model(run.model, ids[:-1]).layers[layer]
    h, bound = _log10(whole.h_log_norm[layer]), None
    if whole.c is not None:
        kept = trace.gates["f"][1:, 0].double().log().flip(0).cumsum(0).flip(0)  # (t,H)
        last = whole.c[layer, target]  # (H,)
        bound = np.append(_log_norm(kept, last), c[-1])
    elif "a" in trace.gates and layer == run.model.rnn.num_layers - 1:
        bound = _singular_bound(run.model, trace, layer) + h[-1]
    return GradientDecay(h, c, bound, half_life(h))


def _log10(log_norm) -> np.ndarray:
    return log_norm.numpy() / math.log(10)


def _log_norm(log_kept, last) -> np.ndarray:
    """log10 of || exp(log_kept) * last || for each row (t,H), without underflow."""
    logs = 2 * (log_kept + last.abs().log())  # (t,H)
    return logs.logsumexp(-1).numpy() / 2 / math.log(10)


def _singular_bound(model: RNNModel, trace, layer: int, rounds: int = 30) -> np.ndarray:
    """log10 of the product of ||J_u||_2 for u = s+1..t, by power iteration on all J at once.

    J_u = diag(slope_u) W_hh; the last entry, an empty product, is 0.
    """
    import torch

    from rnnviz.analysis.gradients import layer_slopes

    at = layer_slopes(model.rnn, trace, layer)
    slope, w = at.slopes.h[1:, 0], at.w_hh[0].T  # (t,H), (H,H)
    v = torch.ones_like(slope)
    for _ in range(rounds):
        v = torch.nn.functional.normalize(v, dim=-1)
        u = slope * (v @ w.T)  # J v, (t,H)
        v = (slope * u) @ w  # J^T J v
    logs = u.norm(dim=-1).log10()  # (t,)
    return np.append(logs.flip(0).cumsum(0).flip(0).numpy(), 0.0)


def half_life(log10_norms: np.ndarray) -> float:
    """Tokens in which a row of log10 norms halves (see `gradients.fit_half_life`)."""
    from rnnviz.analysis.gradients import fit_half_life

    finite = log10_norms[np.isfinite(log10_norms)]
    return fit_half_life(10.0 ** (log10_norms - finite.max())) if len(finite) else math.nan


def influence_log10(run: Run, text: str, layer: int) -> np.ndarray:
    """log10 ||dL_t/dx_s|| (T,T), row t the loss, column s the token whose layer input is meant."""
    from rnnviz.analysis.gradients import influence

    matrix = influence(run.model, run.ids(text)[: INFLUENCE_TOKENS + 1], of="x", layer=layer)
    with np.errstate(divide="ignore"):
        return np.log10(matrix.numpy())


def laboratory(
    rnn_type: str, gain: float, forget_bias: float, hidden_size: int, steps: int, clip: bool
) -> np.ndarray:
    """log10 ||dL_T/dh_s|| (steps,) of an untrained cell, L the loss of the last step.

    Recurrent weights are drawn with standard deviation gain / sqrt(H), so an RNN's largest
    eigenvalue is near the gain. With `clip` the gradient is scaled as clipping the norm of the
    recurrent weights' gradient to 0.25 would scale it. Raises ValueError for states that overflow.
    """
    import torch

    from rnnviz.analysis.gradients import gradient_flow
    from rnnviz.nn.model import RNNModel

    rng = torch.Generator().manual_seed(0)
    model = RNNModel(rnn_type, LAB_VOCAB, hidden_size, hidden_size, 1, dropout=0.0).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            std = gain if "weight_hh" in name else 1.0
            parameter.normal_(0.0, std / math.sqrt(hidden_size), generator=rng)
        if rnn_type == "LSTM":
            model.rnn.bias_ih_l0[hidden_size : 2 * hidden_size] += forget_bias
    ids = torch.randint(LAB_VOCAB, (steps + 1,), generator=rng)
    flow = gradient_flow(model, ids)
    log_norms = flow.h_log_norm[0]
    if clip:
        model.zero_grad()
        log_prob, _ = model(ids[None, :-1], model.init_hidden(1))
        (-log_prob[0, -1, ids[-1]]).backward()
        norm = model.rnn.weight_hh_l0.grad.norm().log()
        log_norms = log_norms - max(0.0, norm.item() - math.log(CLIP))
    return _log10(log_norms)
