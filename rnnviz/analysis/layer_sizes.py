"""How many weights a recurrent layer has, by formula and as PyTorch's own module counts them."""

from __future__ import annotations

from dataclasses import dataclass

from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model_config import ModelConfig
from rnnviz.nn.parameter_count import parameters


@dataclass(frozen=True)
class LayerSize:
    """One layer of `h` units that reads `h` inputs; `weights` and `bias` (one of PyTorch's two) by
    formula, `pytorch`: all parameters of the module, counted."""

    rnn_type: str
    h: int
    weights: int
    bias: int
    pytorch: int

    @property
    def total(self) -> int:
        """With both biases."""
        return self.weights + 2 * self.bias


def layer_size(rnn_type: str, h: int) -> LayerSize:
    """The parameters of a layer with as many inputs as units."""
    bias = CELL_TYPES[rnn_type].blocks * h
    recurrent = parameters(_one_layer(rnn_type, h)).recurrent
    return LayerSize(rnn_type, h, recurrent - 2 * bias, bias, counted(rnn_type, h))


def counted(rnn_type: str, h: int) -> int:
    """The parameters of PyTorch's own module, built without memory for them."""
    import torch

    from rnnviz.nn.model import make_rnn

    with torch.device("meta"):
        return sum(p.numel() for p in make_rnn(rnn_type, h, h, 1).parameters())


def _one_layer(rnn_type: str, h: int) -> ModelConfig:
    return ModelConfig(
        rnn_type=rnn_type,
        vocab_size=1,
        embedding_size=h,
        hidden_size=h,
        num_hidden_layers=1,
        dropout=0.0,
        tie_weights=False,
        forget_bias=None,
    )
