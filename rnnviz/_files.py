"""Atomic writes."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

KEPT = 50  # characters of a file's name in its temporary name: a long one has room for no more


def write(path: Path, content: bytes) -> None:
    """Write to a temporary file in the same folder and rename it; to a device or pipe directly.

    The temporary name ends with the id of this thread, which is unique on the machine, so that two
    writers never share a file. Raises OSError, which names `path`, and then leaves no temporary
    file behind.
    """
    temporary = path.parent / f".{path.name[:KEPT]}.{threading.get_native_id()}"
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        if not path.parent.exists():
            reason = f"the folder {path.parent} does not exist"
        raise OSError(error.errno, reason, str(path)) from None
    finally:
        with contextlib.suppress(OSError):  # a folder that is no folder, a name too long
            temporary.unlink(missing_ok=True)
