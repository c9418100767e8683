"""A text that is cut into rows and windows, as one binary message for windows.js.

The message is a little-endian uint32 n and a JSON header of n bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rnnviz.analysis.text_view import visible
from rnnviz.figures import binary_message

VIEWS = ("line", "rows", "windows")  # what the text is shown as
MOST_TOKENS, MOST_ROWS, MOST_LENGTH = 120, 8, 20
HEIGHT = 428  # pixels on a wide screen, so that its place is kept before it is drawn


@dataclass(frozen=True)
class Shown:
    """What is looked at: so many rows, windows of so many steps, the number of one window, from 1,
    and one of VIEWS."""

    rows: int
    length: int
    window: int
    view: str


def pack(text: str, shown: Shown) -> bytes:
    """The message. Each character of the text is a token; windows.js cuts them itself, because it
    does so while a slider moves."""
    header = {
        "tokens": [visible(token) for token in text],
        "choice": asdict(shown),
        "most": {"rows": MOST_ROWS, "length": MOST_LENGTH},
    }
    return binary_message.join(header, ())
