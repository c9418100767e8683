"""What truncated BPTT loses: the gradient from tokens before its window."""

from __future__ import annotations

import numpy as np


def lost_shares(log10_norms: np.ndarray) -> np.ndarray:
    """The share of a loss's gradient that windows of 0..T tokens leave out, (T+1,).

    `log10_norms` (T,): log10 ||dL/dx_s|| of the tokens up to the loss, the latest last. A window of
    w keeps the latest w of them; the share is of the sum of all norms.
    """
    norms = 10.0 ** (log10_norms - log10_norms.max())  # (T,)
    older = np.concatenate([[0.0], norms.cumsum()])  # (T+1,): the sum of the first s norms
    return older[::-1] / older[-1]


def shares(log10_norms: np.ndarray) -> np.ndarray:
    """Each token's part of the sum of norms (T,)."""
    norms = 10.0 ** (log10_norms - log10_norms.max())
    return norms / norms.sum()
