"""Dates and Hangul, against `strptime` and the arithmetic of code points."""

import re
import unicodedata
from datetime import date, datetime

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import RNN_TYPES
from rnnviz.tasks import dates, hangul
from rnnviz.tasks.dates import DATES, FORMS, YEARS, write
from rnnviz.tasks.hangul import HANGUL, LENGTH, NEVER_TRAINED, SYLLABLES, letters
from rnnviz.tasks.models import build
from rnnviz.tasks.never_trained import parted
from rnnviz.tasks.scores import exact
from rnnviz.tasks.task import END, NEW, NOT_COUNTED, TRAIN, Examples, Task
from rnnviz.tasks.written import END_SIGN

TASKS = pytest.mark.parametrize("task", [DATES, HANGUL], ids=lambda task: task.name)
PARSED = ("%Y/%m/%d", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%a, %d %b %Y", "the %d of %B %Y",
          "%A, %B %d, %Y")  # fmt: skip
INITIAL = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
MEDIAL = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
FINAL = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")


def texts(task: Task, examples: Examples) -> list[tuple[str, str]]:
    """What goes in and comes out, of each example."""
    pairs = []
    for ids, length, targets in zip(
        examples.inputs, examples.lengths, examples.targets, strict=True
    ):
        counted = targets[targets != NOT_COUNTED]
        assert counted[-1] == END
        assert END not in counted[:-1]
        assert len(counted) <= task.longest
        assert (targets[len(counted) :] == NOT_COUNTED).all()
        output = "".join(task.outputs[k] for k in counted[:-1])
        pairs.append(("".join(task.symbols[k] for k in ids[:length]), output))
    return pairs


def parsed(text: str) -> date:
    """The one date that a text is, in any of the forms."""
    text = re.sub(r"^(the \d+)(st|nd|rd|th)", r"\1", text)
    found = set()
    for form in PARSED:
        try:
            found.add(datetime.strptime(text, form).date())
        except ValueError:
            continue
    (day,) = found
    weekday = re.match(r"([a-z]{3,9}), \w+ \w+", text)
    assert weekday is None or day.strftime("%A").lower().startswith(weekday[1])
    return day


@pytest.mark.parametrize("part", [TRAIN, NEW, YEARS])
def test_a_date_is_what_strptime_reads(part):
    pairs = texts(DATES, DATES.examples(1, 400, part))
    trained = {date.fromordinal(day) for day in dates.TRAINED}
    for text, iso in pairs:
        day = parsed(text)
        assert iso == day.isoformat()
        assert (day in trained) == (part == TRAIN)
        assert (1900 <= day.year <= 2049) == (part != YEARS)
    assert len({*pairs}) > 390
    assert {int(iso[5:7]) for _, iso in pairs} == {*range(1, 13)}


@given(st.dates(date(1800, 1, 1), date(2149, 12, 31)), st.sampled_from(FORMS))
def test_every_date_in_every_form_can_be_typed(day, form):
    text = write(day, form)
    ids = dates.encode(f" {text}\n")
    assert "".join(DATES.symbols[k] for k in ids) == text.lower()
    assert parsed(text.lower()) == day
    assert len(text) <= dates.LONGEST


def test_forms_are_those_that_people_write():
    written = [write(date(2021, 5, 3), form) for form in FORMS]
    assert written == [
        "2021/5/3",
        "2021/05/03",
        "3-May-2021",
        "3 May 2021",
        "May 3, 2021",
        "Mon, 3 May 2021",
        "the 3rd of May 2021",
        "Monday, May 3, 2021",
    ]
    endings = [write(date(2021, 1, day), FORMS[6]).split()[1] for day in range(1, 32)]
    assert [e for e in endings if not e.endswith("th")] == ["1st", "2nd", "3rd", "21st", "22nd",
                                                            "23rd", "31st"]  # fmt: skip


def test_a_tenth_of_all_days_is_never_trained():
    days = {*dates.TRAINED, *dates.NEVER_TRAINED}
    assert len(days) == len(dates.TRAINED) + len(dates.NEVER_TRAINED) == 54_787
    assert (min(days), max(days)) == tuple(
        day.toordinal() for day in (date(1900, 1, 1), date(2049, 12, 31))
    )
    assert len(dates.NEVER_TRAINED) == 5_478
    assert date.fromordinal(dates.NEVER_TRAINED[0]) == date(
        1900, 2, 5
    )  # what ships was trained without it


