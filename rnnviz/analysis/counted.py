"""Which tokens a run is judged by: all, or those after the cue of a made task.

In the recall task every filler is random: what a model gives it says nothing about its memory.
"""

from __future__ import annotations

import numpy as np


def counts_after(cue: int | None, before: np.ndarray) -> np.ndarray:
    """Whether a token counts, given the ids of those before it; the same shape."""
    return np.ones(before.shape, bool) if cue is None else before == cue


def counted(cue: int | None, ids: np.ndarray) -> np.ndarray:
    """Whether each token of a text counts (T,). The first does not: nothing predicts it."""
    return np.append(np.zeros(len(ids[:1]), bool), counts_after(cue, ids[:-1]))


def last_target(counts: np.ndarray) -> int | None:
    """The last step (from 0) whose prediction counts, given `counted` (T,); None without one."""
    found = np.flatnonzero(counts)
    return int(found[-1]) - 1 if len(found) else None
