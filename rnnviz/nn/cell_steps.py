"""All steps of a GRU or RNN layer, and their derivatives, for training on a CPU.

The equations are those of `nn/cells`, in place: a step of a small batch is a few calls, each of
which would cost more on fresh memory than it computes. Derivatives come from the values of gates,
as torch's own do. Those of `nn/cells` come from pre-activations, which costs twice as much and
matters only for a saturated gate looked at by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rnnviz.nn.cell_types import required

AddProduct = Callable[[Tensor, Tensor], Tensor]  # of a (B,N), x (B,K): adds x W to a, in place
by_sigmoid = torch.ops.aten.sigmoid_backward  # of d, s = sigmoid(a): d * s * (1 - s)
by_tanh = torch.ops.aten.tanh_backward  # of d, y = tanh(a): d * (1 - y^2)


class StepDerivatives(NamedTuple):
    """Of the state after each step: `h` (T,B,G,H) by each gate's U h; `keep` (T,B,H) by the state
    before it, where no matrix is between; `last_x` (T,B,H) by the last gate's W x, where that is
    not the derivative by its U h."""

    h: Tensor
    keep: Tensor | None = None
    last_x: Tensor | None = None


class CellSteps(NamedTuple):
    """`forward`: fills in states 1 to T of `states` (T+1,B,H), and gives what else the derivatives
    need. It overwrites `pre` (T,B,G*H): W_ih x + b_ih + b_hh. `derivatives`: from `states` and what
    `forward` gave."""

    forward: Callable[[Tensor, Tensor, AddProduct, Tensor], tuple[Tensor, ...]]
    derivatives: Callable[..., StepDerivatives]


def _gru(pre: Tensor, b_hh: Tensor, add_product: AddProduct, states: Tensor) -> tuple[Tensor, ...]:
    """(r, z, U_n h + b_hn) of each step, (T,B,3H) in the place of `pre`, and n (T,B,H)."""
    h, *after = states.unbind()
    size = h.shape[-1]
    r, z, of_h = pre.chunk(3, -1)
    n = of_h - b_hh[2 * size :]  # W_n x + b_in so far
    of_h.copy_(b_hh[2 * size :].expand_as(of_h))
    steps = (part.unbind() for part in (pre, pre[..., : 2 * size], r, z, of_h, n))
    for pre_t, rz_t, r_t, z_t, of_h_t, n_t, out in zip(*steps, after, strict=True):
        add_product(pre_t, h)
        rz_t.sigmoid_()
        n_t.addcmul_(r_t, of_h_t).tanh_()
        h = torch.lerp(n_t, h, z_t, out=out)  # (1 - z) n + z h
    return pre, n


def _gru_derivatives(states: Tensor, gates: Tensor, n: Tensor) -> StepDerivatives:
    r, z, of_h = gates.chunk(3, -1)
    into_n = by_tanh(1 - z, n)
    found = gates.new_empty(*n.shape[:2], 3, n.shape[2])  # (T,B,3,H)
    of_r, of_z, of_n = found.unbind(2)
    by_sigmoid.grad_input(into_n * of_h, r, grad_input=of_r)
    by_sigmoid.grad_input(states[:-1] - n, z, grad_input=of_z)
    torch.mul(into_n, r, out=of_n)
    return StepDerivatives(found, z, into_n)


def _rnn(nonlinearity: Callable[..., Tensor]) -> Callable[..., tuple[()]]:
    """The steps of an RNN. The nonlinearity takes `out`."""

    def forward(pre: Tensor, b_hh: Tensor, add_product: AddProduct, states: Tensor) -> tuple[()]:
        h, *after = states.unbind()
        for pre_t, out in zip(pre.unbind(), after, strict=True):
            add_product(pre_t, h)
            h = nonlinearity(pre_t, out=out)
        return ()

    return forward


def _relu(a: Tensor, out: Tensor) -> Tensor:
    return torch.clamp_min(a, 0, out=out)


def _tanh_derivatives(states: Tensor) -> StepDerivatives:
    h = states[1:]
    return StepDerivatives(by_tanh(h.new_ones(()).expand_as(h), h)[:, :, None])


def _relu_derivatives(states: Tensor) -> StepDerivatives:
    return StepDerivatives((states[1:] > 0).to(states.dtype)[:, :, None])


CELL_STEPS = {
    "GRU": CellSteps(_gru, _gru_derivatives),
    "RNN_TANH": CellSteps(_rnn(torch.tanh), _tanh_derivatives),
    "RNN_RELU": CellSteps(_rnn(_relu), _relu_derivatives),
}


def steps_of(kind: str) -> CellSteps:
    """Those of a cell type. Raises ValueError for one without."""
    return required(CELL_STEPS, kind, "nn/cell_steps")
