"""What a made task is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Task:
    """How the items of a task are made, and what lists say of it (see `builtin.BuiltIn`).

    `longest`: characters of the longest item. `cue`: the character before the answer, which alone
    counts in a loss and ends the item; without one every token counts, and an item is a line.
    """

    name: str
    spec: str
    label: str
    item: Callable[[random.Random], str] = field(repr=False, compare=False)
    alphabet: str
    longest: int
    example: tuple[str, str]
    prompt: str
    cue: str | None = None
