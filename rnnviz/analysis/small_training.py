"""A small model in the middle of its training on a short text, as the lecture trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnviz.analysis.one_step import CLIP, Windows, clip_and_update, nats

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import RNNModel

TEXT = "the more you read, the more you see. the more you see, the more you ask. "
VOCABULARY = tuple(sorted(set(TEXT)))
LENGTH, EMBEDDING, HIDDEN = 12, 8, 16
EPOCHS, LR = 25, 1.0  # of the training before the step


def windows() -> Windows:
    """The first two windows of TEXT, one row each."""
    inputs, targets = _all_windows()
    return Windows(inputs[0], inputs[1], targets[1])


def _all_windows() -> tuple[Tensor, Tensor]:
    """Inputs and targets of TEXT, (S,1,T) each."""
    from rnnviz.data.corpus import bptt_batchify

    ids = [VOCABULARY.index(token) for token in TEXT]
    return bptt_batchify(ids[:-1], 1, LENGTH), bptt_batchify(ids[1:], 1, LENGTH)


def begun(rnn_type: str) -> RNNModel:
    """A small model of TEXT after EPOCHS of the lecture's recipe and one more window, whose
    gradients it still has. Raises ValueError for an unknown cell type."""
    import torch

    from rnnviz.nn.model import RNNModel

    model = RNNModel(rnn_type, len(VOCABULARY), EMBEDDING, HIDDEN, 1, dropout=0.0)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-(HIDDEN**-0.5), HIDDEN**-0.5, generator=rng)
    inputs, targets = _all_windows()
    for _ in range(EPOCHS):
        _train(model, inputs, targets)
    _train(model, inputs[:1], targets[:1])
    return model


def _train(model: RNNModel, inputs: Tensor, targets: Tensor) -> None:
    """One pass over windows (S,B,T), with the state carried on from zeros."""
    from rnnviz.nn.model import as_hidden, hidden_tensors

    hidden = model.init_hidden(inputs.shape[1])
    for input, target in zip(inputs, targets, strict=True):
        found, hidden = model(input, hidden)  # (B,T,V)
        hidden = as_hidden([h.detach() for h in hidden_tensors(hidden)])
        model.zero_grad()
        nats(found, target).mean().backward()
        clip_and_update(model, CLIP, LR)
