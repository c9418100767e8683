"""A text with its words in another order, and what each of them costs a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.text_view import visible
from rnnviz.analysis.token_scores import log_probs

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

FEWEST, MOST = 3, 40  # pieces: a text of fewer words is cut into characters, of more it is ended


@dataclass(frozen=True)
class Pieces:
    """A text as pieces that can change places, its words or else its characters, and what stands
    between them, which stays: `between[k]` before piece k."""

    pieces: tuple[str, ...]
    between: tuple[str, ...]

    def text(self, order: Sequence[int]) -> str:
        """The text with these pieces in this order; those left out are gone."""
        return "".join(self.between[at] + self.pieces[n] for at, n in enumerate(order))

    def ends(self, order: Sequence[int]) -> list[int]:
        """Where each piece of that text ends."""
        sizes = [len(self.between[at]) + len(self.pieces[n]) for at, n in enumerate(order)]
        return np.cumsum(sizes).tolist()


def pieces(text: str) -> Pieces:
    """The first MOST words of a text, or of one with fewer than FEWEST words its characters."""
    found = [each.groups() for each in islice(re.finditer(r"(\s*)(\S+)", text), MOST)]
    if len(found) < FEWEST:
        return Pieces(tuple(text[:MOST]), ("",) * min(len(text), MOST))
    return Pieces(tuple(word for _, word in found), tuple(space for space, _ in found))


def checked_order(order: Sequence[int], count: int) -> list[int]:
    """An order of some of `count` pieces. Raises ValueError for any other."""
    order = [int(n) for n in order]
    if not order or len(set(order)) != len(order) or not all(0 <= n < count for n in order):
        raise ValueError("an order names some of the pieces, each once")
    return order


def piece_nats(run: Run, text: str, ends: Sequence[int]) -> list[list[tuple[str, float]]]:
    """The tokens that each piece of a text holds, with what stands before it, and their nats. A
    text's first token is not predicted and counts 0."""
    spans = np.array(run.vocab.spans(text)).reshape(-1, 2)  # (T,2)
    nats = -np.nan_to_num(log_probs(run, text).astype(np.float64))  # (T,)
    of = np.searchsorted(ends, spans[:, 0], "right")  # the piece of each token
    found: list[list[tuple[str, float]]] = [[] for _ in ends]
    for piece, (start, end), cost in zip(of, spans, nats, strict=True):
        if piece < len(ends):
            found[piece].append((visible(text[start:end]), float(cost)))
    return found
