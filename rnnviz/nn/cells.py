"""The equations of each cell. This module knows PyTorch's order of gates, and beside it only
`cell_steps`, which has the equations of a training on a CPU in place.

LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000):
    i, f, o = sigmoid(W x + U h + b), g = tanh(W x + U h + b)
    c' = f * c + i * g,  h' = o * tanh(c')
GRU (Cho et al. 2014, in PyTorch's form, where z near 1 keeps the old state):
    r, z = sigmoid(W x + U h + b), n = tanh(W_n x + b_n + r * (U_n h + b_hn))
    h' = (1 - z) * n + z * h
RNN (Elman 1990): a = W x + U h + b,  h' = tanh(a) or relu(a)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise, repeat
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnviz.nn.cell_types import CELL_TYPES, unknown

HERE = "nn/cells"
RNNS = ("RNN_TANH", "RNN_RELU")
FEW_ROWS = 4  # of adjoints, for which a product with all blocks costs less than adding them up


def kind_of(rnn: nn.RNNBase) -> str:
    """LSTM, GRU, RNN_TANH or RNN_RELU: the cell type of a torch module."""
    return rnn.mode


def unchanged(name: str, value: Tensor) -> Tensor:
    """A gate as it was computed: what `gates` does with each if nothing else is asked."""
    return value


def gates(
    kind: str,
    from_x: Tensor,
    from_h: Tensor | None,
    change: Callable[[str, Tensor], Tensor] = unchanged,
) -> dict[str, Tensor]:
    """Gates after their nonlinearity (the RNN's `a` before it), each (..., H).

    `from_x` = W_ih x + b_ih and `from_h` = W_hh h_prev + b_hh, (..., G*H): both biases count.
    LSTM and RNN need only their sum, which may come as `from_x` with `from_h` None. `change`: given
    a gate's name and value, what takes its place, before another gate reads it. Raises ValueError
    for a cell type that has no equations here.
    """
    if kind == "LSTM":
        i, f, g, o = (from_x if from_h is None else from_x + from_h).chunk(4, -1)
        found = {"i": i.sigmoid(), "f": f.sigmoid(), "g": g.tanh(), "o": o.sigmoid()}
        return {name: change(name, gate) for name, gate in found.items()}
    if kind == "GRU":
        assert from_h is not None
        x_r, x_z, x_n = from_x.chunk(3, -1)
        h_r, h_z, h_n = from_h.chunk(3, -1)
        r, z = change("r", (x_r + h_r).sigmoid()), change("z", (x_z + h_z).sigmoid())
        return {"r": r, "z": z, "n": change("n", (x_n + r * h_n).tanh())}
    if kind in RNNS:
        return {"a": change("a", from_x if from_h is None else from_x + from_h)}
    raise unknown(kind, HERE)


def keep_block(kind: str, stacked: Tensor) -> Tensor:
    """Of weights or biases of all gates (G*H, ...) those of the gate that keeps (H, ...), a view.
    Raises ValueError for a cell type without such a gate."""
    cell = CELL_TYPES[kind]
    if cell.keep_gate is None:
        raise ValueError(f"{kind} has no gate that keeps its state: it takes no forget bias")
    return stacked.unflatten(0, (cell.blocks, -1))[cell.gates.index(cell.keep_gate)]


def cell_states(gates: dict[str, Tensor], c0: Tensor) -> Tensor:
    """c_0 .. c_T (T+1,B,H) of an LSTM: c_t = f_t * c_{t-1} + i_t * g_t.

    T small calls in a row would cost more than what they compute, so the steps are cut into
    blocks of 16: the k-th step of all blocks is one call, as if each block began with c = 0.
    Then the true initial c of each block is added, times the block's forget gates so far.
    """
    steps, added = len(gates["f"]), gates["i"] * gates["g"]
    size = max(1, min(steps, 16))
    whole = (0, 0, 0, 0, 0, -steps % size)  # pads with steps of zeros to whole blocks
    f, c = (nn.functional.pad(a, whole).unflatten(0, (-1, size)) for a in (gates["f"], added))
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
        assert c is not None
        return gates["o"] * c.tanh()
    if kind == "GRU":
        return torch.lerp(gates["n"], h_prev, gates["z"])  # (1 - z) n + z h
    if kind == "RNN_TANH":
        return gates["a"].tanh()
    if kind == "RNN_RELU":
        return gates["a"].relu()
    raise unknown(kind, HERE)


class GateDerivatives(NamedTuple):
    """The derivatives of steps that adjoints are multiplied with on their way back.

    `x`, `h` (...,G,H): of the state after a step (c where there is one, else h; of the LSTM's o:
    h) by each gate's W x and by its U h. `keep` (...,H): of the state after a step by the state
    before it, where no matrix is between. `h_by_c` (...,H): of the LSTM's h by the c of the
    same step.
    """

    x: Tensor
    h: Tensor
    keep: Tensor | None = None
    h_by_c: Tensor | None = None

    def first(self, count: int) -> GateDerivatives:
        """Those of the first steps, of derivatives (T,...)."""
        keep, h_by_c = (None if part is None else part[:count] for part in self[2:])
        return GateDerivatives(self.x[:count], self.h[:count], keep, h_by_c)

    def steps(self) -> list[GateDerivatives]:
        """Those of each step, of derivatives (T,...)."""
        parts = (repeat(None) if part is None else part.unbind() for part in self)
        return [GateDerivatives(*step) for step in zip(*parts, strict=False)]


def gate_derivatives(
    kind: str,
    from_x: Tensor,
    from_h: Tensor,
    h_prev: Tensor,
    c_prev: Tensor | None,
    c: Tensor | None,
) -> GateDerivatives:
    """Derivatives of steps: `from_x`, `from_h` as in `gates`, the states (..., H) around them.

    They are computed from pre-activations: 1 - tanh(a)^2 of a saturated gate loses all digits.
    """
    now = gates(kind, from_x, from_h)
    if kind == "LSTM":
        assert c_prev is not None
        assert c is not None
        i, f, g, o = (now[name] for name in "ifgo")
        a_i, a_f, a_g, a_o = (from_x + from_h).chunk(4, -1)
        of_c = g * _d_sigmoid(a_i), c_prev * _d_sigmoid(a_f), i * _d_tanh(a_g)
        of_gates = torch.stack([*of_c, c.tanh() * _d_sigmoid(a_o)], -2)  # (...,4,H)
        return GateDerivatives(of_gates, of_gates, f, o * _d_tanh(c))
    if kind == "GRU":
        r, z, n = (now[name] for name in "rzn")
        x_r, x_z, x_n = from_x.chunk(3, -1)
        h_r, h_z, h_n = from_h.chunk(3, -1)
        into_n = (-x_z - h_z).sigmoid() * _d_tanh(x_n + r * h_n)  # 1 - z is a sigmoid too
        of_r, of_z = into_n * h_n * _d_sigmoid(x_r + h_r), (h_prev - n) * _d_sigmoid(x_z + h_z)
        by_x, by_h = ([of_r, of_z, of_n] for of_n in (into_n, into_n * r))
        return GateDerivatives(torch.stack(by_x, -2), torch.stack(by_h, -2), z)  # (...,3,H)
    if kind not in RNNS:
        raise unknown(kind, HERE)
    a = now["a"]
    of_a = _d_tanh(a) if kind == "RNN_TANH" else (a > 0).to(a.dtype)
    return GateDerivatives(of_a[..., None, :], of_a[..., None, :])  # (...,1,H)


def _d_sigmoid(a: Tensor) -> Tensor:
    """d sigmoid(a) / da."""
    return a.sigmoid() * (-a).sigmoid()


def _d_tanh(a: Tensor) -> Tensor:
    """d tanh(a) / da."""
    return a.cosh().pow(-2)


def gate_blocks(kind: str, w: Tensor) -> Tensor:
    """W_ih or W_hh (G*H,D) as `carry_back` takes it: one block a gate, (G,H,D), a view."""
    return w.unflatten(0, (CELL_TYPES[kind].blocks, -1))


def carry_back(
    kind: str,
    derivatives: Tensor,
    w: Tensor,
    adjoint: Tensor,
    through: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """dL/d(what a weight matrix reads) for R losses at once, (R,D).

    `derivatives` (G,H) of one step, or (R,G,H) where each loss is at a step of its own:
    `GateDerivatives.x` with the `gate_blocks` of W_ih, or `GateDerivatives.h` with those of W_hh,
    (G,H,D). `adjoint` (R,S): dL/d(the state after the step), [dh] or [dh, dc]. A few adjoints, and
    those of several steps, are multiplied by the derivatives, which gives those of the gates. Of
    many at one step, derivatives and blocks are multiplied and added up first: that is one product
    with (S,D) instead of one with (G*H,D). `through` (S,D) is memory for the sum, `out`
    for the answer; without them each step would ask for fresh memory, which is slower.
    """
    cell = CELL_TYPES[kind]
    parts = adjoint.chunk(len(cell.feeds), -1)  # (R,H) each
    if cell.blocks == len(parts) or len(adjoint) <= FEW_ROWS or derivatives.dim() == 3:
        of_gates = torch.cat([parts[state] for state in cell.fed], -1)  # (R,G*H)
        return torch.mm(of_gates.mul_(derivatives.flatten(-2)), w.flatten(0, 1), out=out)
    through = w.new_empty(adjoint.shape[-1], w.shape[-1]) if through is None else through
    sums, empty = through.chunk(len(parts)), set(range(len(parts)))  # (H,D) each
    for state, block, by in zip(cell.fed, w.unbind(), derivatives[..., None].unbind(), strict=True):
        if state in empty:
            torch.mul(block, by, out=sums[state])
            empty.remove(state)
        else:
            sums[state].addcmul_(block, by)
    return torch.mm(adjoint, through, out=out)


def add_dh_to_dc(derivatives: GateDerivatives, adjoint: Tensor) -> None:
    """Add to dc what reaches it through h = o * tanh(c), in place. One step; `adjoint` (R,S)."""
    if derivatives.h_by_c is not None:
        dh, dc = adjoint.chunk(2, -1)
        dc.addcmul_(dh, derivatives.h_by_c)


def step_back(
    kind: str,
    derivatives: GateDerivatives,
    w_hh: Tensor,
    adjoint: Tensor,
    through: Tensor | None,
    out: Tensor,
) -> None:
    """Write the adjoints before a step into `out` (R,S), for R losses at once.

    `derivatives` of the step, or of the step of each loss, (R,...); `w_hh` (G,H,H) as
    `gate_blocks` gives it; `adjoint` (R,S): those after the step, dc with its part through h;
    `through` as in `carry_back`.
    """
    size, read = w_hh.shape[1:]  # the sizes of c and of h before the step (of its projection)
    carry_back(kind, derivatives.h, w_hh, adjoint, through, out[:, :read])
    if derivatives.keep is None:
        return
    if derivatives.h_by_c is None:  # h keeps a part of itself
        out.addcmul_(adjoint, derivatives.keep)
    else:  # c does
        torch.mul(adjoint[:, size:], derivatives.keep, out=out[:, read:])


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b (...,G*H)."""
    if x.dtype == torch.float32 and _by_onednn(x):
        # oneDNN also runs the fused kernel; on AMD it is twice as fast as MKL, the default.
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return nn.functional.linear(x, weight, bias)


def linear(weight: Tensor, rows: int) -> Callable[[Tensor], Tensor]:
    """A function of x (rows,D) that gives x W^T (rows,G*H), for a weight that is used often: oneDNN
    puts it in an order of its own once, and not in each product."""
    if not _by_onednn(weight):
        return partial(nn.functional.linear, weight=weight)
    ordered = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, ordered, None, "none", [], "")


def _by_onednn(x: Tensor) -> bool:
    mkldnn = torch.backends.mkldnn
    return x.is_cpu and mkldnn.is_available() and bool(mkldnn.enabled)
