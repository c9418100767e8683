"""How far back a loss reaches: gradients of single predictions with respect to earlier states.

No graph is unrolled. With delta_t = dL/d(h_t, c_t) the adjoints follow
delta_t = direct_t + J_{t+1}^T delta_{t+1}, with J in closed form from the recorded gates
(`cells.step_back`). A loss is always that of one prediction, never a sum. Adjoints are float64 and
rescaled every few steps, and norms are kept as logarithms, so that a gradient that vanishes or
explodes over hundreds of steps does not become zero or infinite.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnviz._process import threads
from rnnviz.analysis.derivatives import (
    LayerDerivatives,
    by_projection,
    layer_derivatives,
    weights_of,
)
from rnnviz.analysis.traces import Trace
from rnnviz.analysis.tracing import trace_model
from rnnviz.nn import cells
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model import RNNModel, checked_ids

TEAM_FROM = 100_000_000  # products of a step, from which more than one thread is worth waiting for
RESCALE_EVERY = 8  # steps: with a factor of up to 1e19 each, squares still fit float64


@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow:
    """Total gradients (over all paths) of the loss of one predicted step, float64.

    `h` (L,T,H): dL/dh_t of each layer after step t. `c` (L,T,H) of an LSTM, else None: dL/dc_t,
    including the path through h_t = o * tanh(c_t). `h_log_norm`, `c_log_norm` (L,T): ln of the
    norms over units, -inf where the gradient is zero.
    """

    h: Tensor
    c: Tensor | None
    h_log_norm: Tensor
    c_log_norm: Tensor | None
    target: int

    @property
    def h_norm(self) -> Tensor:
        return self.h_log_norm.exp()

    @property
    def c_norm(self) -> Tensor | None:
        return None if self.c_log_norm is None else self.c_log_norm.exp()

    def __repr__(self) -> str:
        layers, steps, units = self.h.shape
        return f"GradientFlow({layers=}, {steps=}, {units=}, target={self.target})"


class _Step(NamedTuple):
    """Adjoints of one layer at step t, one row for each of R targets at or after t.

    `adjoint` (R,S): [dh] or [dh, dc], in units of exp(log_scale); it is overwritten when the scan
    goes on. `derivatives`: those of step t.
    """

    t: int
    layer: int
    adjoint: Tensor
    derivatives: cells.GateDerivatives
    log_scale: Tensor  # (R,)


@threads(1)  # its products are small, see `_team`
def gradient_flow(
    model: RNNModel, ids: Tensor | Sequence[int], target: int = -1, truncate: int | None = None
) -> GradientFlow:
    """dL/dh_t and dL/dc_t for L = -log p(ids[target+1]), the loss of one step.

    `ids` (T+1,): the inputs are `ids[:-1]`. `target` counts steps from 0 and is taken modulo T.
    `truncate=k`: truncated BPTT with windows of k steps from the start; states before the window
    of the target get zero. Raises ValueError for too few ids, k < 1, a target that is not a whole
    number, and states or a loss that are not finite.
    """
    if truncate is not None and (not _is_whole(truncate) or truncate < 1):
        raise ValueError(f"truncate must be a whole number of at least 1, not {truncate!r}")
    if not _is_whole(target):
        raise ValueError(f"target must be a whole number, not {target!r}")
    layers, direct = _recorded(model, ids)
    steps, size = direct.shape
    target = operator.index(target) % steps
    first = 0 if truncate is None else truncate * (target // truncate)
    adjoints = direct.new_zeros(len(layers), steps, _states(layers, size))  # (L,T,S)
    scale = direct.new_zeros(len(layers), steps)
    for step in _scan(layers, direct, [target], first):
        adjoints[step.layer, step.t] = step.adjoint[0]
        scale[step.layer, step.t] = step.log_scale[0]
    parts = adjoints.split(size, -1)  # (L,T,H) each
    logs = [torch.linalg.vector_norm(part, dim=-1).log_() + scale for part in parts]
    adjoints *= scale.exp()[..., None]
    c, c_log = (parts[1], logs[1]) if len(parts) > 1 else (None, None)
    return GradientFlow(parts[0], c, logs[0], c_log, target)


def influence(
    model: RNNModel, ids: Tensor | Sequence[int], of: str = "h", layer: int = -1
) -> Tensor:
    """||dL_t/dh_s|| for all pairs (T,T), float64: row t, column s; zero for s > t.

    `of`: "h", "c" (only LSTM) or "x", the input of the layer (of layer 0: the embedding). One
    backward scan carries the adjoints of all targets together. Raises ValueError for an
    `of` or a layer that the model does not have, too few ids, and states or a loss that are not
    finite.
    """
    if of not in ("h", "c", "x"):
        raise ValueError(f"of must be h, c or x, not {of!r}")
    if of == "c" and not CELL_TYPES[model.rnn_type].has_cell_state:
        raise ValueError(f"{model.rnn_type} has no cell state c")
    layer = _index("layer", layer, model.rnn.num_layers)
    with threads(1):
        layers, direct = _recorded(model, ids)
    steps, size = direct.shape
    # (T,T): row s; columns are the losses from the last to the first
    log_norms = direct.new_full((steps, steps), -math.inf)
    with _team(steps * size * size):
        for step in _scan(layers, direct, range(steps - 1, -1, -1), 0):
            if step.layer != layer:
                continue
            if of == "x":
                adjoint = _into_x(layers[layer], step)
            else:
                adjoint = step.adjoint[:, :size] if of == "h" else step.adjoint[:, size:]
            norms = torch.linalg.vector_norm(adjoint, dim=-1)
            log_norms[step.t, : len(norms)] = norms.log_().add_(step.log_scale)
    return log_norms.exp_().T.flip(0)


def _team(products: int) -> AbstractContextManager[object]:
    """One thread for a scan with steps of few products, else as many as are set.

    The threads of a team wait for the slowest at the end of each step. Beside other busy processes
    that is the one which has no core: up to a hundredth of a second a step.
    """
    return threads(1) if products < TEAM_FROM else nullcontext()


def _recorded(
    model: RNNModel, ids: Tensor | Sequence[int]
) -> tuple[list[LayerDerivatives], Tensor]:
    """Derivatives of each layer along ids (T+1,), and dL_t/dh_t (T,H) of the projection alone."""
    ids = checked_ids(ids, model.embedding.num_embeddings, least=2).to(model.device)
    return loss_derivatives(model, trace_model(model, ids[:-1]), ids[1:])


def loss_derivatives(
    model: RNNModel, trace: Trace, following: Tensor
) -> tuple[list[LayerDerivatives], Tensor]:
    """Derivatives of each layer along a trace, and dL_t/dh_t (T,H) of the projection alone, where
    L_t is the loss of predicting `following` (T,). Raises ValueError for states or a loss that are
    not finite."""
    if not all(layer.h.isfinite().all() for layer in trace.layers):
        raise ValueError("the states are no longer finite on this text: no gradient is defined")
    direct = by_projection(model.projection, trace.layers[-1].h_out[:, 0], following)
    if not direct.isfinite().all():
        raise ValueError("the loss is not finite on this text: no gradient is defined")
    return [layer_derivatives(model.rnn, layer, k) for k, layer in enumerate(trace.layers)], direct


def _is_whole(number: object) -> bool:
    return hasattr(number, "__index__") and not isinstance(number, bool)


def _index(name: str, index: int, count: int) -> int:
    """A Python index (negative: from the end) as an index from 0. Raises ValueError."""
    if not _is_whole(index) or not -count <= index < count:
        raise ValueError(f"{name} must be a number from {-count} to {count - 1}, not {index!r}")
    return operator.index(index) % count


def _scan(
    layers: list[LayerDerivatives], direct: Tensor, targets: Sequence[int], first: int
) -> Iterator[_Step]:
    """Adjoints at each step from the last target back to step `first`, top layer first.

    `targets` is in falling order. Row r belongs to targets[r] and joins the scan at that step, so
    at step t the rows of all targets >= t are active. Each row of each layer has its own scale,
    because layers may forget at very different rates.
    """
    size, active = direct.shape[1], 0
    states = _states(layers, size)
    adjoints = direct.new_zeros(len(layers), len(targets), states)  # (L,R,S), from step t + 1
    adjoints[-1, :, :size] = direct[list(targets)]
    before = adjoints.clone()  # written while those of t are read, then swapped
    log_scale = direct.new_full(adjoints.shape[:2], -math.inf)
    log_scale[-1] = 0
    through = direct.new_empty(states, size)
    derivatives = [layer.derivatives.steps() for layer in layers]
    for t in range(targets[0], first - 1, -1):
        active += active < len(targets) and targets[active] == t
        above: tuple[Tensor, Tensor] | None = None  # dL/dx of the layer above, and its scale
        for k in range(len(layers) - 1, -1, -1):
            layer, adjoint, scale = layers[k], adjoints[k, :active], log_scale[k, :active]
            if above is not None:
                common = torch.maximum(scale, above[1]).clamp(min=-1e300)
                own, other = ((s - common).exp()[:, None] for s in (scale, above[1]))
                adjoint.mul_(own)[:, :size].addcmul_(above[0], other)
                scale.copy_(common)
            cells.add_dh_to_dc(derivatives[k][t], adjoint)
            step = _Step(t, k, adjoint, derivatives[k][t], scale)
            yield step
            if k > 0:
                above = _into_x(layer, step), scale
            out = before[k, :active]
            cells.step_back(layer.kind, step.derivatives, layer.w_hh, adjoint, through, out)
        adjoints, before = before, adjoints
        if t % RESCALE_EVERY == 0:
            _rescale(adjoints[:, :active], log_scale[:, :active])


def _states(layers: list[LayerDerivatives], size: int) -> int:
    """The numbers S of a layer's state: h, and c where there is one."""
    return size * len(CELL_TYPES[layers[0].kind].feeds)