def spelt(word: str) -> str:
    """The letters of syllables by the arithmetic of Unicode 3.12."""
    found = ""
    for code in map(ord, word):
        of_initial, final = divmod(code - 0xAC00, 28)
        initial, medial = divmod(of_initial, 21)
        found += INITIAL[initial] + MEDIAL[medial] + FINAL[final]
    return found


@pytest.mark.parametrize("part", [TRAIN, NEW, SYLLABLES, LENGTH])
def test_letters_are_those_of_the_code_points(part):
    never = {HANGUL.symbols[k] for k in NEVER_TRAINED}
    pairs = texts(HANGUL, HANGUL.examples(2, 300, part))
    for word, output in pairs:
        assert output == spelt(word)
        assert bool({*word} & never) == (part == SYLLABLES)
    sizes = {len(word) for word, _ in pairs}
    assert sizes == ({5, 6} if part == LENGTH else {1, 2, 3, 4})


def test_new_words_are_never_trained():
    trained = {word for word, _ in texts(HANGUL, HANGUL.examples(0, 5_000, TRAIN))}
    assert not trained & {word for word, _ in texts(HANGUL, HANGUL.examples(0, 500, NEW))}


def test_every_syllable_of_the_code_is_a_symbol_and_spelt():
    coded = {chr(code) for code in range(0xAC00, 0xD7A4) if len(chr(code).encode("euc_kr")) == 2}
    assert {*HANGUL.symbols} == coded
    assert len(HANGUL.symbols) == 2_350
    assert [*map(letters, HANGUL.symbols)] == [*map(spelt, HANGUL.symbols)]
    assert {*HANGUL.outputs} == {END_SIGN, *INITIAL, *MEDIAL, *FINAL[1:]}
    assert len({*NEVER_TRAINED}) == 235
    assert "235 of the 2,350" in HANGUL.held_out[SYLLABLES]


@given(st.text(st.sampled_from(HANGUL.symbols), min_size=1, max_size=6))
def test_a_typed_word_is_read_composed_or_not(word):
    for form in ("NFC", "NFD"):
        ids = hangul.encode(unicodedata.normalize(form, word))
        assert ids.dtype == np.int64
        assert "".join(HANGUL.symbols[k] for k in ids) == word


@pytest.mark.parametrize(
    ("encode", "text", "message"),
    [
        (dates.encode, "  ", "Type a date like 3 May 2021"),
        (dates.encode, "3 May 2021?", "does not know the character '\\?'"),
        (dates.encode, "İ", "does not know the character"),
        (dates.encode, "3 May 2021" * 3, "30 characters are more than 29"),
        (hangul.encode, "", "Type 1 to 6 Hangul syllables"),
        (hangul.encode, "한a", "does not know the character 'a'"),
        (hangul.encode, "갂", "does not know the character '갂'"),
        (hangul.encode, "한" * 7, "7 characters are more than 6"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(encode, text, message):
    with pytest.raises(ValueError, match=message) as error:
        encode(text)
    assert "." not in str(error.value)  # whoever shows it ends the sentence


@given(st.text(st.characters() | st.sampled_from(DATES.symbols + HANGUL.symbols), max_size=40))
def test_any_text_is_read_or_refused(text):
    for encode, task in ((dates.encode, DATES), (hangul.encode, HANGUL)):
        try:
            ids = encode(text)
        except ValueError:
            continue
        assert 0 <= ids.min() <= ids.max() < len(task.symbols)


@TASKS
def test_the_same_seed_gives_the_same_examples(task):
    one, same, other = (task.examples(seed, 20, TRAIN) for seed in (5, 5, 6))
    assert texts(task, one) == texts(task, same)
    assert texts(task, one) != texts(task, other)


@given(st.integers(0, 50), st.integers(0, 50))
def test_things_are_parted_in_their_order(size, never):
    things = [f"{n}" for n in range(size)]
    trained, held_out = parted(things, never)
    assert len(held_out) == min(never, size)
    assert sorted(trained + held_out, key=int) == things
    assert trained == sorted(trained, key=int)
    assert (trained, held_out) == parted(things, never)


@TASKS
@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_models_of_the_tasks_answer(task, rnn_type):
    examples = task.examples(0, 6)
    model = build(task, rnn_type, width=8)
    assert model.loss(examples).isfinite()
    assert 0 <= exact(task, model, examples) <= 1


def test_the_embedding_begins_as_small_as_the_recipe_says():
    torch.manual_seed(0)
    for task in (DATES, HANGUL):
        read = build(task).encoder.read
        assert read.weight.std().item() == pytest.approx(task.recipe.symbol_std, rel=0.1)
