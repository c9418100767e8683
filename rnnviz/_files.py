"""Atomic writes."""

from __future__ import annotations

import threading
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write to a temporary file in the same folder and rename it; to a device or pipe directly.

    The temporary name ends with the id of this thread, which is unique on the machine, so that two
    writers never share a file. Raises OSError, and then leaves no temporary file behind.
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
