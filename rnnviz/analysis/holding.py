"""What a model would do if one unit's gate or state had another value from some token on."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from rnnviz.analysis.rnn_modules import eval_copy
from rnnviz.analysis.traces import LayerTrace, Trace
from rnnviz.analysis.tracing import full_float32, trace, trace_model
from rnnviz.nn import cells
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model import RNNModel, make_rnn


def hold(
    model: RNNModel,
    ids: Tensor | Sequence[int],
    unit: int,
    of: str,
    value: float,
    start: int = 0,
    layer: int = -1,
) -> tuple[Trace, Tensor]:
    """The trace of a model on ids (T,) in which one gate or state of a unit has a value from step
    `start` on, and the log-probabilities of each next token (T,V).

    `of`: a gate as `Trace` names it (LSTM i f g o, GRU r z n, RNN a), the state h, or the LSTM's
    c. A state has the value after each of these steps. `start`: from 0 to T, where nothing is held.
    `layer`: from 0, or from -1 for the last. The layers below compute what they always do, those
    above read the changed h; there is no dropout. Raises ValueError for ids outside the vocabulary,
    for a unit, gate, layer or start that is not there, and for a value that is not a finite number;
    a gate may be held outside of the range that it computes.
    """
    return hold_all(model, ids, unit, {of: value}, start, layer)


def hold_all(
    model: RNNModel,
    ids: Tensor | Sequence[int],
    unit: int,
    held: Mapping[str, float],
    start: int = 0,
    layer: int = -1,
) -> tuple[Trace, Tensor]:
    """As `hold`, of several gates and states of the unit at once, or of none: name -> value."""
    seen = trace_model(model, ids)
    rnn: nn.RNNBase = eval_copy(model.rnn)
    steps, _, units = seen.layers[0].h_out.shape
    n = _among("layer", layer, -rnn.num_layers, rnn.num_layers - 1) % rnn.num_layers
    unit = _among("unit", unit, 0, units - 1)
    start = _among("start", start, 0, steps)
    values = _checked(held, model)
    start = start if values else steps
    with torch.no_grad(), full_float32(), torch.autocast(model.device.type, enabled=False):
        changed = _held_layer(rnn.all_weights[n], seen.layers[n], unit, values, start)
        layers, residual = (*seen.layers[:n], changed), seen.residual
        if n + 1 < rnn.num_layers:
            above = trace(_layers_above(rnn, n), changed.h_out)
            layers, residual = layers + above.layers, max(residual, above.residual)
        log_probs = model.projection(layers[-1].h_out[:, 0]).log_softmax(-1)  # (T,V)
    return Trace(layers, residual, note=_note(values, unit, n, start)), log_probs


def _held_layer(
    weights: Sequence[Tensor], seen: LayerTrace, unit: int, held: Mapping[str, float], start: int
) -> LayerTrace:
    """A layer whose unit is held, given its weights and what it does without, step by step."""

    def put(name: str, value: Tensor) -> Tensor:
        """Of a gate or state (B,H): the unit's held value in the place of its own."""
        if name in held:
            value[:, unit] = held[name]
        return value

    w_ih, w_hh, b_ih, b_hh = weights
    kind, h, c = seen.kind, seen.h[start], None if seen.c is None else seen.c[start]  # (B,H)
    hs, cs = [*seen.h[: start + 1]], [] if seen.c is None else [*seen.c[: start + 1]]
    gates_of = {name: [*gate[:start]] for name, gate in seen.gates.items()}
    for from_x in cells.product(seen.x[start:], w_ih, b_ih):  # (B,G*H)
        gates = cells.gates(kind, from_x, cells.product(h, w_hh, b_hh), put)
        if c is not None:
            one_step = {name: gates[name][None] for name in CELL_TYPES[kind].feeds_c}  # (1,B,H)
            c = put("c", cells.cell_states(one_step, c)[1])
            cs.append(c)
        h = put("h", cells.output(kind, gates, h, c))
        hs.append(h)
        for name, gate in gates.items():
            gates_of[name].append(gate)
    stacked = {name: torch.stack(gate) for name, gate in gates_of.items()}
    return LayerTrace(kind, seen.x, torch.stack(hs), torch.stack(cs) if cs else None, stacked)


def _layers_above(rnn: nn.RNNBase, n: int) -> nn.RNNBase:
    """The layers above the n-th as a module of their own, which shares their weights."""
    count = rnn.num_layers - n - 1
    with torch.device("meta"):  # neither memory nor random numbers
        above = make_rnn(cells.kind_of(rnn), rnn.hidden_size, rnn.hidden_size, count)
    names = above.state_dict().keys()
    upper = [weight for weights in rnn.all_weights[n + 1 :] for weight in weights]
    above.load_state_dict(dict(zip(names, upper, strict=True)), assign=True)
    above.batch_first = False
    return above.eval()


def _among(what: str, given: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises ValueError for anything else."""
    try:
        number = operator.index(given)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise ValueError(f"{what} must be a whole number from {low} to {high}, not {given!r}")
    return number


def _checked(held: Mapping[str, float], model: RNNModel) -> dict[str, float]:
    """The values as floats. Raises ValueError."""
    cell, dtype = CELL_TYPES[model.rnn_type], model.projection.weight.dtype
    names = (*cell.gates, "h", "c") if cell.has_cell_state else (*cell.gates, "h")
    most = torch.finfo(dtype).max
    values = {}
    for name, given in held.items():
        if name not in names:
            there = ", ".join(names)
            raise ValueError(f"a unit of {model.rnn_type} can be held by {there}, not by {name!r}")
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not abs(value) <= most:
            raise ValueError(f"the value of {name} must be a finite number, not {given!r}")
        values[name] = value
    return values


def _note(held: Mapping[str, float], unit: int, n: int, start: int) -> str:
    told = ", ".join(f"{name} held at {value:g}" for name, value in held.items())
    return f"unit {unit} of layer {n}: {told} from step {start} on"
