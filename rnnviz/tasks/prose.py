"""Is a text Python or English prose?"""

from __future__ import annotations

import functools
import re

import numpy as np

from rnnviz.data import builtin
from rnnviz.tasks.characters import SYMBOLS, encode
from rnnviz.tasks.source_classes import COMMENT, STRING, sources
from rnnviz.tasks.task import MANY_TO_ONE, NEW, NOT_COUNTED, TRAIN, Examples, Recipe, Task

PYTHON, PROSE = 0, 1
LENGTHS = {TRAIN: (20, 200), NEW: (100, 100), "short": (10, 10), "long": (400, 400)}
MOST_WORDS = 0.5  # share of a piece of Python that is in strings and comments, which are prose too
STRAIGHT = str.maketrans("‘’“”", "''\"\"")


def one_line(text: str) -> str:
    """The text as the task has it: any run of spaces and line ends is one space, so that layout
    tells nothing, and quotation marks are straight."""
    return re.sub(r"\s+", " ", text.translate(STRAIGHT))


@functools.cache
def _python(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids (T,) of Python source, and how many characters before each are in strings and comments
    (T+1,)."""
    characters, classes = sources(part)
    space, line_end = encode(" \n")
    characters = np.where(characters == line_end, space, characters)
    kept = (characters != space) | (np.roll(characters, 1) != space)  # the first of each run
    words = np.isin(classes[kept], (STRING, COMMENT))
    return characters[kept], np.concatenate([[0], words.cumsum()])


@functools.cache
def _prose(part: str) -> np.ndarray:
    """Ids (T,) of the language reference: the topics of TRAIN, or others."""
    first, *others = builtin.BUILT_IN["python-docs"].make().texts
    return encode(one_line(first if part == TRAIN else " ".join(others)).strip())


def _python_starts(rng: np.random.Generator, part: str, lengths: np.ndarray) -> np.ndarray:
    """Where pieces of so many characters (N,) of Python begin."""
    characters, words = _python(part)
    starts = rng.integers(len(characters) - lengths.max(), size=(20, len(lengths)))
    fits = words[starts + lengths] - words[starts] <= MOST_WORDS * lengths  # (20,N)
    return starts[fits.argmax(0), np.arange(len(lengths))]  # the first of 20 that fits


def _make(rng: np.random.Generator, n: int, part: str) -> Examples:
    least, most = LENGTHS[part]
    files = TRAIN if part == TRAIN else NEW
    python, prose = _python(files)[0], _prose(files)
    lengths, answers = rng.integers(least, most + 1, n), rng.integers(2, size=n)
    of_python = _python_starts(rng, files, lengths)
    of_prose = rng.integers(len(prose) - most, size=n)
    steps = np.arange(lengths.max())
    pieces = np.where(
        (answers == PYTHON)[:, None],
        python[of_python[:, None] + steps],
        prose[of_prose[:, None] + steps],
    )  # (N,T)
    inside, last = steps < lengths[:, None], steps == lengths[:, None] - 1
    targets = np.where(last, answers[:, None], NOT_COUNTED)  # (N,T)
    return Examples((pieces * inside).astype(np.int64), lengths, targets)


CODE_OR_PROSE = Task(
    name="prose",
    shape=MANY_TO_ONE,
    title="A text → Python or prose",
    outputs=("Python", "prose"),
    make=_make,
    held_out={
        "short": f"pieces of {LENGTHS['short'][0]} characters",
        "long": f"pieces of {LENGTHS['long'][0]} characters",
    },
    rnn_type="LSTM",
    recipe=Recipe(64, 24, 1000, batch_size=32, lr=4e-3, forget_bias=2.0),
    bound=0.97,
    symbols=SYMBOLS,
)
