"""Every gate and state of a recurrent module at every step, without a loop of cells.

At step t the gates depend on x_t and h_{t-1} alone. So one run of the fused kernel gives
every h, one batched product gives every gate, and an elementwise scan gives c.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnviz.analysis.own_forward import compared
from rnnviz.analysis.packing import Packing
from rnnviz.analysis.rnn_modules import (
    State,
    after_pre_hooks,
    check_input,
    drops_units,
    eval_copy,
    overrides_forward,
    plain_copy,
)
from rnnviz.analysis.traces import LayerTrace, Trace
from rnnviz.nn import cells
from rnnviz.nn.cell_types import CELL_TYPES, required
from rnnviz.nn.model import RNNModel, checked_ids

KERNELS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}
# `_run` passes cuDNN the weights of one layer, which are only a part of the module's block.
warnings.filterwarnings(
    "ignore", "RNN module weights are not part", module=r"rnnviz\.analysis\.tracing"
)


def trace(rnn: nn.RNNBase, x: Tensor | PackedSequence, state: State = None) -> Trace:
    """Gates, h and c of every layer of an nn.LSTM, nn.GRU or nn.RNN on an input, in eval mode.

    `x` and `state` are what the module takes: x (T,B,D), (B,T,D) with batch_first, (T,D) or a
    PackedSequence; the state is zero when missing. The weights are those of the module's next
    call: forward pre-hooks are run (pruning, weight_norm), forward hooks are not. The module is
    left as it was. Raises ValueError for anything but such a module, for a wrong shape, dtype or
    device, and for a module in training mode with dropout.
    """
    if not isinstance(rnn, nn.RNNBase):
        raise ValueError(
            f"rnn must be an nn.LSTM, nn.GRU or nn.RNN, not {type(rnn).__name__}; "
            "`record` traces those inside a model, and loops of cells"
        )
    if drops_units(rnn):
        raise ValueError("a module in training mode drops units at random: call eval() first")
    module, gave = eval_copy(rnn), ()
    with torch.no_grad(), full_float32():
        x, state = after_pre_hooks(module, x, state)
        plain = plain_copy(module, [getattr(module, name) for name in module._flat_weights_names])
        check_input(plain, x, state)
        if overrides_forward(module):
            gave = (module.forward(x, state),)
    return trace_layers(plain, x, state, *gave)


def trace_layers(
    rnn: nn.RNNBase, x: Tensor | PackedSequence, state: State, *gave: Any, note: str = ""
) -> Trace:
    """The trace of a `plain_copy`, given an input and state that `check_input` passes.

    The residual includes the difference to what the module gave by its own forward, where it is
    known: output and last states, or the output alone. Raises ValueError if that has other shapes.
    """
    directions = 2 if rnn.bidirectional else 1
    packing = Packing.of(x) if isinstance(x, PackedSequence) else None
    device = x.data.device.type
    with torch.no_grad(), full_float32(), torch.autocast(device, enabled=False):
        own, last = rnn.forward(x, state)
        gaps = [_gap(a, b) for one in gave for a, b in compared(one, (own, last))]
        lasts, firsts = _states(last), _states(state)
        if state is None:
            firsts = [torch.zeros_like(states) for states in lasts]
        own, source = _as_kernel(rnn, own), _as_kernel(rnn, x).detach().clone()  # (T,B,*)
        layers: list[LayerTrace] = []
        for k in range(rnn.num_layers):
            here = range(k * directions, (k + 1) * directions)
            # The module returns the top layer's states; each layer below needs a run of its own.
            h_all = own if k == rnn.num_layers - 1 else _run(rnn, here, source, firsts, packing)
            read, outs = (packing.padded(a) if packing else a for a in (source, h_all))
            for n, h_out in zip(here, outs.chunk(directions, -1), strict=True):
                layer, rebuilt = _layer(rnn, n, read, h_out, firsts, packing)
                gaps += _layer_gaps(layer, rebuilt, h_out, [s[n] for s in lasts], packing)
                layers.append(layer)
            source = h_all
        # One synchronization with the device; torch's max propagates NaN, Python's does not.
        residual = torch.stack(gaps).max().item()
    return Trace(tuple(layers), residual, packing.lengths if packing else None, note)


def trace_model(model: RNNModel, ids: Tensor | Sequence[int]) -> Trace:
    """Trace of an RNNModel's recurrent layers on ids (T,), without dropout. Raises ValueError for
    no ids and for ids outside the vocabulary."""
    ids = checked_ids(ids, model.embedding.num_embeddings, least=1)
    with torch.no_grad():
        embedded = model.embedding(ids.to(model.device))  # (T,D)
    return trace(eval_copy(model.rnn), embedded)


def _as_kernel(rnn: nn.RNNBase, x: Tensor | PackedSequence) -> Tensor:
    """An input or output of the module as the kernels take it: (T,B,*), or packed data (N,*)."""
    if isinstance(x, PackedSequence):
        return x.data
    if x.dim() == 2:
        return x[:, None]
    return x.transpose(0, 1) if rnn.batch_first else x


def _states(state: State) -> list[Tensor]:
    """[h] or [h, c], each (N,B,H); N is layers times directions. Nothing for no state."""
    if state is None:
        return []
    states = state if isinstance(state, (tuple, list)) else (state,)
    return [s[:, None] if s.dim() == 2 else s for s in states]


def _run(
    rnn: nn.RNNBase, here: range, x: Tensor, firsts: list[Tensor], packing: Packing | None
) -> Tensor:
    """States of one layer from the same kernel that the module runs: (T,B,directions*H), of
    packed data (N,directions*H)."""
    at = slice(here.start, here.stop)
    states = [s[at] if packing is None else packing.sort(s[at]) for s in firsts]
    state = states[0] if len(states) == 1 else tuple(states)
    weights = [weight for n in here for weight in rnn.all_weights[n]]
    if not rnn.bias:
        # On a GPU a module's weights are one block of memory. Given one layer of it without biases,
        # cuDNN would read the weights that follow as its biases. Copies are outside that block.
        weights = [weight.clone() for weight in weights]
    kernel = kernel_of(cells.kind_of(rnn))
    settings = weights, rnn.bias, 1, 0.0, False, rnn.bidirectional
    if packing is not None:
        return kernel(x, packing.batch_sizes, state, *settings)[0]
    return kernel(x, state, *settings, False)[0]


def kernel_of(kind: str) -> Callable[..., tuple[Tensor, ...]]:
    """torch's fused kernel of a cell type. Raises ValueError."""
    return required(KERNELS, kind, "analysis/tracing")


