"""Texts that a model reads or writes token by token, as ids."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from rnnviz.tasks.task import END, NOT_COUNTED, Examples

T = TypeVar("T", bound=Hashable)
END_SIGN = "<end>"  # how the token END is shown, where it is no character of a text


def numbers(things: Iterable[T]) -> dict[T, int]:
    """The number of each thing in its list."""
    return {thing: number for number, thing in enumerate(things)}


def read(text: str, known: Mapping[str, int], longest: int, what: str) -> np.ndarray:
    """The ids of a text that a person typed, (T,) int64. `what`: what it should be, for the
    message. Raises ValueError for no text, one longer than `longest`, and an unknown character."""
    if not text:
        raise ValueError(f"Type {what}")
    if len(text) > longest:
        raise ValueError(f"{len(text)} characters are more than {longest}: type {what}")
    for character in text:
        if character not in known:
            raise ValueError(f"The model does not know the character {character!r}: type {what}")
    return np.array([known[character] for character in text], np.int64)


def written(outputs: Sequence[Sequence[int]]) -> np.ndarray:
    """What is written, each with its END, as targets (N,S)."""
    return filled([[*ids, END] for ids in outputs], NOT_COUNTED)[0]


def filled(rows: Sequence[Sequence[int]], filling: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ids, filled up at their ends to (N,T), and their lengths (N,)."""
    lengths = np.array([len(row) for row in rows])
    ids = np.full((len(rows), lengths.max()), filling, np.int64)  # (N,T)
    ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.concatenate(rows)
    return ids, lengths


def translated(inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> Examples:
    """Examples of ids that are read and ids that are written, without their END."""
    return Examples(*filled(inputs, 0), written(outputs))
