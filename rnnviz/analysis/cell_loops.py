"""Cells that a model calls in a loop, traced as one fused module that reads the sequence."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rnnviz.analysis.own_forward import check_same, run_as_now
from rnnviz.analysis.rnn_modules import NO_VALUES, State, base_of, check_input, eval_copy
from rnnviz.analysis.traces import Trace
from rnnviz.analysis.tracing import trace_layers
from rnnviz.nn.model import as_hidden

FUSED = {nn.LSTMCell: nn.LSTM, nn.GRUCell: nn.GRU, nn.RNNCell: nn.RNN}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@dataclass(eq=False)
class CellLoop:
    """Calls of one cell so far, each with the state that the call before gave.

    `weights` by name, as they were at the first call; `first`: the states before it, () for none;
    `inputs` (B,D) and `outputs` [h] or [h, c] (B,H) of each call; no batch: (1,...). `own` and
    `fused`: modules of torch with these weights. `reason`: why there is no trace, "" so far.
    """

    cell: nn.RNNCellBase
    weights: dict[str, Tensor]
    first: tuple[Tensor, ...]
    own: nn.RNNCellBase
    fused: nn.RNNBase
    reason: str = ""
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[tuple[Tensor, ...]] = field(default_factory=list)

    @classmethod
    def begin(cls, cell: nn.RNNCellBase, state: State) -> CellLoop:
        """No call yet. Raises ValueError for a cell that no fused module of torch computes."""
        if base_of(cell) not in FUSED:
            raise ValueError(
                f"{type(cell).__name__} is a cell of its own: LSTMCell, GRUCell and RNNCell are "
                "traced"
            )
        if cell.weight_ih.is_meta:
            raise ValueError(NO_VALUES)
        weights = {name: w.detach().clone() for name, w in _weights(cell).items()}
        own = _like(cell, base_of(cell), weights)
        fused = _like(cell, FUSED[base_of(cell)], {f"{name}_l0": w for name, w in weights.items()})
        return cls(cell, weights, _kept(state), own, fused)

    def goes_on(self, x: Tensor, state: State) -> bool:
        """Whether a call with this input and state is the next of the sequence."""
        given, left = _rows(state), self.outputs[-1]
        return (
            len(given) == len(left)
            and all(map(_same, given, left))
            and _rows((x,))[0].shape == self.inputs[-1].shape
            and all(_same(w, self.weights[name]) for name, w in _weights(self.cell).items())
        )

    def add(self, x: Tensor, state: State, output: Any) -> None:
        """One call more: what the cell was given, and what it gave."""
        inputs, outputs = _kept((x,)), _kept(output)
        if not self.reason:
            try:
                self._check(x, state, output)
            except ValueError as error:
                self.reason = str(error)
        self.inputs += inputs
        self.outputs.append(outputs)

    def _check(self, x: Tensor, state: State, output: Any) -> None:
        """Raises ValueError unless torch's own cell takes this input and gives this output. From
        call to call, since rounding grows in a loop, above all in bfloat16."""
        dtype = self.weights["weight_ih"].dtype
        x, parts = x.detach().to(dtype), [s.detach().to(dtype) for s in _parts(state)]
        given, first = None, None
        if parts:
            given, first = as_hidden(parts), as_hidden([s[None] for s in parts])  # (B,H), (1,B,H)
        check_input(self.fused, x[None], first)
        check_same(self.cell, output, run_as_now(self.own, x, given))

    def trace(self) -> Trace:
        """The trace of the sequence; its residual includes the difference to what the calls gave.
        Raises ValueError for an input that does not fit the cell, and for a cell that gave
        something else than torch's own."""
        if self.reason:
            raise ValueError(self.reason)
        x, dtype = torch.stack(self.inputs), self.weights["weight_ih"].dtype  # (T,B,D)
        state = as_hidden([s[None].to(dtype) for s in self.first]) if self.first else None
        last = as_hidden([s[None] for s in self.outputs[-1]])  # (1,B,H)
        gave = torch.stack([states[0] for states in self.outputs]), last  # (T,B,H)
        return trace_layers(self.fused, x.to(dtype), state, gave)


def _like(cell: Any, cls: type[nn.Module], weights: dict[str, Tensor]) -> Any:
    """A module of one of torch's own classes with the sizes of a cell and these weights."""
    options = {"nonlinearity": cell.nonlinearity} if isinstance(cell, nn.RNNCell) else {}
    module = _undrawn(cls)(
        cell.input_size, cell.hidden_size, bias=cell.bias, device="meta", **options
    )
    for name, weight in weights.items():
        setattr(module, name, nn.Parameter(weight, requires_grad=False))
    return module.eval()


@functools.cache
def _undrawn(cls: Any) -> Any:
    """The class, but its modules begin without random weights, which torch.vmap refuses."""
    return type(cls.__name__, (cls,), {"reset_parameters": lambda self: None})


def _weights(cell: nn.RNNCellBase) -> dict[str, Tensor]:
    """Weights by name, read in eval mode: in training mode, to read a parametrized one may change
    it (spectral_norm)."""
    cell = eval_copy(cell)
    return {name: getattr(cell, name) for name in WEIGHTS if getattr(cell, name) is not None}


def _parts(state: State | tuple[Tensor]) -> tuple[Tensor, ...]:
    """h, or h and c; () for none. Raises ValueError for what is no tensor."""
    parts = () if state is None else state if isinstance(state, (tuple, list)) else (state,)
    for part in parts:
        if not isinstance(part, Tensor):
            raise ValueError(f"a cell takes and gives tensors, not {type(part).__name__}")
    return tuple(parts)


def _rows(state: State | tuple[Tensor]) -> tuple[Tensor, ...]:
    """The parts of a state, or of an input in a tuple, each (B,*)."""
    return tuple(s.detach().reshape(-1, s.shape[-1]) for s in _parts(state))


def _kept(state: State | tuple[Tensor]) -> tuple[Tensor, ...]:
    """Copies of `_rows`: the model may overwrite what it was given and what it gave."""
    return tuple(rows.clone() for rows in _rows(state))


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether the values are the same; NaN is, at the same places."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a, b) or torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
