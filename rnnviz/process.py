"""How this process waits and holds memory: one way for many sessions, another for a training."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import os
import sys
import threading
import time
from collections.abc import Iterator

TIDY_SECONDS = 2.0
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt


@functools.cache
def serve_many() -> None:
    """Settings of the app, made once, before torch is loaded.

    Threads that spin while they wait would take the cores from other sessions and from a training.
    And what a session frees goes back to the system, which glibc by itself puts off: it has a heap
    a thread, blocks of up to 32 MB in it, and keeps what is free between two that are not.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _mallopt(M_ARENA_MAX, 2)
    _give_back_from(2**20)
    threading.Thread(target=_tidy, name="tidy", daemon=True).start()


@contextlib.contextmanager
def blocks_kept() -> Iterator[None]:
    """Freed blocks stay at hand, for a training that asks for the same ones at each step; taken
    from the system anew they cost it a third of its speed."""
    _mallopt(M_MMAP_THRESHOLD, 2**25)
    _mallopt(M_TRIM_THRESHOLD, 2**29)
    try:
        yield
    finally:
        _give_back_from(2**20)
        _give_back()


def _tidy() -> None:
    """Gives back what is free, and takes new imports out of sight of the garbage collector, which
    Streamlit runs after every script: with torch loaded that is 20 ms instead of 130."""
    imported = 0
    while True:
        time.sleep(TIDY_SECONDS)
        if len(sys.modules) > imported:
            imported = len(sys.modules)
            gc.collect()
            gc.freeze()
        _give_back()


def _give_back() -> None:
    _glibc("malloc_trim", 0)


def _give_back_from(size: int) -> None:
    _mallopt(M_MMAP_THRESHOLD, size)
    _mallopt(M_TRIM_THRESHOLD, size)


def _mallopt(what: int, value: int) -> None:
    _glibc("mallopt", what, value)


def _glibc(function: str, *numbers: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not glibc: nothing to set, and no need
        getattr(ctypes.CDLL(None), function)(*numbers)
