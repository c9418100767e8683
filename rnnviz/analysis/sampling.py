"""Sampling from a model: temperature, top-k, top-p, generation, sweeps over temperatures."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnviz.nn.model import RNNModel, checked_ids
from rnnviz.nn.seed import checked_seed, later_seed

TOP = 10  # likeliest tokens that a sweep keeps for each step
BLOCK = 4_000_000  # logits that a sweep has in memory at once


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """One text of N tokens for each of K temperatures, all sampled with the same noise.

    `tokens` (K,N). `log_prob` (K,N): of the chosen token under the model's own softmax (T=1, no
    cuts); its negation is the surprise. `entropy` (K,N): of the distribution sampled from, nats.
    `rank` (K,N): of the chosen token, from 1. `top_tokens`, `top_probs` (K,N,10): the likeliest
    tokens of the distribution sampled from, fewer where the vocabulary is smaller.
    """

    tokens: Tensor
    log_prob: Tensor
    entropy: Tensor
    rank: Tensor
    top_tokens: Tensor
    top_probs: Tensor

    def __repr__(self) -> str:
        temperatures, tokens = self.tokens.shape
        return f"Sweep(temperatures={temperatures}, tokens={tokens})"


def check_sampling(temperature: float, top_k: int | None = None, top_p: float | None = None):
    """Raises ValueError unless 0 <= temperature < inf, top_k >= 1 and 0 < top_p <= 1."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be a number from 0 up, not {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")


