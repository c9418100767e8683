"""Recurrent layers in training on a CPU, where torch has a fast kernel for the LSTM alone.

torch composes a GRU's or RNN's step of some ten small operations, and autograd goes back through
them one by one. Here a layer is one operation: what depends on the inputs or the gradients of all
steps is computed for all steps at once, and a step is left with one product, forward and backward.
"""

from __future__ import annotations

from itertools import repeat

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from rnnviz.nn.cell_steps import AddProduct, StepDerivatives, steps_of
from rnnviz.nn.cells import kind_of, linear, product


class TrainedOnCpu(nn.RNNBase):
    """A module of torch, batch first and in one direction, that is computed here in training on a
    CPU: outputs, gradients and the random numbers of dropout are torch's but for rounding. A
    gradient has no gradient. Under autocast the products alone are in its type."""

    def forward(self, input, hx=None):
        """As torch's: x (B,T,D), h (L,B,H) -> top states (B,T,H), last states (L,B,H)."""
        trains = self.training and torch.is_grad_enabled()
        batch = isinstance(input, Tensor) and isinstance(hx, Tensor) and hx.dim() == 3
        if trains and batch and input.is_cpu:
            return _run(self, input, hx)
        return super().forward(input, hx)


class GRU(TrainedOnCpu, nn.GRU):
    """nn.GRU, faster in training on a CPU."""


class RNN(TrainedOnCpu, nn.RNN):
    """nn.RNN, faster in training on a CPU."""


def _run(rnn: nn.RNNBase, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    rnn.check_forward_args(x, hidden, None)
    x, last = x.transpose(0, 1), []  # (T,B,D)
    for layer, (weights, h) in enumerate(zip(rnn.all_weights, hidden.unbind(), strict=True)):
        below = F.dropout(x, rnn.dropout) if layer else x
        x = _Layer.apply(kind_of(rnn), _product_type(x), below, h, *weights)  # (T,B,H)
        last.append(x[-1])
    return x.transpose(0, 1), torch.stack(last)


def _product_type(x: Tensor) -> torch.dtype:
    lower = torch.is_autocast_enabled("cpu") and x.dtype == torch.float32
    return torch.get_autocast_dtype("cpu") if lower else x.dtype


class _Layer(torch.autograd.Function):
    """x (T,B,D), h_0 (B,H), W_ih (G*H,D), W_hh (G*H,H), b_ih and b_hh (G*H,) -> h (T,B,H).

    Products are computed in the type `low`, everything else in x's.
    """

    @staticmethod
    def forward(ctx, kind: str, low: torch.dtype, x, h_0, w_ih, w_hh, b_ih, b_hh):
        states = x.new_empty(len(x) + 1, *h_0.shape)  # h_0 .. h_T
        states[0] = h_0
        rows, bias = x.flatten(0, 1).to(low), (b_ih + b_hh).to(low)
        pre = product(rows, w_ih.to(low), bias).to(x.dtype).unflatten(0, x.shape[:2])  # (T,B,G*H)
        add_product = _product_adder(w_hh.t(), low, len(h_0))
        kept = steps_of(kind).forward(pre, b_hh, add_product, states)
        ctx.kind = kind
        ctx.save_for_backward(rows, w_ih, w_hh, states, *kept)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx, from_above: Tensor):
        rows, w_ih, w_hh, states, *kept = ctx.saved_tensors
        low = rows.dtype
        derivatives = steps_of(ctx.kind).derivatives(states, *kept)
        adjoints = F.pad(from_above, (0, 0, 0, 0, 1, 0))  # (T+1,B,H): dL/dh_0 .. dL/dh_T
        _carry_back(derivatives, adjoints, _product_adder(w_hh, low, states.shape[1]))
        of_gates = derivatives.h.view(-1, len(w_hh))  # (T*B,G*H): dL/d(W_hh h + b_hh)
        low_gates, h_prev = of_gates.to(low), states[:-1].flatten(0, 1).to(low)
        ones = of_gates.new_ones(1, len(of_gates))  # the sum over rows is faster as a product
        d_w_hh, d_b_hh = (low_gates.t() @ h_prev).to(w_hh.dtype), (ones @ of_gates)[0]
        if derivatives.last_x is not None:  # both are dL/d(W_ih x + b_ih) from here on
            torch.mul(adjoints[1:], derivatives.last_x, out=derivatives.h[:, :, -1])
            low_gates.view_as(derivatives.h)[:, :, -1] = derivatives.h[:, :, -1]
        d_w_ih, d_b_ih = (low_gates.t() @ rows).to(w_ih.dtype), (ones @ of_gates)[0]
        d_x = (low_gates @ w_ih.to(low)).to(w_ih.dtype).unflatten(0, from_above.shape[:2])
        return None, None, d_x, adjoints[0], d_w_ih, d_w_hh, d_b_ih, d_b_hh


def _carry_back(derivatives: StepDerivatives, adjoints: Tensor, add_product: AddProduct) -> None:
    """From dL/dh_t of the loss after step t to that of all later steps too, in place. Turns
    `derivatives.h` into dL/d(W_hh h + b_hh)."""
    gates, flat = derivatives.h.unbind(), derivatives.h.flatten(2).unbind()
    keep = repeat(None) if derivatives.keep is None else derivatives.keep.unbind()
    states = adjoints.unbind()
    steps = zip(gates, flat, keep, states[:-1], states[1:], strict=False)
    for gates_t, flat_t, keep_t, before, after in reversed(list(steps)):
        gates_t.mul_(after[:, None])  # (B,G,H)
        if keep_t is not None:
            before.addcmul_(after, keep_t)
        add_product(before, flat_t)


def _product_adder(w: Tensor, low: torch.dtype, rows: int) -> AddProduct:
    """A function of a (B,N) and x (B,K) that adds x w to a, in place; w (K,N), B rows."""
    if w.dtype == low:
        w = w.contiguous()
        return lambda a, x: a.addmm_(x, w)
    low_x = w.new_empty(rows, len(w), dtype=low)
    times_w = linear(w.to(low).t().contiguous(), rows)
    return lambda a, x: a.add_(times_w(low_x.copy_(x)))
