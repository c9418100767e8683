"""The task to say what a made picture shows, word by word."""

from __future__ import annotations

import numpy as np

from rnnviz.tasks.pictures import (
    ALL,
    COLORS,
    HELD_OUT,
    PLACES,
    SHAPES,
    SIDE,
    Combination,
    combinations,
    draw,
)
from rnnviz.tasks.task import ONE_TO_MANY, Examples, Recipe, Task
from rnnviz.tasks.written import numbers, written


def caption(shown: Combination) -> str:
    """What is said of a picture: a red ring in the upper left ."""
    return f"a {shown.color} {shown.shape} {shown.place} ."


_PLACE_WORDS = " ".join(PLACES).split()
WORDS = tuple(dict.fromkeys([".", "a", *COLORS, *SHAPES, *_PLACE_WORDS]))  # each once
_NUMBERS = numbers(WORDS)
_SAID = {of: [_NUMBERS[word] for word in caption(of).split()[:-1]] for of in ALL}  # to the end


def _examples(rng: np.random.Generator, n: int, part: str) -> Examples:
    shown = combinations(rng, n, part)
    targets = written([_SAID[of] for of in shown])  # (N,S)
    return Examples(draw(shown, rng), np.ones(n, np.int64), targets)


CAPTION = Task(
    name="caption",
    shape=ONE_TO_MANY,
    title="A picture → a sentence about it",
    outputs=WORDS,
    make=_examples,
    held_out=HELD_OUT,
    rnn_type="LSTM",
    recipe=Recipe(width=96, embedding=24, steps=2000),
    bound=0.97,
    features=SIDE * SIDE * 3,
    longest=max(map(len, _SAID.values())) + 1,
)
