"""The five shapes of input and output, and one of them with the values of one input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.figures.shapes_message import Boxes, Column, Picture, Shape
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.task import (
    MANY_TO_MANY,
    MANY_TO_ONE,
    NOT_COUNTED,
    ONE_TO_MANY,
    ONE_TO_ONE,
    SEQUENCE_TO_SEQUENCE,
    SHAPES,
    Task,
)

if TYPE_CHECKING:
    from rnnviz.analysis.reading import Reading

Given = str | Picture
_ALL, _READS, _WRITES = Boxes(True, True, True), Boxes(True, True, False), Boxes(False, True, True)
_BOXES = {
    ONE_TO_ONE: (_ALL,),
    ONE_TO_MANY: (_READS, _WRITES, _WRITES, _WRITES),
    MANY_TO_ONE: (_READS, _READS, _ALL),
    SEQUENCE_TO_SEQUENCE: (_READS, _READS, _READS, _WRITES, _WRITES),
    MANY_TO_MANY: (_ALL, _ALL, _ALL),
}
START = "start"  # what is read where nothing was written yet


def shapes(chosen: Task) -> list[Shape]:
    """All five, each with what goes in and comes out in one of its tasks: the chosen one's, or the
    first one's."""
    of = {task.shape: task for task in reversed(TASKS.values())} | {chosen.shape: chosen}
    return [Shape(name, of[name].title, _BOXES[name]) for name in SHAPES]


def columns(
    task: Task,
    given: Sequence[Given],
    reading: Reading,
    targets: np.ndarray,
    norms: Sequence[np.ndarray],
) -> list[Column]:
    """The steps of a model along one input: first those that read it, then those that write.

    `targets` (S,): the truth, NOT_COUNTED where it is not known. `norms`: see `gradient_norms`; ()
    for none.
    """
    read = [Column(given=one) for one in given]
    written = [_output(task, reading, targets, place) for place in range(len(reading.said))]
    if not reading.stages:
        (said, p, truth) = written[0]
        return [Column(given[0], said=said, p=p, truth=truth, has_loss=True)]
    if not task.writes:
        return _each_step(task, read, written, reading, targets, norms)
    encoder = _encoder(task, read, reading, norms)
    return [*encoder, *_decoder(task, written, reading, norms)]


def _output(
    task: Task, reading: Reading, targets: np.ndarray, place: int
) -> tuple[str, float, bool | None]:
    """What is said at a place, its probability, and whether it is right, None where the truth is
    not known."""
    said, known = int(reading.said[place]), place < len(targets)
    target = int(targets[place]) if known else NOT_COUNTED
    is_known = target != NOT_COUNTED or (task.writes and bool((targets != NOT_COUNTED).any()))
    return task.outputs[said], float(reading.p[place]), said == target if is_known else None


def _each_step(
    task: Task,
    read: Sequence[Column],
    written: Sequence[tuple[str, float, bool | None]],
    reading: Reading,
    targets: np.ndarray,
    norms: Sequence[np.ndarray],
) -> list[Column]:
    states, last = reading.states(0), len(read) - 1
    knows_truth = bool((targets != NOT_COUNTED).any())
    found = []
    for t, (column, (said, p, truth)) in enumerate(zip(read, written, strict=True)):
        answers = task.shape == MANY_TO_MANY or t == last
        counts = answers and (targets[t] != NOT_COUNTED if knows_truth else True)
        found.append(
            Column(
                given=column.given,
                state=states[t + 1],
                said=said if answers else None,
                p=p if answers else None,
                truth=truth if answers else None,
                has_loss=bool(counts),
                gradient=_came_back(norms, 0, t) if t else None,
            )
        )
    return found


def _encoder(
    task: Task, read: Sequence[Column], reading: Reading, norms: Sequence[np.ndarray]
) -> list[Column]:
    states = reading.states(0)
    if task.shape == ONE_TO_MANY:  # the picture gives the state with which the decoder begins
        return [Column(read[0].given, states[0], "encoder")]
    return [
        Column(
            column.given, states[t + 1], "encoder", gradient=_came_back(norms, 0, t) if t else None
        )
        for t, column in enumerate(read)
    ]


def _decoder(
    task: Task,
    written: Sequence[tuple[str, float, bool | None]],
    reading: Reading,
    norms: Sequence[np.ndarray],
) -> list[Column]:
    number = len(reading.stages) - 1
    states = reading.states(number)
    before = [START, *(said for said, _, _ in written)]
    return [
        Column(
            before[t],
            states[t + 1],
            "decoder",
            said,
            p,
            truth,
            has_loss=True,
            gradient=_came_back(norms, number, t),
        )
        for t, (said, p, truth) in enumerate(written)
    ]


def _came_back(norms: Sequence[np.ndarray], stage: int, t: int) -> float | None:
    """log10 of the norm that comes from step t back to the state before it; None where the loss
    does not depend on what step t gives."""
    if not norms or -np.inf in norms[stage][t : t + 2]:
        return None
    return float(norms[stage][t])
