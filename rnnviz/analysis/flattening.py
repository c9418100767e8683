"""How a model's next token is distributed at each temperature, up to infinity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import visible

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

LIKELIEST = 10
PLACES = np.linspace(0.02, 1.0, 99)  # of an axis that ends at infinity, see `place_of`


@dataclass(frozen=True, eq=False)
class NextToken:
    """The next token after a prompt. `logits` (V,); `tokens`: the likeliest ones, then the least
    likely one, as text; `order`: their ids."""

    logits: np.ndarray
    tokens: tuple[str, ...]
    order: np.ndarray

    def probabilities(self, temperatures: Sequence[float]) -> np.ndarray:
        """softmax(logits / T), exact, (K,V); at an infinite T the logits are all 0."""
        scaled = (self.logits - self.logits.max()) / np.array(temperatures)[:, None]  # (K,V)
        weights = np.exp(scaled)
        return weights / weights.sum(-1, keepdims=True)


def next_token(run: Run, prompt: str) -> NextToken:
    """What a run expects after a prompt."""
    from rnnviz.analysis.sampling import next_logits

    logits = next_logits(run.model, run.ids(prompt)).double().numpy()  # (V,)
    ranked = np.argsort(-logits, kind="stable")
    order = np.append(ranked[:LIKELIEST], ranked[-1])
    return NextToken(logits, tuple(visible(run.vocab.id2token[i]) for i in order), order)


def entropy(p: np.ndarray) -> float:
    """The expected surprise of a distribution (V,), in nats."""
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def place_of(temperature: float) -> float:
    """Where a temperature is on an axis from 0 (T = 0) to 1 (T infinite); 1 is in its middle."""
    return 1.0 if math.isinf(temperature) else temperature / (1 + temperature)


def temperature_at(place: float) -> float:
    """The temperature at a place of that axis."""
    return math.inf if place >= 1 else place / (1 - place)


def written(run: Run, prompt: str, temperature: float, n_tokens: int, seed: int) -> str:
    """What a run writes after a prompt; at an infinite temperature all tokens are equally likely,
    whatever the model."""
    import torch

    from rnnviz.analysis.sampling import generate

    if math.isinf(temperature):
        rng = torch.Generator().manual_seed(seed)
        ids = torch.randint(len(run.vocab), (n_tokens,), generator=rng)
    else:
        ids = generate(run.model, run.ids(prompt), n_tokens, temperature, seed=seed)
    return run.vocab.decode(ids.tolist())
