"""How long units really hold what they hold: the stretches of a text between resets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnviz.analysis.text_view import View, most_switching_unit
from rnnviz.nn.cell_types import CELL_TYPES


@dataclass(frozen=True, eq=False)
class Held:
    """The median and the longest stretch of each unit (H,), in tokens."""

    median: np.ndarray
    longest: np.ndarray


def stretch_lengths(keep: np.ndarray) -> list[np.ndarray]:
    """The lengths of each unit's stretches in tokens, in the order of the text.

    `keep` (T,H), values in 0..1: the gate that keeps, f of an LSTM, z of a GRU. A stretch begins at
    the first token. It goes on while more than half of what was held after its first token is
    still there: while the product of the gate over the tokens after the first stays above one
    half. The token at which it falls to one half or below begins the next stretch. The last one
    ends with the text. So each unit's lengths add up to T, and a stretch of 1 is gone at the next
    token.
    """
    keep = np.asarray(keep, np.float64)
    kept = np.zeros(keep.shape[1])  # no stretch yet: the first token begins one
    begins = np.zeros(keep.shape, bool)  # (T,H)
    for t, gate in enumerate(keep):
        kept = kept * gate
        begins[t] = kept <= 0.5
        kept[begins[t]] = 1.0
    return [np.diff(np.flatnonzero(begun), append=len(keep)) for begun in begins.T]


def held(view: View) -> Held | None:
    """How long the units of a view hold, None for a cell type without a gate that keeps."""
    gate = CELL_TYPES[view.info.rnn_type].keep_gate
    if gate is None:
        return None
    lengths = stretch_lengths(view.gates[gate])
    return Held(np.array([np.median(n) for n in lengths]), np.array([n.max() for n in lengths]))


def in_words(view: View, found: Held) -> str:
    """What is to be seen, by the example of the view's most telling unit."""
    assert view.half_life is not None
    unit = most_switching_unit(view)
    longest, median = int(found.longest[unit]), found.median[unit]
    return (
        f"Unit {unit} of {view.info.name} holds for up to {longest} token{'s' * (longest != 1)}, "
        f"in the median for {median:.3g}; the half-life of its average decay is "
        f"{view.half_life[unit]:.3g}."
    )
