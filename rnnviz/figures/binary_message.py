"""A header and arrays as one message for a browser component; dom.js reads it with `readHeader`.

The message is a little-endian uint32 n, a JSON header of n bytes, and the arrays.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any


def join(header: dict[str, Any], arrays: Iterable[bytes]) -> bytes:
    """The message. Raises ValueError for a header with NaN or infinity."""
    encoded = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    encoded += b" " * (-len(encoded) % 4)  # typed arrays must begin at a multiple of four bytes
    return b"".join([struct.pack("<I", len(encoded)), encoded, *arrays])


def header_of(message: bytes) -> dict[str, Any]:
    (size,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + size])
