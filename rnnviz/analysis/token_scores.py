"""How probable each token of a text was to a run, and to several runs with one vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import View

if TYPE_CHECKING:
    from rnnviz.runs.run import Run


@dataclass(frozen=True, eq=False)
class SameText:
    """M models with one vocabulary and one cue on one text: `log_p` (M,T), nan at the first token.

    Only the tokens in `counts` (T,) are judged: of a task with a cue, those after it.
    """

    views: Sequence[View]
    log_p: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        return self.views[0].counts

    @property
    def judged(self) -> np.ndarray:
        """`log_p` (M,T), nan where a token does not count."""
        return np.where(self.counts, self.log_p, np.nan)


def log_probs(run: Run, text: str) -> np.ndarray:
    """log p of each token of a text (T,) given those before it, nan for the first one."""
    import torch

    ids = run.ids(text)
    values = np.full(len(ids), np.nan, np.float32)
    if len(ids) > 1:
        with torch.no_grad():
            log_p, _ = run.model(ids[None, :-1].to(run.model.device), run.model.init_hidden(1))
        values[1:] = log_p[0].cpu().gather(-1, ids[1:, None])[:, 0].numpy()  # (T-1,V) -> (T-1,)
    return values


def margins(log_p: np.ndarray) -> np.ndarray:
    """The margin (M,T) of each of M >= 2 models over the best of the others, from log p (M,T)."""
    ordered = np.sort(log_p, axis=0)  # (M,T)
    best, second = ordered[-1], ordered[-2]
    return log_p - np.where(log_p == best, second, best)
