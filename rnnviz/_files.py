"""A file is there as a whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """A temporary name in the same folder, then a rename; a device or a pipe stays what it is.

    The name has the number of this thread, which no other of any process has meanwhile.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    temporary = path.with_name(f".{path.name}.{threading.get_native_id()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
