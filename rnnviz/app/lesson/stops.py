"""The stops of the lesson by number. A stop's text is assets/lesson/en/NN.md."""

from __future__ import annotations

from collections.abc import Mapping

from rnnviz.app.lesson import (
    again,
    backward,
    chain,
    distance,
    five_shapes,
    gru_cell,
    lstm_cell,
    past,
    products,
    sizes,
    temperature,
    training_step,
    truncation,
    vanishing,
    windows,
)
from rnnviz.app.lesson.stop import Stop

STOPS: Mapping[int, Stop] = {
    1: distance.STOP,
    2: again.STOP,
    3: backward.STOP,
    4: vanishing.STOP,
    5: truncation.STOP,
    6: lstm_cell.STOP,
    7: products.STOP,
    8: sizes.STOP,
    9: gru_cell.STOP,
    10: temperature.STOP,
    11: windows.STOP,
    12: training_step.STOP,
    13: chain.STOP,
    14: past.STOP,
    15: five_shapes.STOP,
}


def nearest(number: int) -> int:
    """The stop of a number, or the nearest one that is there."""
    return min(STOPS, key=lambda there: (abs(there - number), there))


def beside(number: int) -> tuple[int | None, int | None]:
    """The stops before and after one; None at an end."""
    numbers = sorted(STOPS)
    place = numbers.index(number)
    before = numbers[place - 1] if place else None
    return before, numbers[place + 1] if place + 1 < len(numbers) else None
