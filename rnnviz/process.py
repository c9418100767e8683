"""How this process waits and holds memory: one way for many sessions, another for a training."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt


@functools.cache
def serve_many() -> None:
    """Settings of the app, made once, before torch is loaded.

    Threads that spin while they wait would take the cores from other sessions and from a training.
    And what a session frees goes back to the system, which glibc by itself puts off: it has a heap
    a thread, and blocks of up to 32 MB in it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _mallopt(M_ARENA_MAX, 2)
    _give_back_from(2**20)


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
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _give_back_from(size: int) -> None:
    _mallopt(M_MMAP_THRESHOLD, size)
    _mallopt(M_TRIM_THRESHOLD, size)


def _mallopt(what: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # not glibc: nothing to set, and no need
        ctypes.CDLL(None).mallopt(what, value)
