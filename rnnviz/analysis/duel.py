"""The memory duel: what models that learned to recall answer, and how far their gradient reaches.

An item of recall is a letter, fillers and the cue; the answer is the letter again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.data.made import SYMBOLS, recall

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.runs.run import Run

GUESSING = 1 / len(SYMBOLS)
SURE = 0.9  # a probability from which on a model counts as right
ITEMS, FOLLOWED = 256, 5  # fresh items for a probability, and for a gradient
SEED = -1  # of items that no training draws


@dataclass(frozen=True)
class Duel:
    """One cell type: by distance, the mean probability of the right letter over fresh items, of the
    run that was trained at it."""

    rnn_type: str
    right: Mapping[int, float]

    @property
    def reaches(self) -> int | None:
        """The longest distance up to which every one has been learned; None for none."""
        found = None
        for distance in sorted(self.right):
            if self.right[distance] < SURE:
                break
            found = distance
        return found


def answer(run: Run, text: str) -> np.ndarray:
    """Probabilities (8,) of the letters A..H after a text."""
    letters = [run.vocab.token2id[letter] for letter in SYMBOLS]
    return _after(run, run.ids(text)[None])[0, letters]


def right(run: Run, distance: int) -> float:
    """The mean probability of the right letter over ITEMS fresh items with so many fillers."""
    inputs, targets = _items(run, distance, ITEMS)  # (B,T) each
    found = _after(run, inputs)  # (B,V)
    return float(found[np.arange(ITEMS), targets[:, -1].numpy()].mean())


def gradient_share(run: Run, distance: int) -> float:
    """log10 of ||dL/dh_0|| / ||dL/dh_T|| for the loss L of the answer, its median over FOLLOWED
    items: how much of the gradient at the cue, step T, is left at the letter, step 0; nan where
    none reaches even the cue."""
    from rnnviz.analysis.gradients import gradient_flow

    inputs, targets = _items(run, distance, FOLLOWED)
    shares = []
    for ids, last in zip(inputs, targets[:, -1:], strict=True):
        norms = gradient_flow(run.model, [*ids.tolist(), *last.tolist()]).h_log_norm[-1]  # (T,)
        shares.append(float(norms[0] - norms[-1]) / np.log(10))
    return float(np.median(shares))


def _items(run: Run, distance: int, rows: int) -> tuple[Tensor, Tensor]:
    """Ids and next ids, (B,T) each: every row ends with the cue and its answer."""
    from rnnviz.data.items import Items

    return Items(recall(distance, distance), run.vocab).batch(SEED, 0, rows)


def _after(run: Run, ids: Tensor) -> np.ndarray:
    """Probabilities (B,V) of what follows rows of ids (B,T), each read from a state of zeros."""
    import torch

    model = run.model
    with torch.no_grad():
        output, _ = model.states(ids.to(model.device), model.init_hidden(len(ids)))  # (B,T,H)
        return model.projection(output[:, -1]).double().softmax(-1).cpu().numpy()


def verdict(duels: list[Duel], names: Mapping[str, str]) -> str:
    """What the figure shows, in one sentence; `names` are those of the cell types."""
    reached: dict[int | None, list[str]] = {}
    for duel in duels:
        reached.setdefault(duel.reaches, []).append(f"the {names[duel.rnn_type]}")
    ordered = sorted(reached, key=lambda distance: -(distance or 0))
    parts = [f"{' and '.join(reached[far])} {_over(far, far == ordered[0])}" for far in ordered]
    return f"Within 3,000 steps, {', '.join(parts)}."


def _over(distance: int | None, is_first: bool) -> str:
    learned = "learned to recall " if is_first else ""
    return f"{learned}over {f'up to {distance} letters' if distance else 'none of these distances'}"
