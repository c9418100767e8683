"""Names of files as a terminal and a page can show them."""

from __future__ import annotations

import re

# Terminal controls, line ends, changes of writing direction, and halves of UTF-16 pairs.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with a question mark for each character that cannot be shown."""
    return _UNPRINTABLE.sub("?", text)
