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

from itertools import pairwise

import torch
from torch import Tensor, nn

GATES = {
    "LSTM": ("i", "f", "g", "o"),
    "GRU": ("r", "z", "n"),
    "RNN_TANH": ("a",),
    "RNN_RELU": ("a",),
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


def slopes(
    kind: str,
    gates: dict[str, Tensor],
    h_prev: Tensor,
    c_prev: Tensor | None,
    c: Tensor | None,
    n_from_h: Tensor | None,
) -> dict[str, Tensor]:
    """What `step_back` multiplies adjoints with, each (..., H), from what a step recorded.

    `n_from_h`: the GRU's W_hn h_prev + b_hn, which its reset gate scales.
    """
    if kind == "LSTM":
        i, f, g, o = (gates[name] for name in "ifgo")
        tanh_c = c.tanh()
        return {
            "c_from_h": o * (1 - tanh_c**2),
            "i": g * i * (1 - i),
            "f": c_prev * f * (1 - f),
            "g": i * (1 - g**2),
            "o": tanh_c * o * (1 - o),
            "keep": f,
        }
    if kind == "GRU":
        r, z, n = (gates[name] for name in "rzn")
        into_n = (1 - z) * (1 - n**2)
        return {
            "r": into_n * n_from_h * r * (1 - r),
            "z": (h_prev - n) * z * (1 - z),
            "n": into_n,
            "n_from_h": into_n * r,
            "keep": z,
        }
    a = gates["a"]
    return {"a": 1 - a.tanh() ** 2 if kind == "RNN_TANH" else (a > 0).to(a.dtype)}


def carry_back(
    kind: str,
    slopes: dict[str, Tensor],
    w: Tensor,
    dh: Tensor,
    dc: Tensor | None,
    into: str,
    out: Tensor | None = None,
) -> Tensor:
    """dL/d(what a weight matrix reads) for R losses at once, (R,D), in `out` where it is given.

    `slopes` of one step, each (H,); `w` (G*H,D) is W_ih with `into` = "x" or W_hh with "h"; `dh`,
    `dc` (R,H): dL/dh and all of dL/dc after the step. The gates' blocks are added up before the
    product, which then has one (H,D) matrix instead of G.
    """
    blocks = w.unflatten(0, (-1, dh.shape[-1]))  # (G,H,D)

    def summed(*names: str) -> Tensor:
        total = slopes[names[0]][:, None] * blocks[0]
        for name, block in zip(names[1:], blocks[1:], strict=False):
            total.addcmul_(slopes[name][:, None], block)
        return total  # (H,D)

    if kind == "LSTM":
        through_c = torch.mm(dc, summed("i", "f", "g"), out=out)
        return through_c.addmm_(dh, slopes["o"][:, None] * blocks[3])
    if kind == "GRU":
        return torch.mm(dh, summed("r", "z", "n" if into == "x" else "n_from_h"), out=out)
    return torch.mm(dh, summed("a"), out=out)


def step_back(
    kind: str,
    slopes: dict[str, Tensor],
    w_hh: Tensor,
    dh: Tensor,
    dc: Tensor | None,
    out: Tensor | None = None,
) -> Tensor:
    """The adjoint of one step, for R losses at once: dL/dh before it (R,H), in `out` where given.

    `slopes` of the step, each (H,); `w_hh` (G*H,H); `dh`, `dc` (R,H): dL/dh and dL/dc after the
    step. `dc` comes without its part through h, which is added in place. dL/dc before the step is
    then `dc * slopes["keep"]`.
    """
    if kind == "LSTM":
        dc.addcmul_(dh, slopes["c_from_h"])
    before = carry_back(kind, slopes, w_hh, dh, dc, "h", out)
    return before.addcmul_(dh, slopes["keep"]) if kind == "GRU" else before
