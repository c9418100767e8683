"""Cells that a model calls in a loop, traced as one fused module that reads the sequence."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

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
    `inputs` (B,D) and `outputs` [h] or [h, c] (B,H) of each call; no batch: (1,...).
    """

    cell: nn.RNNCellBase
    weights: dict[str, Tensor]
    first: tuple[Tensor, ...]
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
        return cls(cell, weights, _kept(state))

    def goes_on(self, x: Tensor, state: State) -> bool:
        """Whether a call with this input and state is the next of the sequence."""
        given, left = _rows(state), self.outputs[-1]
        return (
            len(given) == len(left)
            and all(map(_same, given, left))
            and _rows(x)[0].shape == self.inputs[-1].shape
            and all(_same(w, self.weights[name]) for name, w in _weights(self.cell).items())
        )

    def add(self, x: Tensor, output: State) -> None:
        self.inputs += _kept(x)
        self.outputs.append(_kept(output))

    def trace(self) -> Trace:
        """The trace of the sequence; its residual includes the difference to what the calls gave.
        Raises ValueError for an input that does not fit the cell."""
        rnn, x = self._fused(), torch.stack(self.inputs)  # (T,B,D)
        dtype = self.weights["weight_ih"].dtype
        state = as_hidden([s[None].to(dtype) for s in self.first]) if self.first else None
        last = as_hidden([s[None] for s in self.outputs[-1]])  # (1,B,H)
        received = torch.stack([states[0] for states in self.outputs]), last  # (T,B,H)
        check_input(rnn, x.to(dtype), state)
        return trace_layers(rnn, x.to(dtype), state, received)

    def _fused(self) -> nn.RNNBase:
        """The module of one layer with the cell's weights."""
        cell, options = self.cell, {}
        if isinstance(cell, nn.RNNCell):
            options = {"nonlinearity": cell.nonlinearity}
        rnn = FUSED[base_of(cell)](
            cell.input_size, cell.hidden_size, bias=cell.bias, device="meta", **options
        )
        for name, weight in self.weights.items():
            setattr(rnn, f"{name}_l0", nn.Parameter(weight, requires_grad=False))
        return rnn.eval()


def _weights(cell: nn.RNNCellBase) -> dict[str, Tensor]:
    """Weights by name, read in eval mode: in training mode, to read a parametrized one may change
    it (spectral_norm)."""
    cell = eval_copy(cell)
    return {name: getattr(cell, name) for name in WEIGHTS if getattr(cell, name) is not None}


def _rows(state: State) -> tuple[Tensor, ...]:
    """An input, h, or h and c, each (B,*); () for none."""
    if state is None:
        return ()
    states = state if isinstance(state, (tuple, list)) else (state,)
    return tuple(s.detach().reshape(-1, s.shape[-1]) for s in states)


def _kept(state: State) -> tuple[Tensor, ...]:
    """Copies of `_rows`: the model may overwrite what it was given and what it gave."""
    return tuple(rows.clone() for rows in _rows(state))


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether the values are the same; NaN is, at the same places."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.equal(a, b) or torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
