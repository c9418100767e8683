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
# Names of what holds a vocabulary and little else: it may be shorter than a model has rows.
TOKENS = re.compile(r"char|vocab|alphabet|letter|token|word|symbol|itos|stoi", re.IGNORECASE)
MISSING = 4  # rows that any vocabulary may not name, as <pad>, <unk>, <s>, </s>
PADDED = (64, 128)  # programs fill matrices up to a multiple of these
SETTING = 16  # characters, from which on a text without one twice is an alphabet
PAD = re.compile(r"[\W_]*(pad|unused)\w*[\W_]*", re.IGNORECASE)  # may stand at several rows
Tokens = tuple[str | None, ...]  # None for a row without a token: padding, or never used


def in_file(
    contents: Contents, rows: int, file: str, choose: bool, short: bool
) -> list[tuple[str, ...]]:
    """The vocabularies of so many tokens that a file may mean, none where it has none: several
    where its list is shorter, if there is a text to `choose` by, else with the rows that it lacks
    after it if these are padding. `short`: whether more than a few rows may have no token.

    Raises RunError where two differ.
    """
    found: dict[Tokens, str] = {}
    for group in groups(contents.held):
        for name, value in group.entries.items():
            if tokens := _tokens(name, value, rows, contents):
                found.setdefault(tokens, name)
        items = group.entries.items()
        if len(items) == rows and (tokens := _numbered(items, rows, contents, "")):
            found.setdefault(tokens, str(group.path[-1]) if group.path else "it")
    nearly = [tokens for tokens in found if _is_near(tokens, rows)]
    nearly = nearly or (list(found) if short else [])
    whole = _different([tokens for tokens in nearly if len(tokens) == rows])
    lists = whole or [tokens for tokens in nearly if len(tokens) < rows]
    if len(lists) > 1:
        names = " and ".join(repr(found[tokens][:60]) for tokens in lists)
        raise RunError(
            f"{file} holds several vocabularies of {rows:,} tokens, at {names}: keep one in it: "
            f"{save(WITH_TOKENS, file)}"
        )
    if lists and not whole and not choose:
        if rows - len(lists[0]) > MISSING and _is_padded(len(lists[0]), rows):
            return [_complete(_shifted(lists[0], rows)[0])]
        raise RunError(
            f"{file} {_listed(lists[0], found[lists[0]], rows)}: give the corpus that it was "
            "trained on, or a list of all rows, None for those without a token: "
            f"{save(WITH_TOKENS, file)}"
        )
    return [_complete(tokens) for one in lists for tokens in _shifted(one, rows)]


def other_count(contents: Contents, rows: int) -> str:
    """What a file says of tokens that are none of so many rows, "" where it has none."""
    for group in groups(contents.held):
        for name, value in group.entries.items():
            value = plain(value, contents) if TOKENS.search(name) else None
            if isinstance(value, (list, tuple, dict)) and len(value) != rows:
                is_by_number = isinstance(value, dict) and None not in map(_number, value)
                values = dict.values(value) if is_by_number else value
                if tokens := _checked(values, contents, len(value), name):
                    return _listed(tokens, name, rows)
    return ""


def _listed(tokens: Tokens, name: str, rows: int) -> str:
    return f"lists {len(tokens):,} tokens at {name[:60]!r} for {rows:,} rows of its embedding"


def _is_near(tokens: Tokens, rows: int) -> bool:
    """Whether a list has a token for all but a few rows."""
    few = MISSING if len(tokens) == rows else min(MISSING, rows // 5)
    return len(tokens) - tokens.count(None) >= rows - few


def _is_padded(count: int, rows: int) -> bool:
    """Whether a matrix of so many rows may be one of `count`, filled up."""
    return 8 * count >= rows and any(rows % n == 0 and rows - count < n for n in PADDED)


def _may_be_all(value: Any, rows: int, name: str) -> bool:
    """Whether what lies under a name may be the whole vocabulary of a model, by how much it is: a
    short text may be any setting."""
    count = len(value)
    few = min(MISSING, rows // 5) if NAMES.search(name) else 0
    is_short = 2 * count >= rows or _is_padded(count, rows)
    is_named = TOKENS.search(name) and not (isinstance(value, str) and count < SETTING)
    return count <= rows and bool(count >= rows - few or (is_named and is_short))


def _different(lists: list[Tokens]) -> list[Tokens]:
    """Lists without those that another one fills up."""
    kept: list[Tokens] = []
    for tokens in sorted(lists, key=lambda tokens: tokens.count(None)):
        pairs = (zip(tokens, other, strict=True) for other in kept)
        if not any(all(one in (None, two) for one, two in pair) for pair in pairs):
            kept.append(tokens)
    return kept


def _shifted(tokens: Tokens, rows: int) -> list[Tokens]:
    """A list with the rows that it lacks: all after it, or up to a few of them before it."""
    more = rows - len(tokens)
    before = range(min(more, MISSING) + 1)
    return [(*(None,) * n, *tokens, *(None,) * (more - n)) for n in before]


def _complete(tokens: Tokens) -> tuple[str, ...]:
    """Tokens with made-up ones, which no text has, for the rows without."""
    held, left, right = {*tokens}, "<", ">"
    while any(f"{left}{n}{right}" in held for n in range(len(tokens))):
        left, right = f"<{left}", f"{right}>"
    return tuple(f"{left}{n}{right}" if t is None else t for n, t in enumerate(tokens))


def _tokens(name: str, value: Any, rows: int, contents: Contents) -> Tokens | None:
    """A list of tokens, a dict of tokens and their numbers either way, or a text of characters, as
    tokens in the order of their numbers, where these may be all that a model has."""
    is_named = bool(NAMES.search(name))
    value = plain(value, contents) if is_named else value
    if isinstance(value, str) and value.startswith(("[", "{")) and len(value) != rows:
        try:
            value = json.loads(value)  # in the metadata of a .safetensors file all is text
        except (ValueError, RecursionError):
            return None
    is_list = isinstance(value, (list, tuple)) or (isinstance(value, str) and TEXTS.search(name))
    if not (is_list or isinstance(value, dict)) or not _may_be_all(value, rows, name):
        return None
    if not isinstance(value, dict):
        return _checked(value, contents, len(value), name)
    items = list(dict.items(value))
    swapped = [(token, number) for number, token in items]
    found = (_numbered(way, rows, contents, name) for way in (items, swapped))
    return next(filter(None, found), None)


def _numbered(items: Iterable, rows: int, contents: Contents, name: str) -> Tokens | None:
    """Tokens and their numbers as tokens in the order of these, None for a row without one."""
    items = list(items)
    by_number = {_number(plain(number, contents)): token for token, number in items}
    if len(by_number) < len(items) or not by_number.keys() <= set(range(rows)):
        return None
    return _checked([by_number.get(n) for n in range(rows)], contents, len(items), name)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return value if type(value) is int else None


def _checked(values: Iterable, contents: Contents, count: int, name: str) -> Tokens | None:
    """Values as tokens, None if they are none, or two are alike that are no padding; all but a few
    of `count` are there, under a name of tokens at least one."""
    try:
        tokens = [_token(plain(value, contents), bool(NAMES.search(name))) for value in values]
    except ValueError:
        return None
    first = {token: n for n, token in reversed([*enumerate(tokens)])}
    tokens = [
        None if token and first[token] < n and PAD.fullmatch(token) else token
        for n, token in enumerate(tokens)
    ]
    held = [token for token in tokens if token is not None]
    least = 1 if TOKENS.search(name) else max(1, count - MISSING)
    return tuple(tokens) if len({*held}) == len(held) >= least else None


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
