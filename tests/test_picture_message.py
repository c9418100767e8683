"""A picture that is painted, in its binary message, read by a decoder of its own."""

import json
import struct

import numpy as np
import pytest

from rnnviz.figures.picture_message import pack

PALETTE = [("red", "#d62728"), ("blue", "#1f77b4")]


def test_pixels_palette_and_background_come_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    message = pack(pixels, PALETTE, "#101010")
    (size,) = struct.unpack_from("<I", message)
    assert json.loads(message[4 : 4 + size]) == {
        "size": 12,
        "palette": [{"name": "red", "color": "#d62728"}, {"name": "blue", "color": "#1f77b4"}],
        "background": "#101010",
    }
    assert list(message[4 + size :]) == pixels.ravel().tolist()


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((12, 11, 3), np.uint8),
        np.zeros((12, 12), np.uint8),
        np.zeros((12, 12, 3), np.float32),
    ],
)
def test_what_is_no_square_of_bytes_is_refused(pixels):
    with pytest.raises(ValueError, match=r"\(N, N, 3\) uint8"):
        pack(pixels, PALETTE, "#101010")