def _into_x(layer: LayerDerivatives, step: _Step) -> Tensor:
    """dL/dx of a layer at one step (R,D)."""
    return cells.carry_back(layer.kind, step.derivatives.x, layer.w_ih, step.adjoint)


def _rescale(adjoints: Tensor, log_scale: Tensor) -> None:
    """Scale each row (L,R,S) in place so that its largest adjoint is 1."""
    largest = torch.linalg.vector_norm(adjoints, math.inf, dim=-1)  # (L,R)
    log_scale += largest.log()  # -inf for a row of zeros
    adjoints /= torch.where(largest > 0, largest, 1.0)[..., None]


def recurrent_jacobian(rnn: nn.RNNBase, trace: Trace, layer: int, step: int, batch: int = 0):
    """d(state after a step) / d(state before it), (S,S), in closed form.

    The state is (h, c) of an LSTM, else h. `layer` is an index of `trace.layers`. Raises
    ValueError for a layer, step or batch row that the trace does not have.
    """
    layer = _index("layer", layer, len(trace.layers))
    recorded = trace.layers[layer]
    batch = _index("batch", batch, recorded.x.shape[1])
    steps = recorded.x.shape[0] if trace.lengths is None else int(trace.lengths[batch])
    step = _index("step", step, steps)
    k = layer // (2 if rnn.bidirectional else 1)
    at = layer_derivatives(rnn, recorded, k, batch)
    w_hr = weights_of(rnn, recorded, k)[-1]
    derivatives = at.derivatives.steps()[step]
    h_size = recorded.h.shape[-1]
    size = h_size + (0 if recorded.c is None else recorded.c.shape[-1])
    rows = torch.eye(size, dtype=torch.float64, device=recorded.h.device)  # (S,S)
    if w_hr is not None:  # through the projection of h
        rows = torch.cat([rows[:, :h_size] @ w_hr, rows[:, h_size:]], -1)
    cells.add_dh_to_dc(derivatives, rows)
    before = rows.new_empty(size, size)
    cells.step_back(at.kind, derivatives, at.w_hh, rows, None, before)
    return before


