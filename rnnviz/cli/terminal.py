"""What is said on the terminal, even where stderr cannot be written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO


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


def ensure_stderr() -> None:
    """Give the process a stderr where it was started without one (Python has None then)."""
    sys.stderr = sys.stderr or _null_device()


def print_error(error: BaseException) -> None:
    """Print an error in one line of at most 500 characters; a MemoryError has no text."""
    text = " ".join(str(error).split())[:500] or "there is not enough memory"
    print(f"rnnviz: {text}", file=STDERR)


def _null_device() -> TextIO:
    return open(os.devnull, "w")
