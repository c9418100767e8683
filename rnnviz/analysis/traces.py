"""What a trace holds: every gate and state of recurrent layers, as arrays."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rnnviz._files import write
from rnnviz._paths import user_path


@dataclass(frozen=True, eq=False, repr=False)
class LayerTrace:
    """One layer in one direction; tensors are time-major and detached.

    `x` (T,B,D). `h` (T+1,B,H): `h[0]` is the initial state, `h[t+1]` the state after x_t. `c`: the
    same for the cell state, None without one. `gates`: name -> (T,B,H). A reverse layer keeps the
    order of the input: `h[t]` is the state after reading x_t, `h[T]` the initial state. Of a row
    that ends after n < T steps (see `Trace.lengths`) a reverse layer has the initial state in
    `h[n]`, and what lies after the row's own end is nan.
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

    def __repr__(self) -> str:
        direction = ", reverse" if self.reverse else ""
        return f"LayerTrace({self.kind}, {_sizes(self)}{direction})"


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """`layers` from the first to the last; a bidirectional layer gives two, forward first.

    `residual`: the largest difference over all layers between h rebuilt from the gates and c and
    the h of the fused kernel, including the module's own output and its last states. `lengths`
    (B,), int64: the steps of each row where rows end apart, else None. `note`: a sentence on what
    the module did otherwise than the trace shows, "" for nothing.
    """

    layers: tuple[LayerTrace, ...]
    residual: float
    lengths: Tensor | None = None
    note: str = ""

    def to_frame(self, layer: int, tokens=None):
        """A tidy pandas DataFrame of one layer: batch, step, token, unit, gate, value.

        h and c after each step are rows with gate "h" and "c"; steps after a row's own end are
        left out. `tokens`: (T,) or (B,T). Raises ValueError for tokens of another shape.
        """
        import pandas as pd

        seen = self.layers[layer]
        steps, rows = seen.x.shape[:2]
        tokens = np.asarray([None] * steps if tokens is None else tokens, dtype=object)
        if tokens.shape not in ((steps,), (rows, steps)):
            raise ValueError(f"tokens {tokens.shape} do not name the {steps} steps of {rows} rows")
        tokens = np.broadcast_to(tokens, (rows, steps))  # (B,T)
        ends = np.full(rows, steps) if self.lengths is None else self.lengths.cpu().numpy()  # (B,)
        read = np.arange(steps) < ends[:, None]  # (B,T)
        batch, step = np.nonzero(read)  # (N,) each
        frames = []
        for gate, tensor in (seen.gates | seen.states_out).items():
            values = as_array(tensor.transpose(0, 1))[read]  # (B,T,H) -> (N,H)
            index, unit = (axis.ravel() for axis in np.indices(values.shape))
            columns = {"batch": batch[index], "step": step[index]}
            columns |= {"token": tokens[batch, step][index], "unit": unit}
            frames.append(pd.DataFrame(columns | {"gate": gate, "value": values.ravel()}))
        return pd.concat(frames, ignore_index=True)

    def save(self, path: Path | str, more: dict[str, np.ndarray] | None = None) -> None:
        """Write an .npz with `layer0.h`, `layer0.c`, `layer0.x`, `layer0.i`, ..., `residual`,
        `lengths` where rows end apart, and the arrays in `more`. Raises OSError and, for
        a `~` without a home directory, ValueError."""
        arrays = {"residual": np.array(self.residual)} | (more or {})
        if self.lengths is not None:
            arrays["lengths"] = as_array(self.lengths)
        for n, layer in enumerate(self.layers):
            states = {"x": layer.x, "h": layer.h} | ({} if layer.c is None else {"c": layer.c})
            for name, tensor in (states | layer.gates).items():
                arrays[f"layer{n}.{name}"] = as_array(tensor)
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        write(user_path(path), file.getvalue())

    def __repr__(self) -> str:
        first, count = self.layers[0], len(self.layers)
        note = f", note={self.note!r}" if self.note else ""
        return (
            f"Trace({first.kind}, layers={count}, {_sizes(first)}, "
            f"residual={self.residual:.1e}{note})"
        )


def _sizes(layer: LayerTrace) -> str:
    steps, rows, units = layer.h_out.shape
    return f"steps={steps}, batch={rows}, units={units}"


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor as a numpy array; numpy has no bfloat16, which becomes float32."""
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return tensor.cpu().numpy()
