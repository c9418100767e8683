"""The vocabulary that lies in a file beside a model's weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from rnnviz.runs.advice import WITH_TOKENS, save
from rnnviz.runs.checkpoint import groups
from rnnviz.runs.info import RunError
from rnnviz.runs.plain import plain
from rnnviz.runs.torch_file import Contents

# Names of what may hold a vocabulary in a form that other things have, too.
NAMES = re.compile(
    r"char|vocab|alphabet|letter|token|word|item|symbol|[is]to[is]|2|_to_|idx|index", re.IGNORECASE
)
TEXTS = re.compile(r"char|vocab|alphabet|letters|tokens|itos", re.IGNORECASE)  # of one text
MISSING = 4  # most rows of a model that its vocabulary may not name, as <pad>, <unk>, <s>, </s>
Tokens = tuple[str | None, ...]  # None for a row without a token: padding, or never used


def in_file(contents: Contents, rows: int, file: str, choose: bool) -> list[tuple[str, ...]]:
    """The vocabularies of so many tokens that a file may mean, none where it has none: several
    where its list is shorter, and only if there is a text to `choose` by.

    Raises RunError where two differ.
    """
    found: dict[Tokens, str] = {}
    for group in groups(contents.held):
        for name, value in group.entries.items():
            if tokens := _tokens(name, value, rows, contents):
                found.setdefault(tokens, name)
        items = group.entries.items()
        if len(items) == rows and (tokens := _numbered(items, rows, contents, False)):
            found.setdefault(tokens, str(group.path[-1]) if group.path else "it")
    whole = _different([tokens for tokens in found if len(tokens) == rows])
    lists = whole or [tokens for tokens in found if len(tokens) < rows]
    if len(lists) > 1:
        names = " and ".join(repr(found[tokens][:60]) for tokens in lists)
        raise RunError(
            f"{file} holds several vocabularies of {rows:,} tokens, at {names}: keep one in it: "
            f"{save(WITH_TOKENS, file)}"
        )
    if lists and not whole and not choose:
        raise RunError(
            f"{file} lists {len(lists[0]):,} tokens at {found[lists[0]][:60]!r} for {rows:,} rows "
            "of its embedding: give the corpus that it was trained on, or a list of all rows: "
            f"{save(WITH_TOKENS, file)}"
        )
    return [_complete(tokens) for one in lists for tokens in _shifted(one, rows)]


def _different(lists: list[Tokens]) -> list[Tokens]:
    """Lists without those that another one fills up."""
    kept: list[Tokens] = []
    for tokens in sorted(lists, key=lambda tokens: tokens.count(None)):
        pairs = (zip(tokens, other, strict=True) for other in kept)
        if not any(all(one in (None, two) for one, two in pair) for pair in pairs):
            kept.append(tokens)
    return kept


def _shifted(tokens: Tokens, rows: int) -> list[Tokens]:
    """A list with the rows that it lacks, after it, before it, or some of them each."""
    more = rows - len(tokens)
    return [(*(None,) * n, *tokens, *(None,) * (more - n)) for n in range(more + 1)]


def _complete(tokens: Tokens) -> tuple[str, ...]:
    return tuple(f"<{n}>" if token is None else token for n, token in enumerate(tokens))


def _tokens(name: str, value: Any, rows: int, contents: Contents) -> Tokens | None:
    """A list of tokens, a dict of tokens and their numbers either way, or a text of characters, as
    tokens in the order of their numbers, where these are as many as rows or a few less."""
    is_named = bool(NAMES.search(name))
    value = plain(value, contents) if is_named else value
    if isinstance(value, str) and value.startswith(("[", "{")) and len(value) != rows:
        try:
            value = json.loads(value)  # in the metadata of a .safetensors file all is text
        except (ValueError, RecursionError):
            return None
    least = rows - min(MISSING, rows // 5) if is_named else rows
    is_list = isinstance(value, (list, tuple)) or (isinstance(value, str) and TEXTS.search(name))
    if not (is_list or isinstance(value, dict)) or not least <= len(value) <= rows:
        return None
    if not isinstance(value, dict):
        return _checked(value, contents, is_named)
    items = list(dict.items(value))
    swapped = [(token, number) for number, token in items]
    found = (_numbered(way, rows, contents, is_named) for way in (items, swapped))
    return next(filter(None, found), None)


def _numbered(items: Iterable, rows: int, contents: Contents, is_named: bool) -> Tokens | None:
    """Tokens and their numbers as tokens in the order of these, None for a row without one."""
    items = list(items)
    by_number = {_number(plain(number, contents)): token for token, number in items}
    if len(by_number) < len(items) or not by_number.keys() <= set(range(rows)):
        return None
    return _checked([by_number.get(n) for n in range(rows)], contents, is_named)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return value if type(value) is int else None


def _checked(values: Iterable, contents: Contents, is_named: bool) -> Tokens | None:
    """Values as tokens, None if they are none, or two are alike."""
    try:
        tokens = tuple(_token(plain(value, contents), is_named) for value in values)
    except ValueError:
        return None
    held = [token for token in tokens if token is not None]
    whole = len({*held}) == len(held) >= max(1, len(tokens) - MISSING)
    return tokens if whole else None


def _token(value: Any, is_named: bool) -> str | None:
    """A token, of a number the character, or None for padding. Raises ValueError."""
    if value is None or value in ("", b""):
        return None
    if isinstance(value, bytes):
        value = value.decode()
    elif type(value) is int and is_named:
        value = chr(value)
        if not value.isprintable() and value not in "\t\n\r":
            raise ValueError("a character that no text has")
    if not isinstance(value, str):
        raise ValueError("neither a text nor the number of a character")
    value.encode()  # half a UTF-16 pair is no token
    return value
