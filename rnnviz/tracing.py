"""Every gate and state of a recurrent module at every step, without a loop of cells.

At step t the gates depend on x_t and h_{t-1} alone. So one run of the fused kernel gives
every h, one batched product gives every gate, and an elementwise scan gives c.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rnnviz import cells

KERNELS = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """One layer in one direction, time-major, detached.

    `x` (T,B,D); `h` (T+1,B,H) with the initial state first, `c` alike or None;
    `gates`: name -> (T,B,H). A reverse layer keeps the order of the input: its `h[t]` is
    the state after reading x_t, and `h[T]` the initial one.
    """

    kind: str
    x: Tensor
    h: Tensor
    c: Tensor | None
    gates: dict[str, Tensor]
    reverse: bool = False

    @property
    def h_prev(self) -> Tensor:
        """What each step saw (T,B,H)."""
        return self.h[1:] if self.reverse else self.h[:-1]

    @property
    def h_out(self) -> Tensor:
        """What each step gave (T,B,H)."""
        return self.h[:-1] if self.reverse else self.h[1:]

    @property
    def c_out(self) -> Tensor | None:
        """The cell state after each step (T,B,H)."""
        if self.c is None:
            return None
        return self.c[:-1] if self.reverse else self.c[1:]


@dataclass(frozen=True, eq=False)
class Trace:
    """`layers` from the first to the last (a bidirectional layer gives two).

    `residual`: max |h rebuilt from gates and c - h of the fused kernel|, over all layers,
    the module's own output included.
    """

    layers: tuple[LayerTrace, ...]
    residual: float

    def save(self, path: Path | str) -> None:
        """Write an .npz: `layer0.h`, `layer0.c`, `layer0.x`, `layer0.i`, ..., `residual`."""
        arrays = {"residual": np.array(self.residual)}
        for n, layer in enumerate(self.layers):
            states = {"x": layer.x, "h": layer.h} | ({} if layer.c is None else {"c": layer.c})
            for name, tensor in (states | layer.gates).items():
                arrays[f"layer{n}.{name}"] = tensor.cpu().numpy()
        with open(path, "wb") as file:
            np.savez_compressed(file, **arrays)


def trace(rnn: nn.RNNBase, x: Tensor, state: Tensor | tuple[Tensor, Tensor] | None = None) -> Trace:
    """Gates, h and c of every layer of an nn.LSTM, nn.GRU or nn.RNN on an input.

    `x` has the shape that the module takes: (T,B,D), (B,T,D) with batch_first, or (T,D);
    `state` likewise, zeros when missing. The module is left as it was.
    Raises ValueError for a wrong shape, and for a module in training mode with dropout.
    """
    if not isinstance(x, Tensor) or x.dim() not in (2, 3) or x.shape[-1] != rnn.input_size:
        shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(
            f"x must be (steps, batch, {rnn.input_size}) or (steps, {rnn.input_size}), not {shape}"
        )
    if 0 in x.shape:
        raise ValueError(f"x {tuple(x.shape)} has no steps to trace")
    if rnn.training and rnn.dropout > 0 and rnn.num_layers > 1:
        raise ValueError("a module in training mode drops units at random: call eval() first")
    x = x.detach()
    with torch.no_grad():
        own_output, own_last = rnn(x, state)
        batched = x if x.dim() == 3 else x.unsqueeze(1 - rnn.batch_first)
        first = batched.transpose(0, 1) if rnn.batch_first else batched  # (T,B,D)
        h0, c0 = _initial(rnn, own_last, state)
        layers: list[LayerTrace] = []
        residual = 0.0
        directions = 2 if rnn.bidirectional else 1
        source = first
        for k in range(rnn.num_layers):
            outputs = []
            for direction in range(directions):
                n = k * directions + direction
                c = None if c0 is None else c0[n]
                layer, rebuilt = _layer(rnn, k, direction == 1, source, h0[n], c)
                residual = max(residual, _gap(rebuilt, layer.h_out))
                layers.append(layer)
                outputs.append(layer.h_out)
            source = torch.cat(outputs, -1)  # (T,B,directions*H)
        own = own_output.reshape(batched.shape[:2] + own_output.shape[-1:])
        residual = max(residual, _gap(own.transpose(0, 1) if rnn.batch_first else own, source))
    return Trace(tuple(layers), residual)


def _initial(rnn: nn.RNNBase, last, state) -> tuple[Tensor, Tensor | None]:
    """Initial h (N,B,H) and c (N,B,H) or None, zeros of the last states' shape if missing."""
    pair = last if isinstance(last, tuple) else (last,)
    given = tuple(map(torch.zeros_like, pair)) if state is None else state
    given = given if isinstance(given, tuple) else (given,)
    given = [s.detach() if s.dim() == 3 else s.detach().unsqueeze(1) for s in given]
    return given[0], given[1] if len(given) == 2 else None


def _layer(
    rnn: nn.RNNBase, k: int, reverse: bool, x: Tensor, h0: Tensor, c0: Tensor | None
) -> tuple[LayerTrace, Tensor]:
    """Layer k in one direction on x (T,B,D), and h rebuilt from its gates (T,B,H)."""
    kind, end = cells.kind_of(rnn), f"_l{k}" + ("_reverse" if reverse else "")
    names = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if rnn.bias else [])
    weights = [getattr(rnn, name + end) for name in names]
    projection = getattr(rnn, "weight_hr" + end) if rnn.proj_size else None
    if projection is not None:
        weights.append(projection)

    steps = x.flip(0) if reverse else x
    state = (h0[None], c0[None]) if c0 is not None else h0[None]
    kernel_output = KERNELS[kind](steps, state, weights, rnn.bias, 1, 0.0, False, False, False)
    h_after = kernel_output[0]  # (T,B,H)
    h = torch.cat([h0[None], h_after])  # (T+1,B,H)
    bias_ih, bias_hh = (weights[2], weights[3]) if rnn.bias else (None, None)
    from_x = nn.functional.linear(steps, weights[0], bias_ih)  # (T,B,G*H)
    from_h = nn.functional.linear(h[:-1], weights[1], bias_hh)  # (T,B,G*H)
    gates = cells.gates(kind, from_x, from_h)
    c = cells.cell_states(gates, c0) if c0 is not None else None
    rebuilt = cells.output(kind, gates, h[:-1], None if c is None else c[1:])
    if projection is not None:
        rebuilt = nn.functional.linear(rebuilt, projection)
    if reverse:
        x, h, rebuilt = x, h.flip(0), rebuilt.flip(0)
        c = None if c is None else c.flip(0)
        gates = {name: gate.flip(0) for name, gate in gates.items()}
    return LayerTrace(kind, x, h, c, gates, reverse), rebuilt


def _gap(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def trace_model(model, ids: Tensor) -> Trace:
    """Trace of an RNNModel's recurrent layers on ids (T,), dropout left out."""
    with torch.no_grad():
        embedded = model.embedding(torch.as_tensor(ids, device=model.device))  # (T,D)
    was_training = model.rnn.training
    try:
        return trace(model.rnn.eval(), embedded)
    finally:
        model.rnn.train(was_training)
