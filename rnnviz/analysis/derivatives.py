"""What a backward scan multiplies by, in float64: the derivatives of a traced layer's steps, and of
the losses by the states that the projection reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnviz.analysis.traces import LayerTrace
from rnnviz.nn import cells

BLOCK = 1_000_000  # logits in memory at once


@dataclass(frozen=True, eq=False)
class LayerDerivatives:
    """What the scan needs of one layer: derivatives over T steps, and the weights in G blocks, w_ih
    (G,H,D) and w_hh (G,H,H)."""

    kind: str
    derivatives: cells.GateDerivatives
    w_ih: Tensor
    w_hh: Tensor


def layer_derivatives(
    rnn: nn.RNNBase, trace: LayerTrace, k: int, batch: int = 0
) -> LayerDerivatives:
    """Derivatives (T,H) and weights of layer k along a traced sequence, in float64."""
    w_ih, w_hh, b_ih, b_hh, _ = weights_of(rnn, trace, k)
    assert w_ih is not None
    assert w_hh is not None
    h_prev = trace.h_prev[:, batch].double()  # (T,H)
    from_x = nn.functional.linear(trace.x[:, batch].double(), w_ih, b_ih)  # (T,G*H)
    from_h = nn.functional.linear(h_prev, w_hh, b_hh)
    c_prev = c = None
    if trace.c_prev is not None and trace.c_out is not None:
        c_prev, c = trace.c_prev[:, batch].double(), trace.c_out[:, batch].double()
    derivatives = cells.gate_derivatives(trace.kind, from_x, from_h, h_prev, c_prev, c)
    blocks = [cells.gate_blocks(trace.kind, w) for w in (w_ih, w_hh)]
    return LayerDerivatives(trace.kind, derivatives, *blocks)


def weights_of(rnn: nn.RNNBase, trace: LayerTrace, k: int) -> list[Tensor | None]:
    """Weights of layer k in float64: W_ih, W_hh, b_ih, b_hh and W_hr, each None where missing."""
    end = f"_l{k}" + ("_reverse" if trace.reverse else "")
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    found = (getattr(rnn, name + end, None) for name in names)
    return [None if p is None else p.detach().double() for p in found]


def by_projection(projection: nn.Linear, h: Tensor, following: Tensor) -> Tensor:
    """dL_t/dh_t (T,H) through the projection only, float64, given h (T,H) and the outputs (T,):
    L_t is the negative log-probability of each."""
    weight, bias = (p.detach().double() for p in projection.parameters())
    direct = h.to(torch.float64, copy=True)
    blocks = (a.split(max(1, BLOCK // len(weight))) for a in (direct, following))
    for rows, at in zip(*blocks, strict=True):
        p = nn.functional.linear(rows, weight, bias).softmax(-1)  # (T',V)
        p.scatter_(-1, at[:, None], 0)
        # d(-log p)/d logits at the true token is p - 1: minus the sum of the rest, which does not
        # cancel where p is close to 1
        p.scatter_(-1, at[:, None], -p.sum(-1, keepdim=True))
        torch.mm(p, weight, out=rows)
    return direct
