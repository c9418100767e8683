"""Texts in UTF-16 and UTF-32, told by their byte order mark or by how they read."""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter

MARKS = (  # the first of a mark of UTF-32 is that of UTF-16
    ("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    ("UTF-16", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)
ENCODINGS = (
    ("UTF-32", ("utf-32-le", "utf-32-be")),
    ("UTF-16", ("utf-16-le", "utf-16-be")),
)
SAMPLE = 10_000  # bytes at the beginning that are looked at
SPACES = "\t\n\v\f\r"
LOW = bytes(range(32))
CONTROLS = bytes(set(LOW) - set(SPACES.encode()))  # which texts of one byte a letter do not have
FEW = 3  # scripts of one text: Japanese has three


def looks_like(raw: bytes) -> str:
    """UTF-32 or UTF-16; "" for anything else.

    Without a byte order mark that is what reads as text, while as UTF-8 it cannot be decoded or has
    control characters in every second byte. UTF-8 without control characters never is.
    """
    for name, marks in MARKS:
        if raw.startswith(marks):
            return name
    raw = raw[:SAMPLE]
    needed = all if _read(raw, "utf-8") else any
    if not needed((_share(raw, CONTROLS) > 1 / 50, _share(raw, LOW) > 1 / 2)):
        return ""
    for name, encodings in ENCODINGS:
        if any(_is_text(_read(raw, encoding)) for encoding in encodings):
            return name
    return ""


def _share(raw: bytes, among: bytes) -> float:
    """The share of some bytes at even or at odd places, whichever is larger."""
    halves = filter(None, (raw[0::2], raw[1::2]))
    return max((1 - len(half.translate(None, among)) / len(half) for half in halves), default=0)


def _read(raw: bytes, encoding: str) -> str:
    """The characters in a beginning of a file, whose last one may be cut; "" if it cannot be
    decoded."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        return ""


def _is_text(text: str) -> bool:
    """Whether all characters have a meaning, and most are ASCII or letters of few scripts."""
    kinds = [unicodedata.category(character) for character in text]
    pairs = list(zip(text, kinds, strict=True))
    if any(k in ("Cc", "Cn", "Co", "Cs") and c not in SPACES for c, k in pairs):
        return False
    letters = [c for c, kind in pairs if not c.isascii() and kind[0] in "LM"]
    scripts = Counter(unicodedata.name(c, "CJK").split()[0] for c in letters)
    of_few = sum(count for _, count in scripts.most_common(FEW))
    usual = len(letters) + sum(map(str.isascii, text))
    return 2 * usual > len(text) and of_few >= 0.9 * len(letters)
