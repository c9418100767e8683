"""How the gradients of a run's losses decay along a text, and those of untrained cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from rnnviz.nn.model import RNNModel
    from rnnviz.runs.run import Run

INFLUENCE_TOKENS = 256  # rows of the matrix of all pairs: as many as fit a screen
LAB_VOCAB = 32
CLIP = 0.25  # norm at which the laboratory clips


@dataclass(frozen=True, eq=False)
class GradientDecay:
    """How far one loss L_t reaches back: log10 of norms over the states s = 0..t, (t+1,) each.

    `h`: ||dL_t/dh_s||. `c`: ||dL_t/dc_s||, None for a cell without c. `bound`: of an LSTM, what
    the forget gates alone would carry back; of an RNN's top layer, the product of the Jacobians'
    largest singular values times ||dL_t/dh_t||; else None (a lower layer also gets gradient
    through the layers above, which the product leaves out). `half_life`: in tokens, fitted to
    `h`; nan for a single state.
    """

    h: np.ndarray
    c: np.ndarray | None
    bound: np.ndarray | None
    half_life: float


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
    trace = trace_model(run.model, ids[:-1]).layers[layer]
    h, c, bound = _log10(flow.h_log_norm[layer]), None, None
    if flow.c is not None and flow.c_log_norm is not None:
        c = _log10(flow.c_log_norm[layer])
        kept = trace.gates["f"][1:, 0].double().log().flip(0).cumsum(0).flip(0)  # (t,H)
        bound = np.append(_log_norm(kept, flow.c[layer, target]), c[-1])
    elif CELL_TYPES[run.info.rnn_type].keep_gate is None and layer == run.model.rnn.num_layers - 1:
        bound = _singular_bound(run.model, trace, layer) + h[-1]
    return GradientDecay(h, c, bound, half_life(h))


def _log10(log_norm) -> np.ndarray:
    return log_norm.numpy() / math.log(10)


def _log_norm(log_kept, last) -> np.ndarray:
    """log10 ||exp(log_kept) * last|| (t,) of log_kept (t,H) and last (H,), without underflow."""
    logs = 2 * (log_kept + last.abs().log())  # (t,H)
    return logs.logsumexp(-1).numpy() / 2 / math.log(10)


def _singular_bound(model: RNNModel, trace, layer: int, rounds: int = 30) -> np.ndarray:
    """log10 of the product of ||J_u||_2 for u = s+1..t, (t+1,) over s = 0..t.

    J_u = diag(s_u) W_hh; power iteration runs on all J_u at once. The last entry, an empty
    product, is 0.
    """
    import torch

    from rnnviz.analysis.gradients import layer_derivatives

    at = layer_derivatives(model.rnn, trace, layer)
    slope, w = at.derivatives.h[1:, 0], at.w_hh[0].T  # (t,H), (H,H)
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


def influence_log10(run: Run, text: str, layer: int) -> np.ndarray:
    """log10 ||dL_t/dx_s|| (T,T): row t is the loss after token t, column s the input of the layer
    at token s."""
    from rnnviz.analysis.gradients import influence

    matrix = influence(run.model, run.ids(text)[: INFLUENCE_TOKENS + 1], of="x", layer=layer)
    with np.errstate(divide="ignore"):
        return np.log10(matrix.numpy())


def laboratory(
    rnn_type: str, gain: float, forget_bias: float, hidden_size: int, steps: int, clip: bool
) -> np.ndarray:
    """log10 ||dL_T/dh_s|| (steps,) of an untrained cell; L_T is the loss of the last step.

    Recurrent weights have standard deviation gain / sqrt(H), so an RNN's largest eigenvalue is
    near the gain. With `clip`, all norms are scaled as they would be if the norm of the recurrent
    weights' gradient were clipped to CLIP. Raises ValueError for states that overflow.
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
        if "f" in CELL_TYPES[rnn_type].gates:
            bias = model.rnn.get_parameter("bias_ih_l0")
            bias[hidden_size : 2 * hidden_size] += forget_bias
    ids = torch.randint(LAB_VOCAB, (steps + 1,), generator=rng)
    flow = gradient_flow(model, ids)
    log_norms = flow.h_log_norm[0]
    if clip:
        log_prob, _ = model(ids[None, :-1], model.init_hidden(1))
        weight = model.rnn.get_parameter("weight_hh_l0")
        (gradient,) = torch.autograd.grad(-log_prob[0, -1, ids[-1]], weight)
        norm = gradient.norm().log()
        log_norms = log_norms - max(0.0, norm.item() - math.log(CLIP))
    return _log10(log_norms)
