"""The equations of each cell, once. This module alone knows PyTorch's order of gates.

LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000):
    i, f, o = sigmoid(W x + U h + b), g = tanh(W x + U h + b)
    c' = f * c + i * g,  h' = o * tanh(c')
GRU (Cho et al. 2014, in PyTorch's form, where z near 1 keeps the old state):
    r, z = sigmoid(W x + U h + b), n = tanh(W_n x + b_n + r * (U_n h + b_hn))
    h' = (1 - z) * n + z * h
RNN (Elman 1990): a = W x + U h + b,  h' = tanh(a) or relu(a)
"""

from __future__ import annotations

from itertools import pairwise, repeat
from typing import NamedTuple

import torch
from torch import Tensor, nn

GATES = {
    "LSTM": ("i", "f", "g", "o"),
    "GRU": ("r", "z", "n"),
    "RNN_TANH": ("a",),
    "RNN_RELU": ("a",),
}
ACTS_ON = {  # by their places: the gates that act on h after a step at once, those that do on c
    "LSTM": ((3,), (0, 1, 2)),
    "GRU": ((0, 1, 2),),
    "RNN_TANH": ((0,),),
    "RNN_RELU": ((0,),),
}


def kind_of(rnn: nn.RNNBase) -> str:
    """LSTM, GRU, RNN_TANH or RNN_RELU: the cell type of a torch module."""
    return rnn.mode


def gates(kind: str, from_x: Tensor, from_h: Tensor | None) -> dict[str, Tensor]:
    """Gates after their nonlinearity (the RNN's `a` before it), each (..., H).

    `from_x` = W_ih x + b_ih and `from_h` = W_hh h_prev + b_hh, (..., G*H): both biases count.
    LSTM and RNN need only their sum, which may come as `from_x` with `from_h` None.
    """
    if kind == "LSTM":
        i, f, g, o = (from_x if from_h is None else from_x + from_h).chunk(4, -1)
        return {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}
    if kind == "GRU":
        x_r, x_z, x_n = from_x.chunk(3, -1)
        h_r, h_z, h_n = from_h.chunk(3, -1)
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        return {"r": r, "z": z, "n": (x_n + r * h_n).tanh()}
    return {"a": from_x if from_h is None else from_x + from_h}


def cell_states(gates: dict[str, Tensor], c0: Tensor) -> Tensor:
    """c_0 .. c_T (T+1,B,H) of an LSTM: c_t = f_t * c_{t-1} + i_t * g_t.

    In blocks of 16 steps, since T calls in a row cost more than what they compute: the k-th
    step of every block is one call, as if each block began with c = 0. What a block began
    with then adds its share, the product of the block's forget gates so far.
    """
    steps, added = len(gates["f"]), gates["i"] * gates["g"]
    whole = (0, 0, 0, 0, 0, -steps % 16)  # steps of zeros at the end, to whole blocks
    f, c = (nn.functional.pad(a, whole).unflatten(0, (-1, 16)) for a in (gates["f"], added))
    # f and c: (T/16,16,B,H), both copies that `pad` made; a step of them: (T/16,B,H)
    for (f_prev, c_prev), (f_k, c_k) in pairwise(zip(f.unbind(1), c.unbind(1), strict=True)):
        c_k.addcmul_(f_k, c_prev)
        f_k.mul_(f_prev)
    before = c0
    for block, kept in zip(c.unbind(), f.unbind(), strict=True):  # (16,B,H)
        before = block.addcmul_(kept, before)[-1]
    return torch.cat([c0[None], c.flatten(0, 1)[:steps]])


def output(kind: str, gates: dict[str, Tensor], h_prev: Tensor, c: Tensor | None) -> Tensor:
    """h after each step (T,B,H) from its gates; `c` (T,B,H) is the LSTM's state after it."""
    if kind == "LSTM":
        return gates["o"] * c.tanh()
    if kind == "GRU":
        return torch.lerp(gates["n"], h_prev, gates["z"])  # (1 - z) n + z h
    return gates["a"].tanh() if kind == "RNN_TANH" else gates["a"].relu()


class Slopes(NamedTuple):
    """What adjoints are multiplied with on their way back through steps.

    `x`, `h` (...,G,H): how the states after a step change with each gate's W x and with its
    U h; `keep` (...,H): how they change with the state before it where no matrix is between;
    `c_from_h` (...,H): how the LSTM's h changes with the c of the same step.
    """

    x: Tensor
    h: Tensor
    keep: Tensor | None = None
    c_from_h: Tensor | None = None

    def steps(self) -> list[Slopes]:
        """The slopes (T,...) of each step."""
        parts = (repeat(None) if slope is None else slope.unbind() for slope in self)
        return [Slopes(*step) for step in zip(*parts, strict=False)]


