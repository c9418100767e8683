"""The right outputs of an input that a person typed, where a rule gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np

from rnnviz.tasks import dates, hangul, source_classes
from rnnviz.tasks.task import END
from rnnviz.tasks.written import numbers


def of_date(text: str) -> np.ndarray | None:
    """Of a date in one of the forms of the task; None for any other."""
    text = text.strip().lower()
    for year in map(int, re.findall(r"[1-9]\d{3}", text)):
        days = date(year, 12, 31).timetuple().tm_yday
        for day in (date(year, 1, 1) + timedelta(n) for n in range(days)):
            if any(dates.write(day, form).lower() == text for form in dates.FORMS):
                return _written(day.isoformat(), dates.OUTPUTS)
    return None


def of_hangul(text: str) -> np.ndarray:
    """The letters of a word of syllables."""
    return _written(hangul.letters(text.strip()), hangul.OUTPUTS)


def of_source(text: str) -> np.ndarray:
    """See `source_classes.classes`."""
    return source_classes.classes(text).astype(np.int64)


def _written(text: str, outputs: tuple[str, ...]) -> np.ndarray:
    """Output numbers (S,), END the last."""
    known = numbers(outputs)
    return np.array([*(known[character] for character in text), END])


TRUTH: Mapping[str, Callable[[str], np.ndarray | None]] = {
    dates.DATES.name: of_date,
    hangul.HANGUL.name: of_hangul,
    source_classes.SOURCE_CLASSES.name: of_source,
}
