"""How much of the past a model uses: its loss when only the last tokens are as they were."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rnnviz.analysis.context_curve import BEYOND, ContextLoss
from rnnviz.nn.evaluation import evaluating
from rnnviz.nn.model import LanguageModel, checked_ids
from rnnviz.nn.seed import checked_seed

STATES = 4_000_000  # numbers of top states that are held at once


def context_loss(
    model: LanguageModel,
    ids: Tensor | Sequence[int],
    distances: Sequence[int],
    beyond: str = "cut",
    context: int = 512,
    positions: int = 500,
    seed: int = 0,
    cue: int | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> ContextLoss:
    """The loss of a token of ids (N,) when only the last d tokens before it are as they were, for
    each d of `distances`, from 1 to `context` (Khandelwal et al. 2018).

    `beyond` says what the tokens before those are, back to `context`: "cut": none, the state is
    zeros there; "shuffled": the same in random order; "replaced": a stretch from elsewhere in the
    text. Shuffled text is unlike any that the model was trained on: replaced is the control. The
    `positions` are drawn once, without repetition, and shared by all distances; the same seed draws
    the same ones for every model and mode; a short text has fewer. With `cue` only tokens after
    a cue are drawn, as in tasks where no other counts. `on_progress` is given the share that
    is done. Raises ValueError for another mode, for distances outside 1 to `context`, for fewer
    than 2 positions, for another seed than a whole number of 64 bits, for ids outside the
    vocabulary and for a text that is too short: it needs `context` + 2 tokens, and twice as many
    where stretches are taken from elsewhere.
    """
    distances = tuple(map(operator.index, distances))
    ids = checked_ids(ids, model.embedding.num_embeddings).cpu()
    _check(len(ids), distances, beyond, context, positions)
    draw = torch.Generator().manual_seed(checked_seed(seed))
    places = context + torch.arange(len(ids) - context)
    places = places if cue is None else places[ids[places - 1] == cue]
    places = places[torch.randperm(len(places), generator=draw)[:positions]]  # (P,)
    if len(places) < 2:
        raise ValueError("the text has fewer than 2 cues after the context")
    past = places[:, None] - torch.arange(context, 0, -1)  # (P,context), of the text
    elsewhere = (past + _offsets(past, len(ids), draw)) % len(ids)
    order = torch.rand(past.shape, generator=draw)
    steps = [d if beyond == "cut" else context for d in distances]
    found, done = [], 0
    for d, length in zip(distances, steps, strict=True):
        if beyond == "shuffled":
            before = past.gather(1, order[:, : context - d].argsort(1))
        else:
            before = (past if beyond == "cut" else elsewhere)[:, : context - d]
        read = torch.cat((before, past[:, context - d :]), 1)[:, -length:]  # (P,T)
        found.append(_nats(model, ids[read], ids[places]))
        done += length
        on_progress(done / sum(steps))
    return ContextLoss(distances, torch.stack(found).numpy())


def _offsets(past: Tensor, tokens: int, draw: torch.Generator) -> Tensor:
    """How far from its own past a stretch of each position lies, (P,1): far enough, around the end
    of the text, that they have no token in common."""
    positions, context = past.shape
    room = max(1, tokens - 2 * context)
    return context + torch.randint(room, (positions, 1), generator=draw)


def _nats(model: LanguageModel, read: Tensor, next_ids: Tensor) -> Tensor:
    """The loss (P,) in nats of next ids (P,) after ids (P,T), each row from a state of zeros."""
    rows = max(1, STATES // (read.shape[1] * model.projection.in_features))
    found = []
    with evaluating(model):
        for input, target in zip(read.split(rows), next_ids.split(rows), strict=True):
            input, target = input.to(model.device), target.to(model.device)
            output, _ = model.states(input, model.init_hidden(len(input)))  # (B,T,H)
            log_probs = model.projection(output[:, -1]).double().log_softmax(-1)  # (B,V)
            found.append(-log_probs.gather(1, target[:, None])[:, 0].cpu())
    return torch.cat(found)


def _check(
    tokens: int, distances: Sequence[int], beyond: str, context: int, positions: int
) -> None:
    if beyond not in BEYOND:
        raise ValueError(f"beyond must be one of {', '.join(BEYOND)}, not {beyond!r}")
    if not distances or not all(1 <= d <= context for d in distances):
        raise ValueError(f"distances must be from 1 to the context of {context} tokens")
    if positions < 2:
        raise ValueError(f"positions must be at least 2, not {positions}: the error needs more")
    least = (2 * context if beyond == "replaced" else context) + 2
    if tokens < least:
        raise ValueError(
            f"a context of {context} tokens, {beyond}, needs a text of at least {least}, "
            f"not {tokens}"
        )
