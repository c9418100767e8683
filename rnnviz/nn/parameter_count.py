"""How many parameters a model has, from its sizes alone, as the formulas say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BLOCKS = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


@dataclass(frozen=True)
class Parameters:
    """How many there are; `formulas`: a line a part, with the numbers put in."""

    embedding: int
    recurrent: int
    projection: int
    formulas: tuple[str, ...]

    @property
    def total(self) -> int:
        return self.embedding + self.recurrent + self.projection


def parameters(model: dict[str, Any]) -> Parameters:
    """Parameters of a model from its sizes (RunInfo.model), without building it.

    A layer has G blocks of weights (H,D) and (H,H) and two biases: G H (D + H) + 2 G H.
    """
    v, d, h = model["vocab_size"], model["embedding_size"], model["hidden_size"]
    g, tied = BLOCKS[model["rnn_type"]], model["tie_weights"]
    lines = [f"embedding V·D = {v:,}·{d} = {v * d:,}"]
    recurrent = 0
    for layer in range(model["num_hidden_layers"]):
        below = h if layer else d
        size = g * h * (below + h) + 2 * g * h
        recurrent += size
        general = f"{2 * g}h² + {2 * g}h = {2 * g}·{h}² + {2 * g}·{h}"
        if below != h:
            times = f"{g}·" if g > 1 else ""
            general = f"{times[:-1]}h(D + h) + {2 * g}h = {times}{h}·({below} + {h}) + {2 * g}·{h}"
        lines.append(f"layer {layer + 1} {general} = {size:,}")
    projection = v if tied else v * h + v
    shared = "V, its weights are the embedding's" if tied else f"V·h + V = {v:,}·{h} + {v:,}"
    lines.append(f"projection {shared} = {projection:,}")
    return Parameters(v * d, recurrent, projection, tuple(lines))
