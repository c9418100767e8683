"""Made pictures: one shape in one colour at one of nine places; and the task to name the shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnviz.tasks.never_trained import parted
from rnnviz.tasks.task import NEW, ONE_TO_ONE, TRAIN, Examples, Recipe, Task
from rnnviz.tasks.written import numbers

SIDE = 12  # pixels
SHAPES = {  # row by row
    "square": "##### ##### ##### ##### #####",
    "ring": ".###. #...# #...# #...# .###.",
    "cross": "..#.. ..#.. ##### ..#.. ..#..",
    "triangle": "..#.. ..#.. .###. .###. #####",
}
COLORS = {  # red, green, blue
    "red": (0.95, 0.2, 0.15),
    "green": (0.2, 0.8, 0.3),
    "blue": (0.25, 0.4, 1.0),
    "yellow": (0.95, 0.85, 0.15),
    "white": (0.95, 0.95, 0.95),
}
PLACES = (
    *("in the upper left", "at the top", "in the upper right"),
    *("on the left", "in the middle", "on the right"),
    *("in the lower left", "at the bottom", "in the lower right"),
)
STARTS, JITTER = (0, 3, 6), 1  # the first row or column of a shape, and how far it may move on
BACKGROUND, DIMMEST, NOISE = 0.08, 0.6, 0.05


class Combination(NamedTuple):
    """What a picture shows."""

    shape: str
    color: str
    place: str


_SIZES = len(SHAPES), len(COLORS), len(PLACES)
ALL = [Combination(*of) for of in itertools.product(SHAPES, COLORS, PLACES)]
TRAINED, NEVER_TRAINED = parted(ALL, never=30, seed=3)
COMBINATIONS = "combinations"  # the part of those that are never trained
HELD_OUT = {
    COMBINATIONS: f"{len(NEVER_TRAINED)} of {len(ALL)} combinations of shape, colour and place"
}
_OF_PART = {TRAIN: TRAINED, NEW: TRAINED, COMBINATIONS: NEVER_TRAINED}


def combinations(rng: np.random.Generator, n: int, part: str) -> list[Combination]:
    """What n pictures of a part show. Those of NEW are of trained combinations."""
    among = _OF_PART[part]
    return [among[k] for k in rng.integers(len(among), size=n)]


def _where_shapes_lie() -> np.ndarray:
    """Whether a shape is on a pixel, by the shape and its first row and column."""
    small = np.array([[[p == "#" for p in row] for row in of.split()] for of in SHAPES.values()])
    size = small.shape[-1]
    starts = range(STARTS[-1] + JITTER + 1)
    lies = np.zeros((len(small), len(starts), len(starts), SIDE, SIDE), bool)
    for top, left in itertools.product(starts, repeat=2):
        lies[:, top, left, top : top + size, left : left + size] = small
    return lies


_LIES = _where_shapes_lie()  # (4,8,8,SIDE,SIDE)
_RGB = np.array(list(COLORS.values()))  # (5,3)
_NUMBERS = numbers(ALL)


def draw(shown: Sequence[Combination], rng: np.random.Generator) -> np.ndarray:
    """One picture of each combination, (N,432) float32 from 0 to 1: rows of pixels of red, green
    and blue. Random are the exact place, the brightness and the noise."""
    n = len(shown)
    shape, color, place = np.unravel_index([_NUMBERS[of] for of in shown], _SIZES)  # (N,) each
    start = np.array(STARTS)[np.stack(divmod(place, 3))]  # (2,N)
    top, left = start + rng.integers(JITTER + 1, size=(2, n))
    lies = _LIES[shape, top, left][..., None]  # (N,SIDE,SIDE,1)
    pictures = np.where(lies, _RGB[color][:, None, None], BACKGROUND)  # (N,SIDE,SIDE,3)
    pictures *= rng.uniform(DIMMEST, 1, size=(n, 1, 1, 1))
    pictures += rng.normal(0, NOISE, size=pictures.shape)
    return pictures.clip(0, 1).reshape(n, -1).astype(np.float32)  # (N,432)


def _examples(rng: np.random.Generator, n: int, part: str) -> Examples:
    shown = combinations(rng, n, part)
    targets = np.array([[list(SHAPES).index(of.shape)] for of in shown])  # (N,1)
    return Examples(draw(shown, rng), np.ones(n, np.int64), targets)


PICTURE_CLASS = Task(
    name="picture",
    shape=ONE_TO_ONE,
    title="A picture → the shape on it",
    outputs=tuple(SHAPES),
    make=_examples,
    held_out=HELD_OUT,
    rnn_type=None,
    recipe=Recipe(width=64, embedding=0, steps=1000),
    bound=0.99,
    features=SIDE * SIDE * 3,
)
