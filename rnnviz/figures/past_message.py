"""What models say next by how much of the past they have read, as a message for past.js: a header
of `binary_message` without arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnviz.analysis.past import LIKELIEST, Past
from rnnviz.figures import binary_message, style

CARD, BAR, ABOVE, LINE, PER_LINE = 105, 22, 120, 24, 100  # pixels and characters, as in past.css


def pack(
    pasts: Sequence[Past],
    labels: Sequence[str],
    place: int | None,
    dark: bool,
    bars: int = LIKELIEST,
) -> bytes:
    """`place`: from which character of the text on the past is known, None for all of it. `bars`:
    how many of the likeliest tokens are drawn."""
    models = [
        {
            "label": label,
            "title": past.info.name,
            "color": style.color(past.info.rnn_type, dark),
            "tokens": past.tokens,
            "starts": past.starts.tolist(),
            "likeliest": past.likeliest,
            "p": [[round(float(p), 5) for p in row] for row in past.p],
            "moved": [round(float(share), 4) for share in past.moved],
        }
        for past, label in zip(pasts, labels, strict=True)
    ]
    return binary_message.join({"models": models, "place": place, "bars": bars}, ())


def height(message: bytes) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn."""
    header = binary_message.header_of(message)
    models, card = header["models"], CARD + BAR * header["bars"]
    lines = math.ceil(sum(map(len, models[0]["tokens"])) / PER_LINE)
    return ABOVE + LINE * min(lines, 5) + card * math.ceil(len(models) / 2)
