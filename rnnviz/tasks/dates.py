"""The task to rewrite a date, as people write it, in the form of ISO 8601."""

from __future__ import annotations

from datetime import date

import numpy as np

from rnnviz.tasks.never_trained import parted
from rnnviz.tasks.task import NEW, SEQUENCE_TO_SEQUENCE, TRAIN, Examples, Recipe, Task
from rnnviz.tasks.written import END_SIGN, numbers, read, translated

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
FORMS = (  # none leaves open which number is the day
    "{year}/{month}/{day}",
    "{year}/{month:02}/{day:02}",
    "{day}-{short_month}-{year}",
    "{day} {long_month} {year}",
    "{long_month} {day}, {year}",
    "{short_weekday}, {day} {short_month} {year}",
    "the {day}{th} of {long_month} {year}",
    "{weekday}, {long_month} {day}, {year}",
)
LONGEST = len("Wednesday, September 30, 2026")

FIRST_YEAR, LAST_YEAR = 1900, 2049  # that are trained
YEARS = "years"  # the part of dates outside of these
_OTHER_YEARS = (1800, FIRST_YEAR - 1), (LAST_YEAR + 1, 2149)


def write(day: date, form: str) -> str:
    """A date as people write it, in one of FORMS."""
    weekday, month = WEEKDAYS[day.weekday()], MONTHS[day.month - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return form.format(
        year=day.year,
        month=day.month,
        day=day.day,
        long_month=month,
        short_month=month[:3],
        weekday=weekday,
        short_weekday=weekday[:3],
        th="th" if day.day in (11, 12, 13) else ending,
    )


def _ordinals(first: int, last: int) -> range:
    """The days of these years."""
    return range(date(first, 1, 1).toordinal(), date(last + 1, 1, 1).toordinal())


_ALL = _ordinals(FIRST_YEAR, LAST_YEAR)
TRAINED, NEVER_TRAINED = parted(_ALL, never=len(_ALL) // 10)
_OF_PART = {
    TRAIN: np.array(TRAINED),
    NEW: np.array(NEVER_TRAINED),
    YEARS: np.concatenate([_ordinals(*years) for years in _OTHER_YEARS]),
}
_LETTERS = "".join((*WEEKDAYS, *MONTHS, "st nd rd th of the")).lower()
_DIGITS = [str(digit) for digit in range(10)]
SYMBOLS = (*" ,-/", *_DIGITS, *sorted({*_LETTERS} - {" "}))
OUTPUTS = (END_SIGN, "-", *_DIGITS)
_READ, _WRITTEN = numbers(SYMBOLS), numbers(OUTPUTS)


def encode(text: str) -> np.ndarray:
    """The ids of a date as a person typed it, (T,); capitals are read as small letters. Raises
    ValueError for no text, a text that is too long, and a character that is not known."""
    return read(text.strip().lower(), _READ, LONGEST, "a date like 3 May 2021")


def _examples(rng: np.random.Generator, n: int, part: str) -> Examples:
    days = [date.fromordinal(day) for day in rng.choice(_OF_PART[part], n).tolist()]
    forms = rng.integers(len(FORMS), size=n)
    texts = [write(day, FORMS[form]).lower() for day, form in zip(days, forms, strict=True)]
    return translated(
        [[_READ[character] for character in text] for text in texts],
        [[_WRITTEN[character] for character in day.isoformat()] for day in days],
    )


DATES = Task(
    name="dates",
    shape=SEQUENCE_TO_SEQUENCE,
    title="A date → ISO 8601",
    outputs=OUTPUTS,
    make=_examples,
    held_out={YEARS: f"years outside {FIRST_YEAR} to {LAST_YEAR}"},
    rnn_type="LSTM",
    recipe=Recipe(width=96, embedding=24, steps=1800, lr=0.005, forget_bias=1.0),
    bound=0.97,
    symbols=SYMBOLS,
    longest=len("2021-05-03") + 1,
)
