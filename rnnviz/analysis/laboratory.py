"""How the gradient decays in untrained cells whose weights are chosen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.gradient_decay import from_one
from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    import torch

    from rnnviz.nn.model import RNNModel

VOCAB = 32
CLIP = 0.25  # the norm at which a gradient is clipped
PYTORCH_GAIN = 1 / math.sqrt(3)  # of weights that are uniform within 1 / sqrt(H)


def untrained_decay(
    rnn_type: str, gain: float, gate_bias: float, hidden_size: int, steps: int, clip: bool
) -> np.ndarray:
    """log10 of the share ||dL_T/dh_s|| / ||dL_T/dh_T|| (steps,) in an untrained cell; L_T is the
    loss of the last step.

    The weights are PyTorch's own, uniform within 1 / sqrt(H), but for two things. The recurrent
    block of each gate is scaled so that on average it multiplies the length of a vector by `gain`;
    PyTorch's own gain is PYTORCH_GAIN. `gate_bias` is added to the bias of the gate that keeps,
    where there is one. With `clip`, all norms are scaled as they would be if the norm of the
    recurrent weights' gradient were clipped to CLIP. Raises ValueError for states that overflow.
    """
    import torch

    from rnnviz.analysis.gradients import gradient_flow

    rng = torch.Generator().manual_seed(0)
    model = _untrained(rnn_type, gain, gate_bias, hidden_size, rng)
    ids = torch.randint(VOCAB, (steps + 1,), generator=rng)
    log_norms = from_one(gradient_flow(model, ids).h_log_norm[0].numpy())
    if clip:
        log_prob, _ = model(ids[None, :-1], model.init_hidden(1))
        weight = model.rnn.get_parameter("weight_hh_l0")
        (gradient,) = torch.autograd.grad(-log_prob[0, -1, ids[-1]], weight)
        log_norms = log_norms - max(0.0, gradient.norm().log().item() - math.log(CLIP))
    return log_norms / math.log(10)


def _untrained(
    rnn_type: str, gain: float, gate_bias: float, hidden_size: int, rng: torch.Generator
) -> RNNModel:
    """The model of the laboratory, in float64."""
    import torch

    from rnnviz.nn.cells import keep_block
    from rnnviz.nn.model import RNNModel

    model = RNNModel(rnn_type, VOCAB, hidden_size, hidden_size, 1, dropout=0.0).double().eval()
    most = 1 / math.sqrt(hidden_size)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            end = most * (gain / PYTORCH_GAIN if "weight_hh" in name else 1.0)
            parameter.uniform_(-end, end, generator=rng)
        model.embedding.weight.normal_(generator=rng)
        if CELL_TYPES[rnn_type].keep_gate is not None:
            keep_block(rnn_type, model.rnn.get_parameter("bias_ih_l0")).add_(gate_bias)
    return model
