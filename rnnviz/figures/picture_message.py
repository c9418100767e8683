"""A small picture that a person paints, as a message for picture.js: a header of `binary_message`
and a byte for red, green and blue of each cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnviz.figures import binary_message

HEIGHT = 330  # pixels on a wide screen, so that its place is kept before it is drawn


def pack(pixels: np.ndarray, palette: Sequence[tuple[str, str]], background: str) -> bytes:
    """The message. `pixels` (N,N,3) uint8; `palette`: names and colours "#rrggbb" to paint with;
    `background`: the colour of an empty cell.

    Raises ValueError for pixels that are no square of bytes.
    """
    size = len(pixels)
    if pixels.shape != (size, size, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"pixels {pixels.shape} {pixels.dtype}; (N, N, 3) uint8 is accepted")
    header = {
        "size": size,
        "palette": [{"name": name, "color": color} for name, color in palette],
        "background": background,
    }
    return binary_message.join(header, (pixels.tobytes(),))
