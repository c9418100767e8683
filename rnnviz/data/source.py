"""A text cut into its parts for training, validation and test, and what cannot be such a text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnnviz.data.encoding import looks_like
from rnnviz.data.printable import printable
from rnnviz.data.task import Task
from rnnviz.data.vocab import BOM

MAX_HELD_OUT = 100_000  # characters of a validation or test part: two digits of a loss are right
TRAINING = re.compile(r"((?:.*[._ -])?)train((?:[._ -].*)?\.(?:txt|tokens|raw))")
HELD_OUT = (("valid", "validation", "val", "dev"), ("test",))  # what stands for train in a name


class CorpusError(ValueError):
    """A corpus that cannot be read or used; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """`texts`: train, valid, test. `spaced`: spaces already separate all tokens (WikiText).
    `marked`: whether the file of each text began with a byte order mark, which is not in the text.
    `task`: the made task that the texts are items of."""

    name: str
    texts: tuple[str, str, str] = field(repr=False)
    spaced: bool = False
    marked: tuple[bool, bool, bool] = (False, False, False)
    task: Task | None = None

    @property
    def marked_texts(self) -> tuple[str, str, str]:
        """The texts as a program reads them that takes a byte order mark for a character."""
        train, valid, test = (
            BOM * marked + text for marked, text in zip(self.marked, self.texts, strict=True)
        )
        return train, valid, test


def from_text(text: str, name: str) -> Source:
    """The first 90% of a text to train on, the next 5% for validation, the last 5% for the test.

    Raises CorpusError.
    """
    name = printable(name)
    _check(text, name)
    text = text.lstrip(BOM)
    held_out = min(len(text) // 20, MAX_HELD_OUT)
    first, second = len(text) - 2 * held_out, len(text) - held_out
    return Source(name, (text[:first], text[first:second], text[second:]))


def from_files(files: Mapping[str, bytes]) -> Source:
    """Uploaded files: train.txt, valid.txt and perhaps test.txt, or one text of any name.

    Raises CorpusError.
    """
    if len(files) == 1:
        ((name, raw),) = files.items()
        return from_text(decode(raw, name), Path(name).stem)
    names = part_names(files)
    if names is None or set(files) - set(names):
        raise CorpusError("give one text, or files named train.txt, valid.txt and test.txt")
    return spaced_source("uploaded", {name: files[name] for name in names if name})


def part_names(names: Collection[str]) -> tuple[str, str, str] | None:
    """Among names of files, those of the training, validation and test text, the last "" where
    there is none; None where there is no such pair, or more than one and no train.txt.

    They are alike but for the part: train.txt, wiki.train.tokens, ptb.train.txt, train.raw, ...
    """
    found = {}
    for train in sorted(names):
        if match := TRAINING.fullmatch(train):
            before, after = match.groups()
            valid, test = (
                next((n for part in parts if (n := f"{before}{part}{after}") in names), "")
                for parts in HELD_OUT
            )
            if valid:
                found[train] = train, valid, test
    return found.get("train.txt") or (found.popitem()[1] if len(found) == 1 else None)


def spaced_source(name: str, files: Mapping[str, bytes]) -> Source:
    """A source whose tokens stand between spaces, of two or three files: training, validation and
    perhaps test text. Raises CorpusError."""
    parts = [(_end_line(decode(raw, file)), _has_mark(raw)) for file, raw in files.items()]
    (train, valid, test), marked = zip(*parts, *[("", False)] * (3 - len(parts)), strict=True)
    return Source(printable(name), (train, valid, test), spaced=True, marked=marked)


def decode(raw: bytes, name: str) -> str:
    """Bytes of a text file as text with `\\n` line ends, without a byte order mark. Raises
    CorpusError."""
    name = printable(name)
    if other := looks_like(raw):
        raise CorpusError(
            f"{name} is not UTF-8 text, it looks like {other}: save it as UTF-8 and try again"
        )
    try:
        text = raw.decode("utf-8").lstrip(BOM)
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8 and try again"
        ) from None
    _check(text, name)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _has_mark(raw: bytes) -> bool:
    return raw.startswith(codecs.BOM_UTF8)


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
    return decode(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """Content of a file. Raises CorpusError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from None