def slopes(
    kind: str,
    from_x: Tensor,
    from_h: Tensor,
    h_prev: Tensor,
    c_prev: Tensor | None,
    c: Tensor | None,
) -> Slopes:
    """The slopes of steps: `from_x`, `from_h` as in `gates`, the states (..., H) around them.

    Derivatives are taken at what goes into a nonlinearity: 1 - tanh^2 of a saturated gate would
    have lost its digits.
    """
    now = gates(kind, from_x, from_h)
    if kind == "LSTM":
        i, f, g, o = (now[name] for name in "ifgo")
        a_i, a_f, a_g, a_o = (from_x + from_h).chunk(4, -1)
        of_c = g * _of_sigmoid(a_i), c_prev * _of_sigmoid(a_f), i * _of_tanh(a_g)
        of_gates = torch.stack([*of_c, c.tanh() * _of_sigmoid(a_o)], -2)  # (...,4,H)
        return Slopes(of_gates, of_gates, f, o * _of_tanh(c))
    if kind == "GRU":
        r, z, n = (now[name] for name in "rzn")
        x_r, x_z, x_n = from_x.chunk(3, -1)
        h_r, h_z, h_n = from_h.chunk(3, -1)
        into_n = (-x_z - h_z).sigmoid() * _of_tanh(x_n + r * h_n)  # 1 - z is a sigmoid too
        of_r, of_z = into_n * h_n * _of_sigmoid(x_r + h_r), (h_prev - n) * _of_sigmoid(x_z + h_z)
        by_x, by_h = ([of_r, of_z, of_n] for of_n in (into_n, into_n * r))
        return Slopes(torch.stack(by_x, -2), torch.stack(by_h, -2), z)  # (...,3,H)
    a = now["a"]
    of_a = _of_tanh(a) if kind == "RNN_TANH" else (a > 0).to(a.dtype)
    return Slopes(of_a[..., None, :], of_a[..., None, :])  # (...,1,H)


def _of_sigmoid(a: Tensor) -> Tensor:
    """d sigmoid(a) / da."""
    return a.sigmoid() * (-a).sigmoid()


def _of_tanh(a: Tensor) -> Tensor:
    """d tanh(a) / da."""
    return a.cosh().pow(-2)


def blocks(kind: str, w: Tensor) -> Tensor:
    """W_ih or W_hh (G*H,D) as `carry_back` takes it: one transposed block a gate, (G,D,H)."""
    return w.unflatten(0, (len(GATES[kind]), -1)).transpose(1, 2).contiguous()


def carry_back(
    kind: str,
    slopes: Tensor,
    w: Tensor,
    adjoint: Tensor,
    through: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """dL/d(what a weight matrix reads) for R losses at once, (R,D).

    `slopes` (G,H) of one step, `Slopes.x` with the `blocks` of W_ih or `Slopes.h` with those of
    W_hh, (G,D,H); `adjoint` (R,S): dL/d(the state after the step), [dh] or [dh, dc]. Slopes and
    blocks are multiplied and added up first: one product with (S,D) instead of G with (H,D).
    `through` (D,S) is memory for their sum, `out` for the answer: fresh pages at every step
    would cost more than what is written to them.
    """
    through = w.new_empty(w.shape[1], adjoint.shape[-1]) if through is None else through
    gates = list(zip(w.unbind(), slopes.unbind(), strict=True))
    parts = through.chunk(len(ACTS_ON[kind]), -1)  # each (D,H)
    for part, (first, *others) in zip(parts, ACTS_ON[kind], strict=True):
        torch.mul(*gates[first], out=part)
        for gate in others:
            part.addcmul_(*gates[gate])
    return torch.mm(adjoint, through.T, out=out)


def complete(slopes: Slopes, adjoint: Tensor) -> None:
    """Add to dc its part through h = o * tanh(c), in place. `slopes` of a step; (R,S)."""
    if slopes.c_from_h is not None:
        dh, dc = adjoint.chunk(2, -1)
        dc.addcmul_(dh, slopes.c_from_h)


def step_back(
    kind: str, slopes: Slopes, w_hh: Tensor, adjoint: Tensor, through: Tensor | None, out: Tensor
) -> None:
    """Write the adjoints before a step into `out` (R,S), for R losses at once.

    `slopes` of the step; `w_hh` (G,H,H), see `blocks`; `adjoint` (R,S): those after it,
    complete; `through` as in `carry_back`.
    """
    read, size = w_hh.shape[1:]  # the sizes of h before it (of its projection) and of c
    carry_back(kind, slopes.h, w_hh, adjoint, through, out[:, :read])
    if kind == "LSTM":
        torch.mul(adjoint[:, size:], slopes.keep, out=out[:, read:])
    elif kind == "GRU":
        out.addcmul_(adjoint, slopes.keep)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b (...,G*H)."""
    onednn = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    if onednn and x.device.type == "cpu" and x.dtype == torch.float32:
        # oneDNN, which runs the fused kernel too: on AMD twice as fast as MKL, the default.
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return nn.functional.linear(x, weight, bias)
