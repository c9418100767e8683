"""Made tasks: endless small texts whose answers are known, by their names.

An item is one text: what it asks and the answer. A model reads each item from a state of zeros.
"""

from __future__ import annotations

import functools
import random
import re

from rnnviz.data.source import CorpusError, Source
from rnnviz.data.task import Task

HELD_OUT, LEAST_ITEMS = 20_000, 500  # characters and items of a part, at least
MOST_DELAY, USUAL_DELAY = 500, 30
SYMBOLS, FILLERS, CUE = "ABCDEFGH", "abcdefgh", "?"
BYTE_TO_FILLER = bytes(ord(FILLERS[byte % 8]) for byte in range(256))
LONGEST_BRACKETS, MOST_COUNTED = 80, 20


def source(task: Task) -> Source:
    """Items of three fixed seeds, at least LEAST_ITEMS a part. Those of the first only show the
    text: a training draws its own."""
    train, valid, test = (_part(task, seed) for seed in range(3))
    return Source(task.name, (train, valid, test), task=task)


def _part(task: Task, seed: int) -> str:
    rng, items, length = random.Random(seed), [], 0
    while length < HELD_OUT or len(items) < LEAST_ITEMS:
        items.append(task.item(rng))
        length += len(items[-1])
    return "".join(items)


def find(spec: str) -> Task | None:
    """A task by its name: brackets, counting, recall, recall:60 with another delay, or
    recall:1-100 with a delay that is drawn for each item. None for another name.

    Raises CorpusError for a delay that cannot be.
    """
    if spec in LINES:
        return LINES[spec]
    name, colon, delays = spec.partition(":")
    if name != "recall":
        return None
    return recall(*_delays(delays if colon else str(USUAL_DELAY)))


def _delays(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text, re.ASCII)
    least, most = (int(n) for n in (match[1], match[2] or match[1])) if match else (0, 0)
    if not 1 <= least <= most <= MOST_DELAY:
        raise CorpusError(
            f"recall:{text[:40]} is no task: give a delay from 1 to {MOST_DELAY}, like recall:60, "
            "or the shortest and the longest, like recall:1-100"
        )
    return least, most


def recall(least: int, most: int) -> Task:
    """Recall a symbol after `least` to `most` fillers."""
    delays = f"{least}" if least == most else f"{least}-{most}"
    usual = least == most == USUAL_DELAY
    text = recall_item(random.Random(0), most, most)
    return Task(
        name="recall" if usual else f"recall-{delays}",
        spec="recall" if usual else f"recall:{delays}",
        label="Made: recall a symbol after a delay",
        item=functools.partial(recall_item, least=least, most=most),
        alphabet=CUE + SYMBOLS + FILLERS,
        longest=most + 3,
        example=(f"Recall: a symbol after {most}", text),
        prompt=text[:-1],
        cue=CUE,
    )


def recall_item(rng: random.Random, least: int, most: int) -> str:
    """A symbol of A..H, random fillers of a..h, the cue `?`, the symbol again."""
    symbol = rng.choice(SYMBOLS)
    return recall_question(rng, symbol, rng.randint(least, most)) + symbol


def recall_question(rng: random.Random, symbol: str, delay: int) -> str:
    """An item without its answer: a symbol, so many random fillers, the cue."""
    return symbol + rng.randbytes(delay).translate(BYTE_TO_FILLER).decode() + CUE


def brackets_item(rng: random.Random, depth: int = 6) -> str:
    """One line of well nested brackets of four kinds."""

    def nested(depth: int) -> str:
        inside = "".join(nested(depth - 1) for _ in range(rng.randint(0, 3))) if depth else ""
        left, right = rng.choice(("()", "[]", "{}", "<>"))
        return left + inside + right

    while len(line := nested(rng.randint(1, depth)) + "\n") > LONGEST_BRACKETS:
        pass
    return line


def counting_item(rng: random.Random) -> str:
    """One line of n times a, then n times b."""
    n = rng.randint(1, MOST_COUNTED)
    return "a" * n + "b" * n + "\n"


LINES = {
    "brackets": Task(
        name="brackets",
        spec="brackets",
        label="Made: nested brackets",
        item=brackets_item,
        alphabet="()[]{}<>\n",
        longest=LONGEST_BRACKETS,
        example=("Brackets: nested", "([{}<>](){[]})\n[{(<>)}]\n"),
        prompt="([{",
    ),
    "counting": Task(
        name="counting",
        spec="counting",
        label="Made: n times a, then n times b",
        item=counting_item,
        alphabet="ab\n",
        longest=2 * MOST_COUNTED + 1,
        example=("Counting: a, then b", "aaaabbbb\naaaaaaabbbbbbb\n"),
        prompt="aaaaa",
    ),
}
