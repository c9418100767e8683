"""What the model says next: temperature, top-k, top-p, generation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnnviz.model import RNNModel


def check_sampling(temperature: float, top_k: int | None = None, top_p: float | None = None):
    """Raises ValueError for a temperature below 0 or nan, top_k < 1, top_p outside (0, 1]."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be a number from 0 up, not {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")


def scores(
    logits: Tensor, temperature: float, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """log p of the distribution sampled from, (..., V): divide by T, then top-k, then top-p.

    T=0 is argmax: 0 for the likeliest token and -inf elsewhere.
    """
    logits = logits.double()
    if temperature == 0:
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, best, 0.0)
    best = logits.amax(-1, keepdim=True)  # taken off first, that a tiny T does not overflow
    log_p = ((logits - best) / temperature).log_softmax(-1)  # (..., V)
    if top_k is None and top_p is None:
        return log_p
    ordered, order = log_p.sort(dim=-1, descending=True, stable=True)
    keep = torch.ones_like(ordered, dtype=torch.bool)
    if top_k is not None:
        keep[..., top_k:] = False
    if top_p is not None and top_p < 1:
        p = ordered.masked_fill(~keep, -math.inf).softmax(-1)
        keep &= p.cumsum(-1) - p < top_p  # the fewest tokens that reach top_p
    keep = torch.zeros_like(keep).scatter(-1, order, keep)
    return log_p.masked_fill(~keep, -math.inf).log_softmax(-1)


def generate(
    model: RNNModel,
    ids: Tensor,
    n_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> Tensor:
    """`n_tokens` ids (N,) that follow a prompt (T,); an empty one begins at a random token.

    The choice is argmax of log p + Gumbel noise, which samples from p exactly
    (Gumbel 1954; Maddison et al. 2014). Raises ValueError, see `check_sampling`.
    """
    check_sampling(temperature, top_k, top_p)
    rng = torch.Generator()
    rng.seed() if seed is None else rng.manual_seed(seed)
    vocab_size = model.projection.out_features
    if not len(ids):
        ids = torch.randint(vocab_size, (1,), generator=rng)
    was_training = model.training
    model.eval()
    chosen: list[Tensor] = []
    with torch.no_grad():
        window, hidden = torch.as_tensor(ids).to(model.device)[None], model.init_hidden(1)  # (1,T)
        for _ in range(n_tokens):
            output, hidden = model.states(window, hidden)
            logits = model.projection(output[0, -1]).cpu()  # (V,)
            noise = -torch.empty(vocab_size).exponential_(generator=rng).log()  # Gumbel
            token = (scores(logits, temperature, top_k, top_p) + noise).argmax()
            chosen.append(token)
            window = token.view(1, 1).to(model.device)
    model.train(was_training)
    return torch.stack(chosen) if chosen else torch.empty(0, dtype=torch.int64)
