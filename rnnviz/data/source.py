"""A text cut into its parts for training, validation and test, and what cannot be such a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_HELD_OUT = 100_000  # characters of a validation or test part: two digits of a loss are right


class CorpusError(ValueError):
    """A corpus that cannot be read or used; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """`texts`: train, valid, test. `spaced`: spaces already separate all tokens (WikiText).
    `cue`: of a made task, the token after which the answer stands."""

    name: str
    texts: tuple[str, str, str] = field(repr=False)
    spaced: bool = False
    cue: str | None = None


def from_text(text: str, name: str) -> Source:
    """The first 90% of a text to train on, the next 5% for validation, the last 5% for the test.

    Raises CorpusError.
    """
    _check(text, name)
    held_out = min(len(text) // 20, MAX_HELD_OUT)
    first, second = len(text) - 2 * held_out, len(text) - held_out
    return Source(name, (text[:first], text[first:second], text[second:]))


def from_files(files: Mapping[str, bytes]) -> Source:
    """Uploaded files: train.txt, valid.txt and perhaps test.txt, or one text of any name.

    Raises CorpusError.
    """
    texts = {name: decode(raw, name) for name, raw in files.items()}
    if len(texts) == 1:
        name, text = texts.popitem()
        return from_text(text, Path(name).stem)
    train, valid, test = (texts.pop(f"{part}.txt", None) for part in ("train", "valid", "test"))
    if texts or train is None or valid is None:
        raise CorpusError("give one text, or files named train.txt, valid.txt and test.txt")
    return spaced_source("uploaded", train, valid, test or "")


def spaced_source(name: str, train: str, valid: str, test: str) -> Source:
    """A source whose tokens stand between spaces."""
    return Source(name, (_end_line(train), _end_line(valid), _end_line(test)), spaced=True)


def decode(raw: bytes, name: str) -> str:
    """Bytes of a text file as text with `\\n` line ends. Raises CorpusError."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8 and try again"
        ) from None
    _check(text, name)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check(text: str, name: str) -> None:
    if "\0" in text:
        raise CorpusError(f"{name} has NUL bytes: it is no text")
    if re.search("[\ud800-\udfff]", text):
        raise CorpusError(f"{name} has half characters of UTF-16: it is no text")


def _end_line(text: str) -> str:
    """The text, its last line ended too: in a spaced text each line end is a token `<eos>`."""
    return text + "\n" if text and not text.endswith("\n") else text


def read_text(path: Path) -> str:
    """Text of a file. Raises CorpusError."""
    try:
        return decode(path.read_bytes(), path.name)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from None
