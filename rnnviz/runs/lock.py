"""One training a run at a time: a lock on its folder, which ends with the process that holds it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

from rnnviz.runs.info import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Inside, no other training begins or goes on with the run at `path`. Raises RunError if one
    does. Where folders cannot be locked (Windows, some network drives), nothing is."""
    if fcntl is None:
        yield
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{path} is being trained already: wait until that ends, or leave --resume out to "
                "begin a new run"
            ) from None
        except OSError:  # this drive has no locks
            pass
        yield
    finally:
        os.close(folder)
