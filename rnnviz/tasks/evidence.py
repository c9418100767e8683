"""What each character of a text adds to the answer of a model that reads it to its end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnviz.nn.model import as_hidden, hidden_tensors
from rnnviz.tasks.models import EachStep


@torch.no_grad()
def log_odds(model: EachStep, ids: np.ndarray, output: int) -> np.ndarray:
    """Log odds of an output after each character of ids (T,): nats, log p/(1-p), (T,)."""
    inputs = torch.from_numpy(ids)[None]  # (1,T)
    return _log_odds(model.eval().logits(inputs, inputs, inputs)[0], output).numpy()


def by_gradient(model: EachStep, ids: np.ndarray, output: int) -> np.ndarray:
    """Input times gradient (T,): the slope of the last log odds along each character's embedding,
    times the embedding. It is local: of a saturated answer it is small everywhere."""
    read = model.eval().read(torch.from_numpy(ids)[None]).detach().requires_grad_()  # (1,T,D)
    states, _ = model.rnn(read, model.begin(1))  # (1,T,H)
    (slope,) = torch.autograd.grad(_log_odds(model.head(states[0, -1]), output), read)
    return (slope * read).sum(-1)[0].detach().numpy()


@torch.inference_mode()
def by_cutting(model: EachStep, ids: np.ndarray, output: int) -> np.ndarray:
    """The last log odds minus those of the text without the one character, (T,)."""
    read = model.eval().read(torch.from_numpy(ids))  # (T,D)
    before = model.begin(1)  # row 0: the whole text so far; row i: the text without character i
    for one in read:
        rows = hidden_tensors(before)[0].shape[1]
        _, after = model.rnn(one.expand(rows, 1, -1), before)
        left_out = (h[:, :1] for h in hidden_tensors(before))
        states = zip(hidden_tensors(after), left_out, strict=True)
        before = as_hidden([torch.cat(pair, 1) for pair in states])  # (1,rows+1,H)
    last = _log_odds(model.head(hidden_tensors(before)[0][0]), output)  # (T+1,)
    return (last[0] - last[1:]).numpy()


def _log_odds(logits: Tensor, output: int) -> Tensor:
    """Logits (...,K) -> log odds of one of them (...)."""
    others = torch.cat([logits[..., :output], logits[..., output + 1 :]], -1)
    return logits[..., output] - others.logsumexp(-1)
