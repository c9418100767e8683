"""Threads and memory of this process: one setting to serve many sessions, another to train."""

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
# Of glibc's mallopt
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8
USUAL_MMAPS = 2**16  # blocks that glibc may map each by itself
_slots = threading.Semaphore(os.cpu_count() or 1)


@functools.cache
def serve_many() -> None:
    """Memory settings of the app, made once a process.

    They make freed memory go back to the system. By itself glibc holds it for long: it has one heap
    a thread, puts blocks of up to 32 MB into it, and cannot return free memory that lies between
    two blocks in use.
    """
    _mallopt(M_ARENA_MAX, 2)
    _give_back_from(2**20)
    threading.Thread(target=_tidy, name="tidy", daemon=True).start()


@functools.cache
def cores() -> int:
    """The number of threads that torch uses by default; called before any other is set."""
    import torch

    return torch.get_num_threads()


def one_core() -> None:
    """Let torch compute on one core, in this thread and in those that begin later.

    Each rerun of a page is a new thread, for which torch would start worker threads of its own.
    That costs more than it saves: the gradients of four models took 1.6 times as long with two
    threads as with one.
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


_threads_lock = threading.Lock()
_threads_users: list[int] = []  # the thread of each block of `threads` that is open
_threads_set: list[int] = []  # what the first of them found, then the counts that were set since


@contextlib.contextmanager
def threads(count: int) -> Generator[None]:
    """Let torch compute on so many threads, then on as many as before.

    torch takes the count that any thread sets as the default of those that begin later. So a thread
    may have its count from a block that another one has entered: such a thread goes back to what
    the first of the overlapping blocks found, and so does the default once the last one is left.
    """
    import torch

    me = threading.get_ident()
    with _threads_lock:
        before = torch.get_num_threads()
        if not _threads_users:
            _threads_set[:] = [before]
        elif me not in _threads_users and before in _threads_set:
            before = _threads_set[0]
        _threads_users.append(me)
        _threads_set.append(count)
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _threads_lock:
            _threads_users.remove(me)
            torch.set_num_threads(before)
            if not _threads_users and before != _threads_set[0]:
                # Another thread can set the default and leave the count of this one.
                aside = threading.Thread(target=torch.set_num_threads, args=_threads_set[:1])
                aside.start()
                aside.join()


def one_core_left() -> contextlib.AbstractContextManager[None]:
    """In a training's thread: let torch use all cores but one, which is left to the pages."""
    return threads(max(1, cores() - 1))


@contextlib.contextmanager
def blocks_kept() -> Generator[None]:
    """Keep freed memory in the process during a training, which asks for the same blocks at each
    step. Asking the system for them again would cost a third of its speed; a block that is mapped
    by itself, as those above 32 MB are, is asked for each time."""
    _mallopt(M_MMAP_MAX, 0)
    _mallopt(M_TRIM_THRESHOLD, 2**29)
    try:
        yield
    finally:
        _mallopt(M_MMAP_MAX, USUAL_MMAPS)
        _give_back_from(2**20)
        _give_back()


def _tidy() -> None:
    """Every few seconds: give free memory back, and exclude newly imported modules from garbage
    collection. Streamlit collects after every script; with torch loaded that takes 20 ms instead
    of 130."""
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
    with contextlib.suppress(OSError, AttributeError):  # another C library: there is nothing to set
        getattr(ctypes.CDLL(None), function)(*numbers)
