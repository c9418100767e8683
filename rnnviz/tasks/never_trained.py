"""Which things a task never trains."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def parted(things: Sequence[T], never: int, seed: int = 0) -> tuple[list[T], list[T]]:
    """The things that are trained, and as many that never are: drawn by a seed, the same ones in
    every version of Python. Both keep their order."""
    rng = random.Random(seed)
    numbers = sorted(range(len(things)), key=lambda _: rng.random())
    held_out = set(numbers[:never])
    trained = [thing for number, thing in enumerate(things) if number not in held_out]
    return trained, [things[number] for number in sorted(held_out)]
