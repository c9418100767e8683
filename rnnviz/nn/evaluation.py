"""How well a model predicts a text: nats a token, and how often its likeliest token is right."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnviz.nn.cells import product
from rnnviz.nn.loss import nats_
from rnnviz.nn.model import RNNModel

LOGITS, LOGITS_ON_GPU = 2_000_000, 100_000_000  # held at once
ROWS, STREAM = 32, 2_000  # most streams read side by side, fewest tokens of each


def score(model: RNNModel, ids: Tensor, cue: int | None = None) -> tuple[float, float]:
    """Mean nats and accuracy of every next token of ids (N,).

    A long text is read as up to ROWS streams side by side, each of STREAM tokens or more and from
    a state of zeros. With `cue` only the token after each cue counts, and the text is read as
    one stream, since a cut would remove what that token depends on. A token is right when no
    other is likelier. Raises ValueError when no token counts.
    """
    was_training = model.training
    model.eval()
    projection = model.projection.weight, model.projection.bias
    nats, right, count = 0.0, 0, 0
    with torch.no_grad():
        for input, target, output in _read(model, ids, 1 if cue is not None else ROWS):
            counted = target >= 0 if cue is None else (target >= 0) & (input == cue)  # (B,T)
            output, target = output[counted], target[counted]  # (n,H), (n,)
            losses, below = nats_(product(output, *projection), target)  # (n,) each
            nats += losses.double().sum().item()
            right += int((below == 0).sum())
            count += len(target)
    model.train(was_training)
    if not count:
        raise ValueError(f"there is nothing to predict; tokens: {len(ids)}")
    return nats / count, right / count


def evaluate(model: RNNModel, ids: Tensor, cue: int | None = None) -> float:
    """Mean nats a token (see `score`); exp of it is the perplexity."""
    return score(model, ids, cue)[0]


def _read(model: RNNModel, ids: Tensor, most_rows: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Inputs (B,T), targets (B,T) and top states (B,T,H) of one window after the other.

    Targets are -1 where the last stream has no token left.
    """
    rows = min(most_rows, max(1, (len(ids) - 1) // STREAM))  # B
    blank = -(len(ids) - 1) % rows
    inputs = F.pad(ids[:-1], (0, blank)).view(rows, -1).to(model.device)  # (B,N/B)
    targets = F.pad(ids[1:], (0, blank), value=-1).view(rows, -1).to(model.device)
    logits = LOGITS_ON_GPU if model.device.type == "cuda" else LOGITS
    length = max(1, logits // model.projection.out_features // rows)
    hidden = model.init_hidden(rows)
    for start in range(0, inputs.shape[1], length):
        input, target = (x[:, start : start + length] for x in (inputs, targets))  # (B,T)
        output, hidden = model.states(input, hidden)  # (B,T,H)
        yield input, target, output
