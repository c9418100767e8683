"""The number of parameters of a model, computed from its sizes alone."""

from __future__ import annotations

from dataclasses import dataclass

from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model_config import ModelConfig


@dataclass(frozen=True)
class Parameters:
    """Numbers by part; `formulas`: one line a part, with the numbers put in. `biases`: a sentence
    on PyTorch's second bias, which the lecture's formula does not count."""

    embedding: int
    recurrent: int
    projection: int
    formulas: tuple[str, ...]
    biases: str

    @property
    def total(self) -> int:
        return self.embedding + self.recurrent + self.projection


def parameters(model: ModelConfig) -> Parameters:
    """Parameters of a model, computed from its arguments.

    A layer has G blocks of weights (H,D) and (H,H), and PyTorch keeps two biases:
    G H (D + H) + 2 G H.
    """
    v, d, h = model["vocab_size"], model["embedding_size"], model["hidden_size"]
    g, tied = CELL_TYPES[model["rnn_type"]].blocks, model["tie_weights"]
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
    return Parameters(v * d, recurrent, projection, tuple(lines), _biases(model))


def _biases(model: ModelConfig) -> str:
    g, h, layers = (
        CELL_TYPES[model["rnn_type"]].blocks,
        model["hidden_size"],
        model["num_hidden_layers"],
    )
    one = f"{g}h" if g > 1 else "h"
    return (
        f"The lecture counts one bias: {2 * g}h² + {one} a layer with D = h. PyTorch keeps two, "
        f"b_ih beside W x and b_hh beside U h: + {one} a layer, here {layers * g * h:,} in all."
    )
