"""Where runs lie and how they are named: one plain folder a run, no name twice."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from rnnviz import _paths
from rnnviz.runs.info import RunError

MAX_NAME = 80  # characters
LONGEST_CORPUS = 60  # characters of a corpus' name in that of a run
MAX_NUMBERED = 70  # characters of a name that gets a number


def runs_folder() -> Path:
    """Where runs of this user are kept: RNNVIZ_RUNS, else runs/ in the current folder. Raises
    RunError for a `~` without a home directory."""
    folder = os.environ.get("RNNVIZ_RUNS") or "runs"
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise RunError(
            f"RNNVIZ_RUNS is {folder!r}, and no such home directory is known: give a whole path"
        ) from None


def run_path(path: Path | str) -> Path:
    """A path of runs that a person named, which may begin with `~`. Raises RunError."""
    try:
        return _paths.user_path(path)
    except ValueError as error:
        raise RunError(str(error)) from None


def safe_name(name: str) -> str:
    """The name, its accents composed, if it is that of one plain folder. Raises RunError for
    anything else."""
    name = composed(name)
    is_plain = name == _plain(name) and len(name) <= MAX_NAME
    if not (is_plain and re.match(r"\w", name)) or name.endswith((".", " ")):
        shown = name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}\N{HORIZONTAL ELLIPSIS}"
        raise RunError(
            f"{shown!r} is no name for a run: "
            f"use up to {MAX_NAME} letters, digits, spaces, '-', '_', '.', '+'"
        )
    return name


def composed(name: str) -> str:
    """The name with each letter and its accent in one character, where there is one: some systems
    write the names of files with two."""
    return unicodedata.normalize("NFC", name)


def _plain(name: str) -> str:
    """The name with a space for each character that the name of a run cannot have. A combining
    mark, as the vowel signs of Hindi are, stands after a letter or another mark."""
    kept = ""
    for character in name:
        is_mark = unicodedata.category(character) in ("Mn", "Mc")
        fits = kept[-1:] not in "_.+ -" if is_mark else re.match(r"[\w.+ -]", character)
        kept += character if fits else " "
    return kept


def run_name(corpus: str, rnn_type: str) -> str:
    """The usual name of a run: python-source-rnn-tanh. A `safe_name` for any name of a corpus."""
    plain = re.sub(" +|_", "-", _plain(composed(corpus.lower())))
    plain = plain[:LONGEST_CORPUS].strip(".+-") or "run"
    return f"{plain}-{type_in_name(rnn_type)}"


def type_in_name(rnn_type: str) -> str:
    """A cell type as it stands in names: rnn-tanh."""
    return rnn_type.lower().replace("_", "-")


def wanted_name(wanted: str, corpus: str, rnn_type: str, several: bool) -> str:
    """The name of a training: the one that is wanted, with the cell type where `several` are
    trained, else the usual one. Raises RunError."""
    if not wanted:
        return run_name(corpus, rnn_type)
    return safe_name(f"{wanted}-{type_in_name(rnn_type)}" if several else wanted)


def is_shipped(name: str) -> bool:
    """Whether a run that ships has this name: it is found beside the user's."""
    return any((folder / name).exists() for folder in (_paths.SHIPPED_RUNS, _paths.RECALL_RUNS))


def take_free_name(name: str, folder: Path, take: Callable[[Path], object]) -> Path:
    """The first of name, name-2, name-3, ... below a folder that no run has, after `take` made it.

    `take` is given one path after the other and raises FileExistsError for one that is in use:
    to ask first and make it then would let another process come between.
    """
    number = 0
    while True:
        number += 1
        path = folder / (name if number == 1 else f"{name[:MAX_NUMBERED]}-{number}")
        if folder == runs_folder() and is_shipped(path.name):
            continue
        with contextlib.suppress(FileExistsError):
            take(path)
            return path


def claim(name: str, folder: Path) -> Path:
    """An empty folder for a new run, its name made unique. Raises RunError."""
    path = folder / safe_name(name)
    try:
        return take_free_name(name, folder, lambda path: path.mkdir(parents=True))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None


def is_numbered(found: str, name: str) -> bool:
    """Whether `claim` may have made the name of a run from `name`: name, name-2, name-3, ..."""
    numbered = f"{re.escape(name)}|{re.escape(name[:MAX_NUMBERED])}-[0-9]+"
    return re.fullmatch(numbered, found) is not None
