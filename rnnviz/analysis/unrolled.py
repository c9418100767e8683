"""A run unrolled in time: one copy of the network a step, with its states, its prediction, its
loss, and how strongly each loss depends on the states of the copies before it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import visible
from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.analysis.derivatives import LayerDerivatives
    from rnnviz.analysis.traces import Trace
    from rnnviz.nn.model import RNNModel
    from rnnviz.runs.run import Run

STEPS = 96  # of a text: as many as are computed anew in a moment when the past is forgotten
COPIES = 16  # that are shown at once
REACH = COPIES + 1  # distances from a loss: those within the copies, and one step before them


@dataclass(frozen=True, eq=False)
class Unrolled:
    """T steps of a run; step t reads token t and predicts token t + 1.

    `states`: h, and c of an LSTM, after each step, (L,T,H). `norms`: log10 of gradient norms by
    name, (L,T,REACH): at [l,t,d] that of dL_t/dh, dL_t/dc or dL_t/dx of layer l at step t - d,
    where x is what the layer reads; -inf where it is zero, and where there is no such step.
    `losses` (T,): L_t in nats. `likeliest` (T,): the token that each step finds most probable, and
    `probability` (T,).
    """

    states: dict[str, np.ndarray]
    norms: dict[str, np.ndarray]
    losses: np.ndarray
    likeliest: tuple[str, ...]
    probability: np.ndarray


def unrolled(run: Run, text: str) -> Unrolled:
    """The first STEPS steps of a text. Raises ValueError for fewer than two tokens, and for states
    or a loss that are not finite."""
    return _unrolled(run, run.ids(text)[: STEPS + 1])


def forgetting(run: Run, text: str, whole: Unrolled, step: int) -> Unrolled:
    """`whole`, the text's `unrolled`, as it is when h and c are zero before a step from 1 on.

    The steps before are those of `whole`: what comes later changes nothing for them. The rest is
    what the model gives on a text that begins there, and no gradient passes the place.
    """
    rest = _unrolled(run, run.ids(text)[step : STEPS + 1])

    def joined(early: dict[str, np.ndarray], late: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([early[name][:, :step], late[name]], 1) for name in late}

    return Unrolled(
        joined(whole.states, rest.states),
        joined(whole.norms, rest.norms),
        np.concatenate([whole.losses[:step], rest.losses]),
        whole.likeliest[:step] + rest.likeliest,
        np.concatenate([whole.probability[:step], rest.probability]),
    )


def _unrolled(run: Run, ids: Tensor) -> Unrolled:
    from rnnviz.analysis.gradients import loss_derivatives
    from rnnviz.analysis.tracing import trace_model
    from rnnviz.nn.model import checked_ids

    model = run.model
    ids = checked_ids(ids, model.embedding.num_embeddings, least=2).to(model.device)
    trace = trace_model(model, ids[:-1])
    layers, direct = loss_derivatives(model, trace, ids[1:])
    log_p = _log_probs(model, trace)  # (T,V)
    best, at = log_p.max(-1)
    names = run.vocab.id2token
    return Unrolled(
        states=_states(trace),
        norms=_log10_norms(layers, direct),
        losses=-log_p.gather(-1, ids[1:, None])[:, 0].cpu().numpy(),
        likeliest=tuple(visible(names[i]) for i in at.tolist()),
        probability=best.exp().cpu().numpy(),
    )


def _log_probs(model: RNNModel, trace: Trace) -> Tensor:
    """log p of each token after each step (T,V)."""
    top = trace.layers[-1].h_out[:, 0]  # (T,H)
    return model.projection(top).detach().double().log_softmax(-1)


def _states(trace: Trace) -> dict[str, np.ndarray]:
    names = trace.layers[0].states_out
    return {
        name: np.stack([layer.states_out[name][:, 0].cpu().numpy() for layer in trace.layers])
        for name in names
    }


def _log10_norms(layers: list[LayerDerivatives], direct: Tensor) -> dict[str, np.ndarray]:
    """`Unrolled.norms`, given dL_t/dh_t (T,H) of the projection alone.

    All losses go back together, one step at a time. In float64, REACH steps need no rescaling.
    """
    import torch

    from rnnviz.nn import cells

    steps, size = direct.shape
    parts = CELL_TYPES[layers[0].kind].feeds  # h, and c where there is one
    names = ("h", "c")[: len(parts)]
    norms = {n: np.full((len(layers), steps, REACH), -math.inf) for n in (*names, "x")}
    adjoints = [direct.new_zeros(steps, size * len(parts)) for _ in layers]  # (T,S) each
    adjoints[-1][:, :size] = direct
    for distance in range(min(REACH, steps)):
        from_above: Tensor | None = None
        for k in range(len(layers) - 1, -1, -1):
            layer, adjoint = layers[k], adjoints[k]  # row r: the loss of step r + distance, at r
            here = layer.derivatives.first(len(adjoint))
            if from_above is not None:
                adjoint[:, :size] += from_above
            cells.add_dh_to_dc(here, adjoint)
            from_above = cells.carry_back(layer.kind, here.x, layer.w_ih, adjoint)
            found = dict(zip(names, adjoint.split(size, -1), strict=True)) | {"x": from_above}
            for name, gradient in found.items():
                norms[name][k, distance:, distance] = _log10_norm(gradient)
            before = torch.empty_like(adjoint)
            cells.step_back(layer.kind, here, layer.w_hh, adjoint, None, before)
            adjoints[k] = before[1:]  # no step is before the first
    return norms


def _log10_norm(gradient: Tensor) -> np.ndarray:
    """(R,S) -> (R,)."""
    return gradient.norm(dim=-1).log10().cpu().numpy()
