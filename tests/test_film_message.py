"""A film of a dot in its message, read by a decoder of its own."""

import json
import struct

import numpy as np
import pytest

from rnnviz.figures.film_message import MOST, SIZE, height, pack


def test_frames_words_and_marks_come_as_they_are():
    path = np.array([[0, 7], [1, 7], [1, 6]])
    message = pack(path, ["", "right", "<b>"], [None, np.True_, np.False_])
    (size,) = struct.unpack_from("<I", message)
    assert len(message) == 4 + size
    assert json.loads(message[4:]) == {
        "size": SIZE,
        "most": MOST,
        "path": [[0, 7], [1, 7], [1, 6]],
        "said": ["", "right", "<b>"],
        "right": [None, True, False],
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ([], "0 frames"),
        ([(0, 0)] * 31, "31 frames"),
        ([(0, 8)], "leaves the 8 x 8 cells"),
        ([(-1, 0)], "leaves"),
    ],
)
def test_a_path_that_does_not_fit_is_refused(path, said):
    with pytest.raises(ValueError, match=said):
        pack(path, [""] * len(path), [None] * len(path))


@pytest.mark.parametrize(("words", "marks"), [(1, 2), (2, 3)])
def test_words_that_do_not_fit_are_refused(words, marks):
    with pytest.raises(ValueError, match=f"2 frames, {words} texts and {marks} marks"):
        pack([(0, 0), (1, 0)], [""] * words, [None] * marks)


def test_a_longer_film_is_higher():
    one, thirty = (height(pack([(0, 0)] * n, [""] * n, [None] * n)) for n in (1, 30))
    assert one < thirty
