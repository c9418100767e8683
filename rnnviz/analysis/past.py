"""What a run says next by how much of a text it has read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import visible

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import RNNModel
    from rnnviz.runs.info import RunInfo
    from rnnviz.runs.run import Run

LONGEST = 200  # tokens of the past that are tried
LIKELIEST = 5  # next tokens that are kept of each


@dataclass(frozen=True, eq=False)
class Past:
    """What comes after the last tokens of a text alone, each time from a state of zeros.

    `tokens` (N,): the last of the text, at most LONGEST; `starts` (N,): their places in it. Row d-1
    is what is said after the last d of them: the `likeliest` next tokens (N,K) and their
    probabilities `p` (N,K), and `moved` (N,), the share of all probability that lies on other
    tokens than after all N (total variation distance, 0 to 1).
    """

    info: RunInfo
    tokens: tuple[str, ...]
    starts: np.ndarray
    likeliest: list[list[str]]
    p: np.ndarray
    moved: np.ndarray


def past(run: Run, text: str) -> Past:
    """Raises ValueError for a text without a token."""
    spans = run.vocab.spans(text)
    if not spans:
        raise ValueError("the text has no token")
    ids = run.ids(text)[-LONGEST:]
    p = after_the_last(run.model, ids).exp()  # (N,V)
    moved = (p - p[-1]).abs().sum(-1) / 2
    top = p.topk(min(LIKELIEST, p.shape[1]))
    names = run.vocab.id2token
    return Past(
        run.info,
        tuple(visible(names[n]) for n in ids.tolist()),
        np.array(spans[-len(ids) :])[:, 0],
        [[visible(names[n]) for n in row] for row in top.indices.tolist()],
        top.values.numpy(),
        moved.numpy(),
    )


def after_the_last(model: RNNModel, ids: Tensor) -> Tensor:
    """Ids (N,) -> log-probabilities (N,V), float64, of the token after them: row d-1 is said by the
    model that read the last d alone, from a state of zeros."""
    import torch

    from rnnviz.nn.evaluation import evaluating
    from rnnviz.nn.model import as_hidden, hidden_tensors

    with evaluating(model):
        hidden = model.init_hidden(0)
        for now in ids.to(model.device):
            begun = hidden_tensors(model.init_hidden(1))  # one row more begins at each token
            kept = zip(begun, hidden_tensors(hidden), strict=True)
            hidden = as_hidden([torch.cat(states, 1) for states in kept])  # (L,rows,H)
            rows = hidden_tensors(hidden)[0].shape[1]
            output, hidden = model.states(now.expand(rows, 1), hidden)  # (rows,1,H)
        return model.projection(output[:, -1]).double().log_softmax(-1).cpu()
