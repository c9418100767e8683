"""How well a model predicts a text: nats a token, and how often its likeliest token is right."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnviz.nn.cells import product
from rnnviz.nn.loss import nats_
from rnnviz.nn.model import RNNModel

ELEMENTS, ON_GPU = 2_000_000, 50  # logits that are held at once, times as many on a GPU
ROWS, STREAM = 32, 2_000  # streams that are read side by side, and tokens of each at least


def score(model: RNNModel, ids: Tensor, cue: int | None = None) -> tuple[float, float]:
    """Mean nats and accuracy of every next token of ids (N,).

    A long text is read as up to ROWS streams side by side, of STREAM tokens or more,
    each from a state of zeros. With `cue` only the tokens after a cue count, and the text is one
    stream: a cut would take what they depend on. A token is right when none is likelier. Raises
    ValueError when none counts.
    """
    was_training = model.training
    model.eval()
    projection = model.projection.weight, model.projection.bias
    rows = 1 if cue is not None else min(ROWS, max(1, (len(ids) - 1) // STREAM))  # B
    blank = -(len(ids) - 1) % rows
    inputs = F.pad(ids[:-1], (0, blank)).view(rows, -1).to(model.device)  # (B,N/B)
    targets = F.pad(ids[1:], (0, blank), value=-1).view(rows, -1).to(model.device)
    elements = ELEMENTS * (ON_GPU if model.device.type == "cuda" else 1)
    length = max(1, elements // model.projection.out_features // rows)
    nats, right, count = 0.0, 0, 0
    with torch.no_grad():
        hidden = model.init_hidden(rows)
        for start in range(0, inputs.shape[1], length):
            input, target = (x[:, start : start + length] for x in (inputs, targets))  # (B,T)
            output, hidden = model.states(input, hidden)  # (B,T,H)
            counted = target >= 0 if cue is None else (target >= 0) & (input == cue)
            output, target = output[counted], target[counted]  # (n,H), (n,)
            losses, below = nats_(product(output, *projection), target)  # (n,) each
            nats += losses.double().sum().item()
            right += int((below == 0).sum())
            count += len(target)
    model.train(was_training)
    if not count:
        raise ValueError(f"{len(ids)} tokens hold nothing to predict")
    return nats / count, right / count


def evaluate(model: RNNModel, ids: Tensor, cue: int | None = None) -> float:
    """Mean nats a token (see `score`); exp of it is the perplexity."""
    return score(model, ids, cue)[0]
