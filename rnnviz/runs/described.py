"""What kind of model the tensors of a file are: cell type and sizes, read off their shapes."""

from __future__ import annotations

from typing import Any

from rnnviz.nn.cell_types import CELL_TYPES, RNN_TYPES
from rnnviz.nn.model_config import MAX_LAYERS, MAX_SIZE, MAX_VOCABULARY, ModelConfig
from rnnviz.runs.advice import GATES, instead
from rnnviz.runs.checkpoint import groups
from rnnviz.runs.info import RunError
from rnnviz.runs.parts import Found


def describe(found: Found, file: str, told: set[str], wanted: str | None = None) -> ModelConfig:
    """The arguments of RNNModel, read off the tensors' shapes. Raises RunError.

    `told`: the cell types that the file names, `wanted`: the one that a person says it is. An RNN
    needs one of them: no tensor shows whether it has tanh or relu.
    """
    import torch

    tensors = found.tensors
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    table, recurrent = shapes["embedding.weight"], shapes["rnn.weight_hh_l0"]
    hidden, (vocab, embedding) = recurrent[1], table
    layers = sum(name.startswith("rnn.weight_hh_l") for name in shapes)
    name = _cell_type(found.theirs("rnn.weight_hh_l0"), file, recurrent, told, wanted)
    too_wide = vocab >= MAX_VOCABULARY or max(embedding, hidden) > MAX_SIZE
    if too_wide or layers > MAX_LAYERS:
        raise RunError(
            f"{file} is too large: a vocabulary of {vocab:,}, {embedding:,} inputs, {hidden:,} "
            f"units and {layers} layers, where {MAX_VOCABULARY - 1:,}, {MAX_SIZE:,}, {MAX_SIZE:,} "
            f"and {MAX_LAYERS} are the most: {GATES}"
        )
    config = ModelConfig(
        rnn_type=name,
        vocab_size=vocab,
        embedding_size=embedding,
        hidden_size=hidden,
        num_hidden_layers=layers,
        dropout=0.0,
        forget_bias=None,
        tie_weights=(vocab, hidden) == table == shapes.get("projection.weight")
        and torch.equal(tensors["embedding.weight"], tensors["projection.weight"]),
    )
    _check_shapes(found, file, config)
    return config


def told_types(held: Any) -> set[str]:
    """The cell types that a file names: a module its own, a checkpoint one among its settings."""
    told = set()
    for group in groups(held):
        for name, value in group.entries.items():
            if isinstance(value, str) and name.endswith("nonlinearity"):
                value = f"RNN_{value.upper()}"
            told.add(value if isinstance(value, str) else "")
    return told & set(RNN_TYPES)


def _cell_type(
    weight: str, file: str, shape: tuple[int, ...], told: set[str], wanted: str | None
) -> str:
    """The cell type whose weight_hh has this shape; of several the one that is `wanted` or the only
    one that the file names. Raises RunError."""
    rows, hidden = shape
    fitting = [name for name, cell in CELL_TYPES.items() if cell.blocks * hidden == rows]
    if not fitting:
        raise RunError(
            f"{file} is no LSTM, GRU or RNN: its {weight} is {rows:,} by {hidden:,}, where an LSTM "
            "has 4, a GRU 3 and an RNN one times as many rows as columns; a cell of another kind "
            f"is not read: {instead(file)}"
        )
    named = [name for name in fitting if name in told]
    own = named[0] if len(named) == 1 else None
    kind = wanted or own or (fitting[0] if len(fitting) == 1 else None)
    if kind is None:
        raise RunError(
            f"{file} is an RNN, and its tensors do not show whether its nonlinearity is tanh or "
            "relu: say RNN_TANH or RNN_RELU (--rnn-type)"
        )
    if kind not in fitting or own not in (None, kind):
        able = [own] if own else fitting
        leave = "leave the cell type out, or " if len(able) == 1 else ""
        what = " or ".join(able)
        raise RunError(f"{file} is no {kind} but {what}: {leave}say {what} (--rnn-type)")
    return kind


def _check_shapes(found: Found, file: str, config: ModelConfig) -> None:
    """Raises RunError unless the tensors are those of RNNModel by name and shape."""
    import torch

    from rnnviz.nn.model import RNNModel

    with torch.device("meta"):
        wanted = {n: tuple(t.shape) for n, t in RNNModel(**config).state_dict().items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.tensors.items()}
    if shapes != wanted:
        odd = sorted(set(wanted.items()) ^ set(shapes.items()))[0][0]
        raise RunError(
            f"{file}: {found.theirs(odd)} is {shapes.get(odd, 'not there')}, "
            f"{wanted.get(odd, 'nothing')} was expected of a language model; {GATES}"
        )