def scores(
    logits: Tensor,
    temperature: float | Tensor,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """log p (..., V), float64, of the distribution sampled from: logits / T, top-k, then top-p.

    T=0 is argmax: 0 for the likeliest token and -inf elsewhere. `temperature`: a number, or one
    for each row (..., 1).
    """
    return _cut(_tempered(logits.double(), temperature), top_k, top_p).log_softmax(-1)


def _tempered(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """(logits - max) / T (..., V): log p up to a constant, on which the choice does not depend.

    The maximum is subtracted first so that a tiny T does not overflow.
    """
    return _divided(logits, *_divisor(temperature, logits))


def _divisor(temperature: float | Tensor, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """What `_divided` divides by: T, but 1 for 0; and where T is 0, or None for nowhere."""
    temperature = torch.as_tensor(temperature, dtype=like.dtype, device=like.device)
    greedy = temperature == 0
    if not greedy.any():
        return temperature, None
    return torch.where(greedy, 1.0, temperature), greedy


def _divided(logits: Tensor, divisor: Tensor, greedy: Tensor | None) -> Tensor:
    """See `_tempered`; `_divisor` is computed once for all steps of a walk."""
    best, at = logits.max(-1, keepdim=True)  # (..., 1)
    weights = (logits - best) / divisor
    if greedy is None:
        return weights
    return weights.masked_fill_(greedy, -math.inf).scatter_(-1, at, 0.0)


def _cut(weights: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Weights with -inf for all but the top k, and of these all but the fewest that reach top p."""
    if top_k is None and (top_p is None or top_p == 1):
        return weights
    ordered, order = weights.sort(dim=-1, descending=True, stable=True)
    keep = torch.ones_like(ordered, dtype=torch.bool)
    if top_k is not None:
        keep[..., top_k:] = False
    if top_p is not None and top_p < 1:
        p = ordered.masked_fill(~keep, -math.inf).softmax(-1)
        keep &= p.cumsum(-1) - p < top_p
    return weights.masked_fill(~torch.zeros_like(keep).scatter(-1, order, keep), -math.inf)


def next_token(
    model: RNNModel,
    ids: Tensor | Sequence[int],
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Probabilities (V,), float64, of the token after ids (T,), over the full vocabulary.

    Empty `ids` begin at a random token, always the same one. Raises ValueError, see
    `check_sampling`.
    """
    check_sampling(temperature, top_k, top_p)
    return scores(next_logits(model, ids), temperature, top_k, top_p).exp()


def next_logits(model: RNNModel, ids: Tensor | Sequence[int]) -> Tensor:
    """Logits (V,) of the token after ids (T,), see `next_token`."""
    logits, _ = next(_walk(model, ids, [1.0], 1, seed=0))
    return logits[0]


def generate(
    model: RNNModel,
    ids: Tensor | Sequence[int],
    n_tokens: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> Tensor:
    """`n_tokens` ids (N,) sampled after a prompt (T,); an empty prompt begins at a random token.

    Each choice is the argmax of log p + Gumbel noise, which samples from p exactly (Gumbel 1954;
    Maddison et al. 2014). Raises ValueError, see `check_sampling`.
    """
    check_sampling(temperature, top_k, top_p)
    seed = torch.Generator().seed() if seed is None else seed
    steps = _walk(model, ids, [temperature], n_tokens, seed, top_k, top_p)
    chosen = [token for _, token in steps]
    return torch.cat(chosen) if chosen else torch.empty(0, dtype=torch.int64)


def first_token(vocab_size: int, seed: int) -> int:
    """The random first token of an empty prompt, drawn independently of the noise."""
    rng = torch.Generator().manual_seed(later_seed(seed, 2**32))
    return int(torch.randint(vocab_size, (1,), generator=rng))


def temperature_sweep(
    model: RNNModel,
    ids: Tensor | Sequence[int],
    temperatures: Sequence[float],
    n_tokens: int,
    seed: int = 0,
    top_k: int | None = None,
    top_p: float | None = None,
    top: int = TOP,
    skip: int = 0,
    on_progress: Callable[[float], object] = lambda share: None,
) -> Sweep:
    """What `generate` samples after a prompt (T,) at each of K temperatures, in one batch.

    One Gumbel noise per position is shared by all rows, so neighbouring temperatures differ only
    where the choice differs. A row agrees with `generate` up to the first step at which two
    tokens are so close that the rounding of another batch size decides. `skip`: the number of
    positions whose noise is passed over, for a prompt that ends with as many generated tokens.
    `on_progress` is called with the share that is done. Raises ValueError, see `check_sampling`.
    """
    for temperature in temperatures:
        check_sampling(temperature, top_k, top_p)
    if not len(temperatures):
        raise ValueError("a sweep needs at least one temperature")
    steps = _walk(model, ids, temperatures, n_tokens, seed, top_k, top_p, skip)
    vocab_size, column = model.projection.out_features, _column(temperatures)
    most = max(1, BLOCK // (len(temperatures) * vocab_size))
    parts: list[Sweep] = []
    logits: list[Tensor] = []
    tokens: list[Tensor] = []
    for n, (logit, token) in enumerate(steps, start=1):
        logits.append(logit)
        tokens.append(token)
        if len(logits) == most or n == n_tokens:
            block = torch.stack(logits, 1), torch.stack(tokens, 1)  # (K,n,V), (K,n)
            parts.append(_details(*block, column[:, None], top_k, top_p, top))
            logits, tokens = [], []
            on_progress(n / n_tokens)
    if not parts:
        empty = torch.empty(len(temperatures), 0, vocab_size)
        return _details(empty, empty[..., 0].long(), column[:, None], top_k, top_p, top)
    return Sweep(*(torch.cat([getattr(p, name) for p in parts], 1) for name in vars(parts[0])))


def _details(
    logits: Tensor,
    tokens: Tensor,
    temperature: Tensor,
    top_k: int | None,
    top_p: float | None,
    top: int,
) -> Sweep:
    """The Sweep of n steps, given logits (K,n,V), tokens (K,n) and temperature (K,1,1)."""
    log_p = _cut(_tempered(logits, temperature), top_k, top_p).log_softmax(-1)  # (K,n,V)
    p = log_p.exp()
    chosen = tokens[..., None]  # (K,n,1)
    # Ordered by logits, because the p of unlikely tokens may all round to zero
    top_tokens = logits.topk(min(top, logits.shape[-1])).indices  # (K,n,top)
    return Sweep(
        tokens=tokens,
        log_prob=logits.gather(-1, chosen)[..., 0] - logits.logsumexp(-1),
        entropy=-(p * log_p.clamp_(min=-1e30)).sum(-1),  # 0 * ln 0 is 0
        rank=(logits > logits.gather(-1, chosen)).sum(-1) + 1,
        top_tokens=top_tokens,
        top_probs=p.gather(-1, top_tokens),
    )


@torch.no_grad()
def _walk(
    model: RNNModel,
    ids: Tensor | Sequence[int],
    temperatures: Sequence[float],
    n_tokens: int,
    seed: int,
    top_k: int | None = None,
    top_p: float | None = None,
    skip: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields the logits (K,V), in float32 at least, and the chosen tokens (K,) of each step, on the
    CPU."""
    seed, skip = checked_seed(seed), operator.index(skip)
    dtype = torch.promote_types(model.projection.weight.dtype, torch.float32)
    vocab_size, rows = model.projection.out_features, len(temperatures)
    ids = checked_ids(ids, vocab_size)
    if n_tokens < 0:
        raise ValueError(f"n_tokens must be at least 0, not {n_tokens}")
    if not len(ids):
        ids = torch.tensor([first_token(vocab_size, seed)])
    rng = torch.Generator().manual_seed(seed)
    for _ in range(skip):
        _gumbel(vocab_size, rng)
    divisor = _divisor(_column(temperatures), torch.empty(0, dtype=dtype))
    was_training = model.training
    model.eval()
    try:
        window, hidden = ids.to(model.device)[None], model.init_hidden(1)  # (1,T)
        for n in range(n_tokens):
            output, hidden = model.states(window, hidden)
            logits = model.projection(output[:, -1]).cpu().to(dtype).expand(rows, -1)  # (K,V)
            noise = _gumbel(vocab_size, rng)  # (V,), shared by all rows
            weights = _cut(_divided(logits, *divisor), top_k, top_p)  # (K,V)
            tokens = (weights + noise).argmax(-1)  # (K,)
            yield logits, tokens
            if n == 0:  # the rows shared the prompt and differ from here on
                hidden = _repeated(hidden, rows)
            window = tokens[:, None].to(model.device)  # (K,1)
    finally:
        model.train(was_training)


def _gumbel(size: int, rng: torch.Generator) -> Tensor:
    return -torch.empty(size).exponential_(generator=rng).log()


def _repeated(hidden, rows: int):
    """The hidden state of one row, repeated for several rows."""
    if isinstance(hidden, tuple):
        return tuple(_repeated(h, rows) for h in hidden)
    return hidden.repeat(1, rows, 1)  # (L,K,H)


def _column(temperatures: Sequence[float]) -> Tensor:
    return torch.tensor(list(temperatures), dtype=torch.float64)[:, None]  # (K,1)
