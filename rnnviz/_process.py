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
from collections.abc import Generator

TIDY_SECONDS = 2.0
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt
_slots = threading.Semaphore(os.cpu_count() or 1)


@functools.cache
def serve_many() -> None:
    """Settings of the app, made once.

    What a session frees goes back to the system, which glibc by itself puts off: it has a heap a
    thread, blocks of up to 32 MB in it, and keeps what is free between two that are not.
    """
    _mallopt(M_ARENA_MAX, 2)
    _give_back_from(2**20)
    threading.Thread(target=_tidy, name="tidy", daemon=True).start()


@functools.cache
def cores() -> int:
    """Threads that torch takes by itself; asked before anything else is set."""
    import torch

    return torch.get_num_threads()


def one_core() -> None:
    """Torch computes on one core in this thread, and in those that begin later.

    A page is a new thread at each rerun, to which a team of threads of its own is more of a cost
    than a help: with two the gradients of four models took 1.6 times as long as with one.
    """
    import torch

    cores()
    torch.set_num_threads(1)


@contextlib.contextmanager
def compute_slot() -> Generator[None]:
    """Wait for a free core, then compute on it: more pages at once than cores would all end
    later."""
    with _slots:
        one_core()
        yield


@contextlib.contextmanager
def one_core_left() -> Generator[None]:
    """In a training's thread: torch takes all cores but one, which it leaves to the pages."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, cores() - 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def blocks_kept() -> Generator[None]:
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
