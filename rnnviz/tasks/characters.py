"""The characters that tasks of text read, as ids."""

from __future__ import annotations

import numpy as np

OTHER = "\ufffd"  # stands for every character that is not in the alphabet
SYMBOLS = (OTHER, "\n", *map(chr, range(ord(" "), 127)))  # printable ASCII
_IDS = np.zeros(128, np.uint8)  # by code point; the last is for all above
_IDS[[ord(character) for character in SYMBOLS[1:]]] = range(1, len(SYMBOLS))


def encode(text: str) -> np.ndarray:
    """Ids (T,) of a text's characters, in a byte each."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return _IDS[np.minimum(points, len(_IDS) - 1)]


def ids(text: str) -> np.ndarray:
    """Ids (T,) int64 of a text's characters. Raises ValueError for an empty text."""
    if not text:
        raise ValueError("there is no text to read: give at least one character")
    return encode(text).astype(np.int64)
