"""The task to take Hangul syllables apart into their letters."""

from __future__ import annotations

import unicodedata

import numpy as np

from rnnviz.tasks.never_trained import parted
from rnnviz.tasks.task import NEW, SEQUENCE_TO_SEQUENCE, TRAIN, Examples, Recipe, Task
from rnnviz.tasks.written import END_SIGN, numbers, read, translated

LONGEST_TRAINED, LONGEST = 4, 6  # syllables of a word
SYLLABLES, LENGTH = "syllables", "length"  # the parts that are held out
NEW_OF = 10  # one of so many words is never trained


def letters(word: str) -> str:
    """The letters of syllables, as a keyboard has them: 한 -> ㅎㅏㄴ."""
    return "".join(map(_letter, unicodedata.normalize("NFD", word)))


def _letter(placed: str) -> str:
    """The letter as it stands alone, of one in its place: HANGUL CHOSEONG KIYEOK -> ㄱ."""
    _, _, name = unicodedata.name(placed).split(maxsplit=2)
    return unicodedata.lookup(f"HANGUL LETTER {name}")


def _common_syllables() -> list[str]:
    """The 2,350 syllables that have a code of two bytes in KS X 1001, in its order."""
    rows, columns = range(0xB0, 0xC9), range(0xA1, 0xFF)
    return [bytes((row, column)).decode("euc_kr") for row in rows for column in columns]


SYMBOLS = tuple(_common_syllables())
_READ = numbers(SYMBOLS)
_LETTERS = list(map(letters, SYMBOLS))
OUTPUTS = (END_SIGN, *sorted({*"".join(_LETTERS)}))
_WRITTEN = numbers(OUTPUTS)
_SPELT = [[_WRITTEN[letter] for letter in each] for each in _LETTERS]  # by the syllable's number
TRAINED, NEVER_TRAINED = parted(range(len(SYMBOLS)), never=len(SYMBOLS) // 10)  # numbers


def encode(text: str) -> np.ndarray:
    """The ids of a word as a person typed it, (T,). Raises ValueError for no text, a word that is
    too long, and a character that is none of SYMBOLS."""
    word = unicodedata.normalize("NFC", text.strip())
    return read(word, _READ, LONGEST, f"1 to {LONGEST} Hangul syllables like 한글")


_FROM_1 = 1, LONGEST_TRAINED
_SIZES = {TRAIN: _FROM_1, NEW: _FROM_1, SYLLABLES: _FROM_1, LENGTH: (LONGEST_TRAINED + 1, LONGEST)}


def _words(rng: np.random.Generator, n: int, part: str) -> list[list[int]]:
    """n random words of a part, as the numbers of their syllables."""
    shortest, longest = _SIZES[part]
    words: list[list[int]] = []
    while len(words) < n:
        size = int(rng.integers(shortest, longest + 1))
        word = [TRAINED[k] for k in rng.integers(len(TRAINED), size=size)]
        if part == SYLLABLES:
            word[rng.integers(size)] = NEVER_TRAINED[rng.integers(len(NEVER_TRAINED))]
        is_new = sum(word) % NEW_OF == 0
        if is_new == (part == NEW) or part in (SYLLABLES, LENGTH):
            words.append(word)
    return words


def _examples(rng: np.random.Generator, n: int, part: str) -> Examples:
    words = _words(rng, n, part)
    return translated(words, [[letter for k in word for letter in _SPELT[k]] for word in words])


HANGUL = Task(
    name="hangul",
    shape=SEQUENCE_TO_SEQUENCE,
    title="Hangul → its letters",
    outputs=OUTPUTS,
    make=_examples,
    held_out={
        SYLLABLES: f"{len(NEVER_TRAINED)} of the {len(SYMBOLS):,} syllables",
        LENGTH: f"words of more than {LONGEST_TRAINED} syllables",
    },
    rnn_type="LSTM",
    recipe=Recipe(
        width=96,
        embedding=48,
        steps=2800,
        batch_size=128,
        lr=0.015,
        forget_bias=1.0,
        symbol_std=0.02,
    ),
    bound=0.97,
    symbols=SYMBOLS,
    longest=max(map(len, _SPELT)) * LONGEST + 1,
)
