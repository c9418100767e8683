"""What a stop of the lesson is beside its text, and what it checks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnviz.app.address import Field


@dataclass(frozen=True)
class Goal:
    """Something to reach by moving the figure: a sentence with the numbers that were found, and
    whether it was reached."""

    sentence: str
    is_met: bool


Check = Callable[[Hashable], Sequence[Any]]


@dataclass(frozen=True)
class Stop:
    """One screen of the lesson.

    `draw(dark, check)` draws the figure and its controls; before that it gives to `check` what they
    show now, as a value that can be hashed: the numbers that are checked; it gets back all that was
    shown so far, the latest last. `goals(seen)`: given all that, what was to be reached.
    `fields`: the controls, which links restore. `leave()` puts into the session what the full page
    shows when the stop is left for it. `runs`: names of the shipped models that the figure needs.
    """

    draw: Callable[[bool, Check], None]
    goals: Callable[[Sequence[Any]], list[Goal]]
    fields: tuple[Field, ...]
    leave: Callable[[], None]
    runs: tuple[str, ...] = ()
