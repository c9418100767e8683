"""The arguments of RNNModel as they stand in run.json, and the bounds of its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from rnnviz.nn.cell_types import CELL_TYPES

MAX_SIZE, MAX_LAYERS = 65_536, 64
LARGEST = 3.4e38  # float32 holds no number that is much larger
MAX_VOCABULARY = 1_000_000  # tokens; run.json, which lists them, is bounded too
MOST = {"vocab_size": MAX_VOCABULARY, "num_hidden_layers": MAX_LAYERS}
SIZES = ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers")


class ModelShape(TypedDict):
    """A model whose vocabulary is not known yet."""

    rnn_type: str
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    dropout: float
    tie_weights: bool
    forget_bias: float | None


class ModelConfig(ModelShape):
    """All arguments of RNNModel."""

    vocab_size: int


def shape_of(model: ModelConfig) -> ModelShape:
    """The arguments without the vocabulary's size."""
    return ModelShape(
        rnn_type=model["rnn_type"],
        embedding_size=model["embedding_size"],
        hidden_size=model["hidden_size"],
        num_hidden_layers=model["num_hidden_layers"],
        dropout=model["dropout"],
        tie_weights=model["tie_weights"],
        forget_bias=model["forget_bias"],
    )


def with_vocabulary(shape: ModelShape, vocab_size: int) -> ModelConfig:
    """All arguments, once the vocabulary is known."""
    return ModelConfig(**shape, vocab_size=vocab_size)


def usable_forget_bias(rnn_type: str, forget_bias: float | None) -> float | None:
    """The forget bias for models of a cell type: None for one that has no gate which keeps."""
    return forget_bias if CELL_TYPES[rnn_type].keep_gate else None


def check_sizes(model: Mapping[str, Any]) -> None:
    """Raises ValueError for a size, among arguments of RNNModel, that no run may have."""
    for key in reversed(SIZES):  # a usual embedding size follows from the hidden size: that first
        most = MOST.get(key, MAX_SIZE)
        if key in model and not (type(model[key]) is int and 0 < model[key] <= most):
            raise ValueError(
                f"{key} must be a whole number from 1 to {most:,}, not {model[key]!r:.40}"
            )
