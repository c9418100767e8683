"""Every gate and state of a recurrent module at every step, without a loop of cells.

At step t the gates depend on x_t and h_{t-1} alone. So one run of the fused kernel gives
every h, one batched product gives every gate, and an elementwise scan gives c.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnviz._files import write
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


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer in one direction; tensors are time-major and detached.

    `x` (T,B,D). `h` (T+1,B,H): `h[0]` is the initial state, `h[t+1]` the state after x_t. `c`: the
    same for the cell state, None without one. `gates`: name -> (T,B,H). A reverse layer keeps the
    order of the input: `h[t]` is the state after reading x_t, `h[T]` the initial state.
    """

    kind: str
    x: Tensor
    h: Tensor
    c: Tensor | None
    gates: dict[str, Tensor]
    reverse: bool = False

    @property
    def h_prev(self) -> Tensor:
        """The hidden state before each step (T,B,H)."""
        return self.h[1:] if self.reverse else self.h[:-1]

    @property
    def h_out(self) -> Tensor:
        """The hidden state after each step (T,B,H)."""
        return self.h[:-1] if self.reverse else self.h[1:]

    @property
    def states_out(self) -> dict[str, Tensor]:
        """What each step gave by name, (T,B,H) each: h, and c of an LSTM."""
        return {"h": self.h_out} | ({} if self.c_out is None else {"c": self.c_out})

    @property
    def c_prev(self) -> Tensor | None:
        """The cell state before each step (T,B,H)."""
        if self.c is None:
            return None
        return self.c[1:] if self.reverse else self.c[:-1]

    @property
    def c_out(self) -> Tensor | None:
        """The cell state after each step (T,B,H)."""
        if self.c is None:
            return None
        return self.c[:-1] if self.reverse else self.c[1:]


@dataclass(frozen=True, eq=False)
class Trace:
    """`layers` from the first to the last; a bidirectional layer gives two, forward first.

    `residual`: max |h rebuilt from gates and c - h of the fused kernel| over all layers, including
    the module's own output and its last states.
    """

    layers: tuple[LayerTrace, ...]
    residual: float

    def to_frame(self, layer: int, tokens=None):
        """A tidy pandas DataFrame of one layer: batch, step, token, unit, gate, value.

        h and c after each step are rows with gate "h" and "c". `tokens`: (T,) or (B,T). Raises
        ValueError for tokens of another shape.
        """
        import pandas as pd

        seen = self.layers[layer]
        steps, rows = seen.x.shape[:2]
        tokens = np.asarray([None] * steps if tokens is None else tokens, dtype=object)
        if tokens.shape not in ((steps,), (rows, steps)):
            raise ValueError(f"tokens {tokens.shape} do not name the {steps} steps of {rows} rows")
        tokens = np.broadcast_to(tokens, (rows, steps))  # (B,T)
        frames = []
        for gate, tensor in (seen.gates | seen.states_out).items():
            values = tensor.transpose(0, 1).cpu().numpy()  # (B,T,H)
            batch, step, unit = (index.ravel() for index in np.indices(values.shape))
            columns = {"batch": batch, "step": step, "token": tokens[batch, step], "unit": unit}
            frames.append(pd.DataFrame(columns | {"gate": gate, "value": values.ravel()}))
        return pd.concat(frames, ignore_index=True)

    def save(self, path: Path | str, more: dict[str, np.ndarray] | None = None) -> None:
        """Write an .npz with `layer0.h`, `layer0.c`, `layer0.x`, `layer0.i`, ..., `residual` and
        the arrays in `more`."""
        arrays = {"residual": np.array(self.residual)} | (more or {})
        for n, layer in enumerate(self.layers):
            states = {"x": layer.x, "h": layer.h} | ({} if layer.c is None else {"c": layer.c})
            for name, tensor in (states | layer.gates).items():
                arrays[f"layer{n}.{name}"] = tensor.cpu().numpy()
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        write(Path(path), file.getvalue())


