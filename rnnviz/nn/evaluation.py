"""How well a model predicts a text: nats a token, and how often its likeliest token is right."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnviz.nn.cells import product
from rnnviz.nn.loss import nats_
from rnnviz.nn.model import LanguageModel

LOGITS, LOGITS_ON_GPU = 2_000_000, 100_000_000  # held at once
ROWS, STREAM = 32, 2_000  # most streams read side by side, fewest tokens of each
Windows: TypeAlias = Iterator[tuple[Tensor, Tensor, Tensor]]


def score(model: LanguageModel, ids: Tensor, cue: int | None = None) -> tuple[float, float]:
    """Mean nats and accuracy of every next token of ids (N,).

    A long text is read as up to ROWS streams side by side, each of STREAM tokens or more and from
    a state of zeros. With `cue` only the token after each cue counts, and the text is read as
    one stream, since a cut would remove what that token depends on. A token is right when no
    other is likelier. Raises ValueError when no token counts.
    """
    read = _read(model, ids, 1 if cue is not None else ROWS)
    if cue is not None:
        read = ((input, target.where(input == cue, -1), output) for input, target, output in read)
    return _scored(model, read, len(ids))


def score_rows(model: LanguageModel, inputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """As `score`, of rows that are each read from a state of zeros: ids and next ids, (N,T) each;
    next ids below 0 do not count."""

    widest = max(model.projection.out_features, model.projection.in_features)
    rows = max(1, LOGITS // (inputs.shape[1] * widest))  # B

    def read() -> Windows:
        for input, target in zip(inputs.split(rows), targets.split(rows), strict=True):
            input = input.to(model.device)  # (B,T)
            output, _ = model.states(input, model.init_hidden(len(input)))  # (B,T,H)
            yield input, target.to(model.device), output

    return _scored(model, read(), inputs.numel())


@contextmanager
def evaluating(model: LanguageModel) -> Generator[None]:
    """Without dropout and gradients inside; afterwards in the mode that it was in."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def _scored(model: LanguageModel, read: Windows, tokens: int) -> tuple[float, float]:
    """Mean nats and accuracy of windows of so many tokens: ids (B,T), next ids, which count from 0
    on, and top states (B,T,H)."""
    projection = model.projection.weight, model.projection.bias
    nats, right, count = 0.0, 0, 0
    with evaluating(model):
        for _, target, output in read:
            counted = target >= 0  # (B,T)
            output, target = output[counted], target[counted]  # (n,H), (n,)
            losses, below = nats_(product(output, *projection), target)  # (n,) each
            nats += losses.double().sum().item()
            right += int((below == 0).sum())
            count += len(target)
    if not count:
        raise ValueError(f"there is nothing to predict; tokens: {tokens}")
    return nats / count, right / count


def evaluate(model: LanguageModel, ids: Tensor, cue: int | None = None) -> float:
    """Mean nats a token (see `score`); exp of it is the perplexity."""
    return score(model, ids, cue)[0]


def _read(model: LanguageModel, ids: Tensor, most_rows: int) -> Windows:
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
