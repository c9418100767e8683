"""All cell types on one text under equal conditions: their sizes, and the plans to train them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

from rnnviz.data.source import Source
from rnnviz.jobs.plan import Plan
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.model_config import MAX_SIZE, ModelConfig, shape_of, usable_forget_bias
from rnnviz.nn.parameter_count import parameters
from rnnviz.runs.names import run_name

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig


def equal_width(rnn_type: str, target: int, model: ModelConfig) -> int:
    """The hidden size at which a cell type comes nearest to `target` parameters in all. The other
    sizes are those of `model`."""

    def total(hidden_size: int) -> int:
        sized: ModelConfig = {**model, "rnn_type": rnn_type, "hidden_size": hidden_size}
        return parameters(sized).total

    above = bisect_left(range(1, MAX_SIZE), target, key=total) + 1
    return min((max(1, above - 1), above), key=lambda h: abs(total(h) - target))


def models(lstm: ModelConfig, equal: str) -> dict[str, ModelConfig]:
    """The sizes of each cell type, as in RunInfo.model, matched to those of an LSTM.

    `equal`: "width" for the same hidden size, "parameters" for about as many parameters.
    """
    bias = lstm["forget_bias"]
    sizes: dict[str, ModelConfig] = {
        kind: {**lstm, "rnn_type": kind, "forget_bias": usable_forget_bias(kind, bias)}
        for kind in RNN_TYPES
    }
    if equal == "parameters":
        target = parameters(sizes["LSTM"]).total
        for rnn_type, of in sizes.items():
            of["hidden_size"] = equal_width(rnn_type, target, lstm)
    return sizes


def plans(
    source: Source,
    spec: str,
    level: str,
    min_count: int,
    models: dict[str, ModelConfig],
    seeds: int,
    config: TrainConfig,
) -> list[Plan]:
    """Each of `models` (see the function `models`) with seeds 0, 1, ... on one corpus."""
    made = []
    for rnn_type, model in models.items():
        sizes = shape_of(model)
        for seed in range(seeds):
            name = f"{run_name(source.name, rnn_type)}-{model['hidden_size']}-seed{seed}"
            of_seed = replace(config, seed=seed)
            made.append(Plan(name, source, level, min_count, sizes, of_seed, spec))
    return made