def _layer(
    rnn: nn.RNNBase,
    n: int,
    x: Tensor,
    h_out: Tensor,
    firsts: list[Tensor],
    packing: Packing | None,
) -> tuple[LayerTrace, Tensor]:
    """The n-th layer, given its input (T,B,D) and states (T,B,H), and h (T,B,H) rebuilt from its
    gates."""
    kind, reverse = cells.kind_of(rnn), rnn.bidirectional and n % 2 == 1
    w_ih, w_hh, *rest = rnn.all_weights[n]
    b_ih, b_hh = rest[:2] if rnn.bias else (None, None)
    h = _with_first(h_out, firsts[0][n], reverse, packing)  # (T+1,B,H)
    h_prev, c = h[1:] if reverse else h[:-1], None
    if CELL_TYPES[kind].separate_products:
        gates = cells.gates(kind, cells.product(x, w_ih, b_ih), cells.product(h_prev, w_hh, b_hh))
    else:  # one product over [x, h] avoids the large intermediate results of two
        joined, weight = torch.cat([x, h_prev], -1), torch.cat([w_ih, w_hh], -1)  # (T,B,D+H)
        bias = None if b_ih is None or b_hh is None else b_ih + b_hh
        gates = cells.gates(kind, cells.product(joined, weight, bias), None)
    if len(firsts) == 2:
        c = _cell_states(gates, firsts[1][n], reverse, packing)
    layer = LayerTrace(kind, x, h, c, gates, reverse)
    rebuilt = cells.output(kind, gates, h_prev, layer.c_out)
    return layer, nn.functional.linear(rebuilt, rest[-1]) if rnn.proj_size else rebuilt


def _with_first(h_out: Tensor, first: Tensor, reverse: bool, packing: Packing | None) -> Tensor:
    """All states (T+1,B,H): those after each step (T,B,H), and the first (B,H) where it belongs;
    a reverse layer begins after each row's own last step."""
    if not reverse:
        return torch.cat([first[None], h_out])
    h = torch.cat([h_out, first[None]])
    if packing is not None:
        h[-1] = torch.nan
        h[packing.ends] = first
    return h


def _cell_states(
    gates: dict[str, Tensor], first: Tensor, reverse: bool, packing: Packing | None
) -> Tensor:
    """c (T+1,B,H) of an LSTM, in the order of the input."""
    if not reverse:
        return cells.cell_states(gates, first)
    used = {name: gates[name] for name in "ifg"}
    if packing is not None:  # a reverse layer passes the padding first: it keeps its first state
        step = packing.places(first.device)[..., None]  # (T,B,1)
        keeping = {"i": 0.0, "f": 1.0, "g": 0.0}
        used = {name: gate.where(step, keeping[name]) for name, gate in used.items()}
    c = cells.cell_states({name: gate.flip(0) for name, gate in used.items()}, first).flip(0)
    if packing is not None:
        c[1:][~packing.places(first.device)] = torch.nan
    return c


def _layer_gaps(
    layer: LayerTrace,
    rebuilt: Tensor,
    h_out: Tensor,
    lasts: list[Tensor],
    packing: Packing | None,
) -> list[Tensor]:
    """How far a layer is from the kernel's h (T,B,H) and from the module's last states (B,H)."""
    if packing is not None:
        places = packing.places(h_out.device)
        rebuilt, h_out = rebuilt[places], h_out[places]
    gaps = [_gap(rebuilt, h_out)]
    for states, last in zip((layer.h, layer.c), lasts, strict=False):
        assert states is not None
        gaps.append(_gap(_end(states, layer.reverse, packing), last))
    return gaps


def _end(states: Tensor, reverse: bool, packing: Packing | None) -> Tensor:
    """The last state of each row (B,H), given all (T+1,B,H)."""
    if reverse:
        return states[0]
    return states[-1] if packing is None else states[packing.ends]


def _gap(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs_().max()


_precision_lock = threading.Lock()
_precision_users: list[None] = []  # one entry for each `full_float32` that is open
_precision_before: list[str] = []


@contextmanager
def full_float32() -> Generator[None]:
    """Matrix products in full float32: TF32 on a GPU or bfloat16 in oneDNN would round inputs.

    All threads share these settings: the first one in sets them, the last one out sets them back.
    """
    backends: list[Any] = [  # torch's types lack some of their attributes
        torch.backends.cudnn.rnn,
        torch.backends.cuda.matmul,
        getattr(torch.backends.mkldnn, "matmul"),  # noqa: B009
    ]
    with _precision_lock:
        if not _precision_users:
            _precision_before[:] = [backend.fp32_precision for backend in backends]
            for backend in backends:
                backend.fp32_precision = "ieee"
        _precision_users.append(None)
    try:
        yield
    finally:
        with _precision_lock:
            _precision_users.pop()
            if not _precision_users:
                for backend, precision in zip(backends, _precision_before, strict=True):
                    backend.fp32_precision = precision
