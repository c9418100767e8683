"""A film of a moving dot: which way did it move last?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnviz.tasks.task import MANY_TO_MANY, NEW, NOT_COUNTED, TRAIN, Examples, Recipe, Task

SIDE = 8  # the picture has SIDE x SIDE cells
CELLS = SIDE * SIDE  # cell (x, y) is number y * SIDE + x; y goes down
MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
NAMES = tuple(MOVES)
MOST_FRAMES = 60
FRAMES = {TRAIN: (2, 30), NEW: (2, 30), "moves": (2, 30), "length": (31, MOST_FRAMES)}
UP, COLUMN = NAMES.index("up"), SIDE - 1  # no trained film moves up in the last column
STRAIGHT = 0.7  # chance that the dot has to go on as before, if it can; else it may, too
ONE_IN = 5  # films are new: not trained on


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By cell and direction (64,4): the next cell, whether it is in the picture, and whether
    films that are trained on go there."""
    y, x = np.divmod(np.arange(CELLS)[:, None], SIDE)  # (64,1)
    by_x, by_y = np.array(list(MOVES.values())).T  # (4,)
    next_x, next_y = x + by_x, y + by_y  # (64,4)
    inside = (next_x >= 0) & (next_x < SIDE) & (next_y >= 0) & (next_y < SIDE)
    held_out = (x == COLUMN) & (np.arange(len(MOVES)) == UP)
    return next_y * SIDE + next_x, inside, inside & ~held_out


NEXT, INSIDE, TRAINED = _tables()
_MARKS = np.random.default_rng(0).integers(1, 2**31, (MOST_FRAMES, CELLS))


def frames(path: Sequence[tuple[int, int]]) -> np.ndarray:
    """The frames (T,64) float32 of a dot at the cells (x, y), each from 0 to 7. Raises ValueError
    for no cell, for more than 60 and for one that is not in the picture."""
    if not 1 <= len(path) <= MOST_FRAMES:
        raise ValueError(f"a film has 1 to {MOST_FRAMES} frames, not {len(path)}")
    for x, y in path:
        if not (x in range(SIDE) and y in range(SIDE)):
            raise ValueError(
                f"the dot cannot be at ({x}, {y}): x and y are whole numbers from 0 to {SIDE - 1}"
            )
    return _pictures(np.array([int(y) * SIDE + int(x) for x, y in path]))


def directions(path: Sequence[tuple[int, int]]) -> np.ndarray:
    """The truth of a path (T,): the direction of the move to each frame, NOT_COUNTED at the first
    and where the dot did not move to a neighbour. Raises ValueError as `frames`."""
    cells = frames(path).argmax(-1)  # (T,)
    fits = (NEXT[cells[:-1]] == cells[1:, None]) & INSIDE[cells[:-1]]  # (T-1,4)
    moves = np.where(fits.any(1), fits.argmax(1), NOT_COUNTED)
    return np.concatenate([[NOT_COUNTED], moves])  # (T,)


def _pictures(cells: np.ndarray) -> np.ndarray:
    """Cells (...) -> one of 64 values is 1 (...,64)."""
    return np.eye(CELLS, dtype=np.float32)[cells]


def _walks(
    rng: np.random.Generator, starts: np.ndarray, first: np.ndarray, steps: int, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Walks along allowed moves from cells (N,), going on in the directions `first` (N,): the cells
    (N,T), and the direction of the move to each (N,T)."""
    cells, taken = np.empty((2, steps, len(starts)), int)
    cells[0], taken[0] = starts, first
    wishes = rng.random((steps, len(starts), len(MOVES)))
    straight, rows = rng.random((steps, len(starts))) < STRAIGHT, np.arange(len(starts))
    for t in range(1, steps):
        wishes[t, rows, taken[t - 1]] += straight[t]
        taken[t] = np.where(allowed[cells[t - 1]], wishes[t], -1).argmax(1)
        cells[t] = NEXT[cells[t - 1], taken[t]]
    return cells.T, taken.T


def _films(rng: np.random.Generator, n: int, part: str) -> tuple[np.ndarray, ...]:
    """Some films of a part: cells (N,T), directions (N,T) and lengths (N,)."""
    least, most = FRAMES[part]
    lengths = rng.integers(least, most + 1, n)
    starts, first = rng.integers(CELLS, size=n), rng.integers(len(MOVES), size=n)
    if part == "moves":  # most begin with what was never trained
        starts = starts // SIDE * SIDE + COLUMN
        first[:] = UP
    cells, taken = _walks(rng, starts, first, most, INSIDE if part == "moves" else TRAINED)
    inside = np.arange(most) < lengths[:, None]  # (N,T)
    marks = (_MARKS[np.arange(most), cells] * inside).sum(1)  # (N,): the same for the same film
    untrained = (~TRAINED[cells[:, :-1], taken[:, 1:]] & inside[:, 1:]).any(1)  # (N,)
    of_part = {TRAIN: marks % ONE_IN > 0, NEW: marks % ONE_IN == 0, "moves": untrained}
    kept = of_part.get(part, slice(None))
    return cells[kept], taken[kept], lengths[kept]


def _make(rng: np.random.Generator, n: int, part: str) -> Examples:
    drawn = 2 * ONE_IN * n if part == NEW else 2 * n
    films = _films(rng, drawn, part)
    while len(films[0]) < n:
        films = tuple(map(np.concatenate, zip(films, _films(rng, drawn, part), strict=True)))
    cells, taken, lengths = (values[:n] for values in films)
    cells, taken = (values[:, : lengths.max()] for values in (cells, taken))  # (N,T)
    inside = np.arange(cells.shape[1]) < lengths[:, None]  # (N,T)
    counted = inside & (np.arange(cells.shape[1]) > 0)
    if part == "moves":
        counted[:, 1:] &= ~TRAINED[cells[:, :-1], taken[:, 1:]]
    pictures = _pictures(cells) * inside[..., None]  # (N,T,64)
    return Examples(pictures, lengths, np.where(counted, taken, NOT_COUNTED))


FILM = Task(
    name="film",
    shape=MANY_TO_MANY,
    title="A film → directions",
    outputs=NAMES,
    make=_make,
    held_out={
        "length": f"films of {FRAMES['length'][0]} to {MOST_FRAMES} frames",
        "moves": "moves up in the last column",
    },
    rnn_type="RNN_TANH",
    recipe=Recipe(32, 16, 1000),
    bound=0.97,
    features=CELLS,
)
