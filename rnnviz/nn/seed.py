"""Seeds of random numbers: the whole numbers that torch takes, those of 64 bits."""

from __future__ import annotations

import operator

LOWEST, HIGHEST = -(2**63), 2**64 - 1  # torch reads a negative seed as the one 2**64 above it


def checked_seed(seed: int) -> int:
    """The seed as Python's own int, numpy's whole numbers taken too. Raises ValueError."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise ValueError(f"a seed is a whole number, not {seed!r}") from None
    if not LOWEST <= number <= HIGHEST:
        raise ValueError(f"a seed is a whole number of at most 64 bits, from {LOWEST} to {HIGHEST}")
    return number


def later_seed(seed: int, more: int) -> int:
    """`seed` + `more`, which begins again from 0 after the highest seed."""
    number = checked_seed(seed) + more
    return number if number <= HIGHEST else number - HIGHEST - 1
