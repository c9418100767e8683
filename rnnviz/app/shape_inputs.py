"""What a person gives to a model of a task, as one text that a link can hold."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.analysis.text_view import visible
from rnnviz.figures.shape_columns import Given
from rnnviz.figures.shapes_message import Picture
from rnnviz.tasks import dates, film, hangul, pictures, prose
from rnnviz.tasks.characters import ids
from rnnviz.tasks.task import NOT_COUNTED, Examples, Task
from rnnviz.tasks.truth import TRUTH

MOST_STEPS, MOST_CHARACTERS = 400, 5_000  # of a text that are read, that are looked at
LEVELS = 15  # of brightness in a link, a hexadecimal digit each
PICTURE, FILM, TEXT = "picture", "film", "text"  # what is made: on a grid, by moving a dot, typed
LABELS = {"prose": "Some text", "source": "Some Python", "dates": "A date", "hangul": "Some Hangul"}


@dataclass(frozen=True, eq=False)
class Asked:
    """One input. `examples`: N=1, its targets NOT_COUNTED where the truth is not known. `given`:
    what each step reads."""

    examples: Examples
    given: tuple[Given, ...]


def kind(task: Task) -> str:
    """How an input of a task is made."""
    if task.symbols:
        return TEXT
    return FILM if task is film.FILM else PICTURE


@functools.lru_cache(64)  # a page asks several times, and the truth of a date is searched for
def ask(task: Task, text: str) -> Asked:
    """The input that a text stands for. Raises ValueError with a sentence for a text that is
    none."""
    if kind(task) == PICTURE:
        values = pixels(text)  # (F,)
        return Asked(_one(values, 1, _unknown(1)), (picture(values, pictures.SIDE, 3),))
    if kind(task) == FILM:
        way = path(text)
        frames = film.frames(way)  # (T,F)
        given = tuple(picture(frame, film.SIDE, 1) for frame in frames)
        return Asked(_one(frames, len(frames), film.directions(way)), given)
    text = text[:MOST_CHARACTERS]
    read = ENCODE[task.name](text)[:MOST_STEPS]  # (T,)
    truth = TRUTH[task.name](text) if task.name in TRUTH else None
    if truth is None:
        truth = _unknown(len(read))
    if not task.writes:
        truth = truth[: len(read)]
    given = tuple(visible(task.symbols[number]) for number in read)
    return Asked(_one(read, len(read), truth), given)


def _prose(text: str) -> np.ndarray:
    return ids(prose.one_line(text))


ENCODE: Mapping[str, Callable[[str], np.ndarray]] = {  # each raises ValueError
    "dates": dates.encode,
    "hangul": hangul.encode,
    "prose": _prose,
    "source": ids,
}


def _one(inputs: np.ndarray, steps: int, targets: np.ndarray) -> Examples:
    """N=1."""
    return Examples(inputs[None], np.array([steps]), targets[None])


def _unknown(steps: int) -> np.ndarray:
    return np.full(steps, NOT_COUNTED)


def write(task: Task, examples: Examples) -> str:
    """The text of the first of some examples."""
    inputs = examples.inputs[0]
    if kind(task) != PICTURE:
        inputs = inputs[: examples.lengths[0]]
    if kind(task) == PICTURE:
        return picture_text(inputs)
    if kind(task) == FILM:
        return path_text([divmod(cell, film.SIDE)[::-1] for cell in inputs.argmax(-1).tolist()])
    return "".join(task.symbols[number] for number in inputs)


def pixels(text: str) -> np.ndarray:
    """The values (F,) of a picture. Raises ValueError."""
    count = 3 * pictures.SIDE**2
    if not re.fullmatch(f"[0-9a-f]{{{count}}}", text):
        raise ValueError(f"A picture is written as {count} digits from 0 to f")
    return np.array([int(digit, 16) / LEVELS for digit in text], np.float32)


def picture_text(values: np.ndarray) -> str:
    """Values (F,) from 0 to 1 as text."""
    return "".join(f"{level:x}" for level in np.rint(values * LEVELS).astype(int))


def path(text: str) -> list[tuple[int, int]]:
    """The cells (x, y) of a dot. Raises ValueError."""
    if not re.fullmatch(r"([0-7][0-7])+", text, re.ASCII):
        raise ValueError("A film is written as two digits from 0 to 7 for each frame: across, down")
    return [(int(x), int(y)) for x, y in re.findall("(.)(.)", text)]


def path_text(path: Iterable[Sequence[int]]) -> str:
    return "".join(f"{x}{y}" for x, y in path)


def picture(values: np.ndarray, side: int, channels: int) -> Picture:
    """Values (F,) from 0 to 1 as rows of colours; one channel is grey."""
    levels = np.rint(255 * values.reshape(side, side, channels)).astype(np.uint8)
    levels = np.broadcast_to(levels, (side, side, 3))
    return Picture([[f"#{r:02x}{g:02x}{b:02x}" for r, g, b in row] for row in levels.tolist()])


@functools.lru_cache
def first(task: Task) -> tuple[str, np.ndarray]:
    """The input with which a task opens, and its truth (S,)."""
    if task.name not in FIRST:
        example = task.examples("first", 1)
        return write(task, example), example.targets[0]
    text = FIRST[task.name]
    targets = ask(task, text).examples.targets[0].copy()
    if task is prose.CODE_OR_PROSE:
        targets[-1] = prose.PYTHON
    return text, targets


FIRST = {
    "dates": "May 3, 2021",
    "prose": "for name in names:\n    print(name)\n",
    "source": 'total = 0  # so far\nfor x in data:\n    total += 2.5 * x\nprint("sum", total)\n',
}
