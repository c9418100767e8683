"""The gradient of one output's loss back through recurrent layers that hand a state on: a decoder,
and the encoder whose last state it began with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnviz.analysis.derivatives import by_projection, layer_derivatives
from rnnviz.analysis.traces import LayerTrace
from rnnviz.nn import cells


class Stage(NamedTuple):
    """One layer along one sequence, traced alone (B=1). The first of several begins with zeros, the
    others with the last state of the one before."""

    rnn: nn.RNNBase
    trace: LayerTrace


def run_back(
    stages: Sequence[Stage], head: nn.Linear, step: int, output: int
) -> tuple[Tensor, ...]:
    """dL/d(state) for L = -log p(`output`) after `step` of the last stage, as `head` reads it from
    h: of each stage (T+1,S) in float64, row 0 of the state before its first step, row t + 1 of that
    after step t. The state is h, of an LSTM (h, c), c with its part through h = o * tanh(c). Where
    one stage hands over to the next, both have the same gradient but for that part. Rows of later
    steps are zero. Raises ValueError for a step that is not there."""
    trace = stages[-1].trace
    if not 0 <= step < len(trace.h_out):
        raise ValueError(f"step must be from 0 to {len(trace.h_out) - 1}, not {step}")
    h = trace.h_out[step : step + 1, 0]  # (1,H)
    direct = by_projection(head, h, torch.tensor([output]))[0]  # (H,)
    size = len(direct) if trace.c is None else 2 * len(direct)
    adjoint = direct.new_zeros(1, size)  # (1,S)
    adjoint[0, : len(direct)] = direct
    found = []
    for number, stage in reversed(list(enumerate(stages))):
        is_last = number == len(stages) - 1
        rows, adjoint = _through(stage, adjoint, step + 1 if is_last else len(stage.trace.h_out))
        found.append(rows)
    return tuple(reversed(found))


def _through(stage: Stage, adjoint: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """From the adjoint (1,S) of the state after so many steps: those of all states (T+1,S), and of
    the state before the first step (1,S)."""
    layer = layer_derivatives(stage.rnn, stage.trace, 0)
    rows = adjoint.new_zeros(len(stage.trace.h_out) + 1, adjoint.shape[1])
    for t, derivatives in reversed(list(enumerate(layer.derivatives.steps()[:steps]))):
        cells.add_dh_to_dc(derivatives, adjoint)
        rows[t + 1] = adjoint[0]
        before = torch.empty_like(adjoint)
        cells.step_back(layer.kind, derivatives, layer.w_hh, adjoint, None, before)
        adjoint = before
    rows[0] = adjoint[0]
    return rows, adjoint
