"""What is said on the terminal, whatever its encoding, and where nobody reads it any more."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Generator
from typing import TextIO, cast

from rnnviz.data.printable import printable

# Options that are not called as the argument of the library that they give.
OPTIONS = {"num_hidden_layers": "layers", "n_tokens": "tokens", "count": "words", "ids": "text"}


class _Stderr:
    """stderr, replaced by the null device once a write fails.

    It may be closed, on a full disk, or a pipe whose reader has ended; that must not end a
    training.
    """

    def __getattr__(self, name: str):
        return getattr(sys.stderr, name)

    def write(self, text: str) -> None:
        self._try(lambda: sys.stderr.write(text))

    def flush(self) -> None:
        self._try(lambda: sys.stderr.flush())

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (OSError, ValueError):  # ValueError: the file is closed
            sys.stderr = _null_device()


STDERR = _Stderr()


class _Stdout:
    """stdout, whose file becomes the null device once a write fails: Python writes the rest of it
    at its exit, too.

    A pipe whose reader has ended, as in `runs | head -1`, is no error. Raises OSError for any
    other, as of a full disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str):
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._try(lambda: self._stream.flush())

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
            if not isinstance(error, BrokenPipeError):
                raise


@contextlib.contextmanager
def streams() -> Generator[None]:
    """Inside, stdout and stderr can be written to whatever they are.

    What the encoding of one lacks is written as an escape (`\\u2603`). A process may have been
    started without a stderr (Python has None then), or with a stdout whose reader ends early.
    """
    sys.stderr = sys.stderr or _null_device()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        yield
        return
    with contextlib.redirect_stdout(cast(TextIO, _Stdout(sys.stdout))):
        try:
            yield
        finally:
            sys.stdout.flush()


def print_error(error: BaseException) -> None:
    """Print an error in one line; a MemoryError has no text. Those of others than this package are
    cut, and its own, which end in what to do, only where names of a damaged file are endless."""
    text = str(error) or "there is not enough memory"
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    text = re.sub("^([a-z_]+)(?= must be )", lambda match: _option(match[1]), text)
    text = printable(" ".join(text.split()))[: 5_000 if isinstance(error, ValueError) else 500]
    print(f"rnnviz: {text}", file=STDERR)


def _option(argument: str) -> str:
    """The option that gives an argument of the library."""
    return f"--{OPTIONS.get(argument, argument).replace('_', '-')}"


def _null_device() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8", errors="replace")