def trace(rnn: nn.RNNBase, x: Tensor, state: Tensor | tuple[Tensor, Tensor] | None = None) -> Trace:
    """Gates, h and c of every layer of an nn.LSTM, nn.GRU or nn.RNN on an input.

    `x` and `state` are what the module takes: x (T,B,D), (B,T,D) with batch_first, or (T,D); the
    state is zero when missing. The module is left as it was. Raises ValueError for a wrong shape,
    dtype or device, and for a module in training mode with dropout.
    """
    _check(rnn, x, state)
    directions = 2 if rnn.bidirectional else 1
    with torch.no_grad(), full_float32():
        # `forward` runs no hooks, so `record` does not see this run.
        own, last = rnn.forward(x, state)
        h_last, c_last = _states(last)
        zeros = torch.zeros_like(h_last), None if c_last is None else torch.zeros_like(c_last)
        h0, c0 = zeros if state is None else _states(state)
        own, source = _time_major(rnn, own), _time_major(rnn, x.detach().clone())  # (T,B,*)
        layers, gaps = [], []
        for k in range(rnn.num_layers):
            here = range(k * directions, (k + 1) * directions)
            # The module returns the top layer's states; each layer below needs a run of its own.
            h_all = own if k == rnn.num_layers - 1 else _run(rnn, here, source, h0, c0)
            for n, h_out in zip(here, h_all.chunk(directions, -1), strict=True):
                layer, rebuilt = _layer(rnn, n, source, h_out, h0, c0)
                end = 0 if layer.reverse else -1
                gaps += [_gap(rebuilt, h_out), _gap(h_out[end], h_last[n])]
                if layer.c_out is not None and c_last is not None:
                    gaps.append(_gap(layer.c_out[end], c_last[n]))
                layers.append(layer)
            source = h_all  # (T,B,directions*H)
        # One synchronization with the device; torch's max propagates NaN, Python's does not.
        residual = torch.stack(gaps).max().item()
    return Trace(tuple(layers), residual)


def _check(rnn: nn.RNNBase, x: Tensor, state) -> None:
    """Raises ValueError for an input or state that does not fit the module, naming the sizes."""
    order = "batch, steps" if rnn.batch_first else "steps, batch"
    wanted = f"x must be a tensor ({order}, {rnn.input_size}) or (steps, {rnn.input_size})"
    if isinstance(x, nn.utils.rnn.PackedSequence):
        raise ValueError(f"{wanted}, not a PackedSequence of {tuple(x.data.shape)}: pad it first")
    if not isinstance(x, Tensor) or x.dim() not in (2, 3) or x.shape[-1] != rnn.input_size:
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{wanted}, not {shape}")
    if 0 in x.shape:
        raise ValueError(f"x {tuple(x.shape)} has no steps to trace")
    weight = rnn.all_weights[0][0]
    if (x.dtype, x.device) != (weight.dtype, weight.device):
        raise ValueError(
            f"x is {x.dtype} on {x.device}, where the weights are {weight.dtype} on {weight.device}"
        )
    if rnn.training and rnn.dropout > 0 and rnn.num_layers > 1:
        raise ValueError("a module in training mode drops units at random: call eval() first")
    if state is None:
        return
    rows = [] if x.dim() == 2 else [x.shape[0 if rnn.batch_first else 1]]
    count = rnn.num_layers * (2 if rnn.bidirectional else 1)
    has_c = CELL_TYPES[cells.kind_of(rnn)].has_cell_state
    sizes = [rnn.proj_size or rnn.hidden_size] + [rnn.hidden_size] * has_c
    wanted = [(count, *rows, size) for size in sizes]
    given = list(state) if has_c and isinstance(state, (tuple, list)) else [state]
    shapes = [tuple(s.shape) if isinstance(s, Tensor) else type(s).__name__ for s in given]
    if shapes != wanted:
        named = " and ".join(f"{name} {shape}" for name, shape in zip("hc", wanted, strict=False))
        raise ValueError(f"state must be {named}, not {' and '.join(map(str, shapes))}")


def _time_major(rnn: nn.RNNBase, x: Tensor) -> Tensor:
    """An input or output of the module as (T,B,D)."""
    if x.dim() == 2:
        return x[:, None]
    return x.transpose(0, 1) if rnn.batch_first else x


