"""How a text is cut into rows and windows to be learned from, by position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Cut:
    """Positions in the text, from 0, of the inputs of each window and of their targets, both
    (S,B,T): S windows, of B rows and T steps each. `left_over`: how many tokens are neither."""

    inputs: np.ndarray
    targets: np.ndarray
    left_over: int


def cut(tokens: int, rows: int, length: int) -> Cut:
    """The windows of a text of so many tokens, as a training reads them: each token that is read
    has the next one as its target, also across the border of a window. There is no window where
    `rows * length + 1` tokens are not there."""
    from rnnviz.data.corpus import bptt_batchify

    if tokens <= rows * length:
        none = np.zeros((0, rows, length), int)  # (S, B, T)
        return Cut(none, none, tokens)
    places = range(tokens)
    inputs, targets = (
        bptt_batchify(part, rows, length).numpy()  # (S, B, T)
        for part in (places[:-1], places[1:])
    )
    return Cut(inputs, targets, tokens - len(np.union1d(inputs, targets)))
