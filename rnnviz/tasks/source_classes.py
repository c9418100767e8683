"""Python source, and the class of each of its characters by the standard library's tokenizer."""

from __future__ import annotations

import functools
import io
import keyword
import tokenize

import numpy as np

from rnnviz.data import builtin
from rnnviz.tasks.characters import SYMBOLS, encode
from rnnviz.tasks.task import MANY_TO_MANY, NEW, NOT_COUNTED, TRAIN, Examples, Recipe, Task

CLASSES = ("space", "name", "keyword", "number", "string", "comment", "operator")
SPACE, NAME, KEYWORD, NUMBER, STRING, COMMENT, OPERATOR = range(len(CLASSES))
OF_TOKENS = {
    tokenize.NUMBER: NUMBER,
    tokenize.STRING: STRING,
    tokenize.COMMENT: COMMENT,
    tokenize.OP: OPERATOR,
}
LENGTHS = {TRAIN: 128, NEW: 128, "length": 512}  # characters of a piece
READ = 2_000_000  # characters of the files trained on that are used


def classes(text: str) -> np.ndarray:
    """The class of each character (T,) int8, as `tokenize` of this Python has it. A formatted
    string is a string with all that is in it; NOT_COUNTED from where on the text is no Python."""
    lines = np.cumsum([0, *(len(line) + 1 for line in text.split("\n"))]).tolist()
    found, done, open_strings = np.full(len(text), NOT_COUNTED, np.int8), 0, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.ERRORTOKEN and not token.string.isspace():
                return found
            start, end = (lines[row - 1] + column for row, column in (token.start, token.end))
            name = tokenize.tok_name[token.type]
            found[done:start] = STRING if open_strings else SPACE
            open_strings += name.endswith("STRING_START")  # Python 3.12 reads into them
            found[start:end] = STRING if open_strings else _class(token)
            open_strings -= name.endswith("STRING_END")
            done = end
    except (tokenize.TokenError, SyntaxError, UnicodeEncodeError):
        return found
    found[done:] = SPACE
    return found


def _class(token: tokenize.TokenInfo) -> int:
    if token.type == tokenize.NAME:
        return KEYWORD if keyword.iskeyword(token.string) else NAME
    return OF_TOKENS.get(token.type, SPACE)


@functools.cache
def sources(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids and classes (T,) of files of the standard library: those of TRAIN, or others."""
    first, *others = builtin.BUILT_IN["python-source"].make().texts
    text = first[:READ] if part == TRAIN else "".join(others)
    found = classes(text)
    ends = np.flatnonzero(found == NOT_COUNTED)  # the text may be cut in the middle of a string
    read = int(ends[0]) if len(ends) else len(text)
    return encode(text[:read]), found[:read]


@functools.cache
def _line_starts(part: str) -> np.ndarray:
    """Where lines begin that are not inside of a string, but for the last characters."""
    characters, found = sources(part)
    ends = (characters == SYMBOLS.index("\n")) & (found == SPACE)
    starts = np.concatenate([[0], 1 + np.flatnonzero(ends)])
    return starts[starts + max(LENGTHS.values()) <= len(found)]


def _make(rng: np.random.Generator, n: int, part: str) -> Examples:
    """Pieces that begin at a line: there `tokenize` needs nothing of what was before."""
    files = TRAIN if part == TRAIN else NEW
    characters, found = sources(files)
    places = rng.choice(_line_starts(files), n)[:, None] + np.arange(LENGTHS[part])  # (N,T)
    lengths = np.full(n, LENGTHS[part])
    return Examples(characters[places].astype(np.int64), lengths, found[places].astype(np.int64))


SOURCE_CLASSES = Task(
    name="source",
    shape=MANY_TO_MANY,
    title="Python → classes",
    outputs=CLASSES,
    make=_make,
    held_out={"length": f"pieces of {LENGTHS['length']} characters"},
    rnn_type="LSTM",
    recipe=Recipe(96, 24, 800, batch_size=32, lr=6e-3),
    bound=0.97,
    symbols=SYMBOLS,
)