def _states(state: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
    """h (N,B,H), and c (N,B,H) or None; N is layers times directions."""
    h, c = state if isinstance(state, (tuple, list)) else (state, None)
    if h.dim() == 2:
        h, c = h[:, None], None if c is None else c[:, None]
    return h, c


def _run(rnn: nn.RNNBase, here: range, x: Tensor, h0: Tensor, c0: Tensor | None) -> Tensor:
    """States (T,B,directions*H) of one layer, from the same kernel that the module runs."""
    at = slice(here.start, here.stop)
    state = h0[at] if c0 is None else (h0[at], c0[at])
    weights = [weight for n in here for weight in rnn.all_weights[n]]
    if not rnn.bias:
        # On a GPU a module's weights are one block of memory. Given one layer of it without biases,
        # cuDNN would read the weights that follow as its biases. Copies are outside that block.
        weights = [weight.clone() for weight in weights]
    kernel = kernel_of(cells.kind_of(rnn))
    return kernel(x, state, weights, rnn.bias, 1, 0.0, False, rnn.bidirectional, False)[0]


def kernel_of(kind: str) -> Callable[..., tuple[Tensor, ...]]:
    """torch's fused kernel of a cell type. Raises ValueError."""
    return required(KERNELS, kind, "analysis/tracing")


def _layer(
    rnn: nn.RNNBase, n: int, x: Tensor, h_out: Tensor, h0: Tensor, c0: Tensor | None
) -> tuple[LayerTrace, Tensor]:
    """The n-th layer, given its input and states, and h (T,B,H) rebuilt from its gates."""
    kind, reverse = cells.kind_of(rnn), rnn.bidirectional and n % 2 == 1
    w_ih, w_hh, *rest = rnn.all_weights[n]
    b_ih, b_hh = rest[:2] if rnn.bias else (None, None)
    first = h0[n : n + 1]  # (1,B,H)
    h = torch.cat([h_out, first] if reverse else [first, h_out])  # (T+1,B,H)
    h_prev, c = h[1:] if reverse else h[:-1], None
    if CELL_TYPES[kind].separate_products:
        gates = cells.gates(kind, cells.product(x, w_ih, b_ih), cells.product(h_prev, w_hh, b_hh))
    else:  # one product over [x, h] avoids the large intermediate results of two
        joined, weight = torch.cat([x, h_prev], -1), torch.cat([w_ih, w_hh], -1)  # (T,B,D+H)
        bias = None if b_ih is None or b_hh is None else b_ih + b_hh
        gates = cells.gates(kind, cells.product(joined, weight, bias), None)
    if c0 is not None:
        in_time = {name: gates[name].flip(0) for name in "ifg"} if reverse else gates
        c = cells.cell_states(in_time, c0[n])  # (T+1,B,H)
        c = c.flip(0) if reverse else c
    layer = LayerTrace(kind, x, h, c, gates, reverse)
    rebuilt = cells.output(kind, gates, h_prev, layer.c_out)
    return layer, nn.functional.linear(rebuilt, rest[-1]) if rnn.proj_size else rebuilt


def _gap(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs_().max()


@contextmanager
def full_float32() -> Generator[None]:
    """Matrix products in full float32: TF32 on a GPU or bfloat16 in oneDNN would round inputs."""
    backends: list[Any] = [  # torch's types lack some of their attributes
        torch.backends.cudnn.rnn,
        torch.backends.cuda.matmul,
        getattr(torch.backends.mkldnn, "matmul"),  # noqa: B009
    ]
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


@contextmanager
def record(model: nn.Module) -> Generator[dict[str, list[Trace]]]:
    """Trace every recurrent module of a model at each call.

    Yields a dict: the module's qualified name -> its Traces in the order of the calls. Example:
    `with rnnviz.record(model) as traces: model(batch)`, then `traces["rnn"][0]`.
    """
    found = {name: m for name, m in model.named_modules() if isinstance(m, nn.RNNBase)}
    traces = {name: [] for name in found}

    def after(name: str, module: nn.RNNBase, args: tuple, kwargs: dict, output) -> None:
        given = dict(zip(("input", "hx"), args, strict=False)) | kwargs
        traces[name].append(trace(module, given["input"], given.get("hx")))

    hooks = [
        module.register_forward_hook(partial(after, name), with_kwargs=True)
        for name, module in found.items()
    ]
    try:
        yield traces
    finally:
        for hook in hooks:
            hook.remove()


def trace_model(model: RNNModel, ids: Tensor | Sequence[int]) -> Trace:
    """Trace of an RNNModel's recurrent layers on ids (T,), without dropout. Raises ValueError for
    no ids and for ids outside the vocabulary."""
    ids = checked_ids(ids, model.embedding.num_embeddings, least=1)
    with torch.no_grad():
        embedded = model.embedding(ids.to(model.device))  # (T,D)
    was_training = model.rnn.training
    try:
        return trace(model.rnn.eval(), embedded)
    finally:
        model.rnn.train(was_training)