def memory_half_life(trace: Trace, layer: int) -> Tensor:
    """Tokens after which each unit's memory has halved (H,): ln 0.5 / mean ln f.

    The product of forget gates decays as exp(mean ln f); in a GRU, z takes the place of f. Raises
    ValueError for an RNN, which has no such gate, and for a layer that does not exist.
    """
    gates = trace.layers[_index("layer", layer, len(trace.layers))].gates
    keep = gates.get("f", gates.get("z"))
    if keep is None:
        raise ValueError(f"{trace.layers[layer].kind} has no gate that keeps its state")
    logs = keep.double().log()  # (T,B,H)
    mean = logs.mean((0, 1)) if trace.lengths is None else logs.nanmean((0, 1))
    return math.log(2) / mean.abs()


def fit_half_life(norms: Tensor | Sequence[float]) -> float:
    """Tokens in which gradient norms (T,), the target's last, halve: a least-squares fit.

    The line is fitted to ln norm against the distance from the target, without zeros. inf for
    norms that do not decay, nan for fewer than two norms.
    """
    norms = torch.as_tensor(norms, dtype=torch.float64)
    distance = torch.arange(len(norms) - 1, -1, -1, dtype=torch.float64)
    kept = (norms > 0) & norms.isfinite()
    if kept.sum() < 2:
        return math.nan
    x, y = distance[kept], norms[kept].log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return math.log(0.5) / slope.item() if slope < 0 else math.inf
