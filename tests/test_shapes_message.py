"""The shapes of input and output in their binary message, read by a decoder of its own."""

import json
import struct

import numpy as np
import pytest

from rnnviz.figures import shapes_message, style
from rnnviz.figures.shapes_message import Boxes, Column, Picture, Shape, height, pack

SHAPES = [
    Shape("one-to-one", "picture to shape", (Boxes(True, True, True),)),
    Shape("many-to-one", "film to motion", (Boxes(True, True, False), Boxes(True, True, True))),
]
STATES = np.array([[-1.0, 0.0, 1.0], [0.5, -0.25, 2.0]])
PICTURE = Picture([["#000000", "#0102ff"], ["#ffffff", "#102030"], ["#aabbcc", "#010101"]])
COLUMNS = [
    Column(PICTURE, STATES[0], "encoder"),
    Column("a word", None, "encoder", gradient=-2.34567),
    Column(Picture([["#030201"]]), STATES[1], "decoder", "b", 0.123456, False, True, -np.inf),
    Column(said=" ", truth=True),
]


def unpack(message):
    """Header, states (N,H) as int8, and the pixels of each picture, by column."""
    (size,) = struct.unpack_from("<I", message)
    header, at = json.loads(message[4 : 4 + size]), 4 + size
    count = header["states"] * header["units"]
    codes = np.array(struct.unpack_from(f"<{count}b", message, at))
    codes = codes.reshape(header["states"], header["units"])
    pictures, end = {}, at + count
    for n, column in enumerate(header["columns"]):
        if found := column["picture"]:
            place, cells = at + count + found["at"], found["rows"] * found["columns"]
            rgb = [tuple(message[place + 3 * k : place + 3 * k + 3]) for k in range(cells)]
            pictures[n] = rgb
            end = place + 3 * cells
    assert end == len(message)
    return header, codes, pictures


def test_shapes_columns_states_and_pictures_come_as_they_are():
    header, codes, pictures = unpack(pack(SHAPES, 1, COLUMNS, 2, dark=False))
    assert (header["chosen"], header["step"]) == (1, 2)
    assert header["shapes"][1] == {
        "name": "many-to-one",
        "title": "film to motion",
        "columns": [[True, True, False], [True, True, True]],
    }
    columns = header["columns"]
    assert [column["state"] for column in columns] == [0, None, 1, None]
    np.testing.assert_array_equal(codes, [[-127, 0, 127], [64, -32, 127]])  # 2 counts as 1
    assert [column["given"] for column in columns] == [None, "a word", None, None]
    wanted = [tuple(bytes.fromhex(color[1:])) for row in PICTURE.colors for color in row]
    assert pictures == {0: wanted, 2: [(3, 2, 1)]}
    assert [column["part"] for column in columns] == ["encoder", "encoder", "decoder", ""]
    assert [column["said"] for column in columns] == [None, None, "b", "␣"]
    assert [column["p"] for column in columns] == [None, None, 0.1235, None]
    assert [column["truth"] for column in columns] == [None, None, False, True]
    assert [column["loss"] for column in columns] == [False, False, True, False]
    assert [column["gradient"] for column in columns] == [None, -2.346, None, None]


@pytest.mark.parametrize(("dark", "scale"), [(False, "diverging"), (True, "diverging_dark")])
def test_colours_are_those_of_the_theme(dark, scale):
    header, codes, _ = unpack(pack(SHAPES, 0, [Column("x")], 0, dark))
    assert header["scale"] == style.scale(scale)
    assert not codes.size


def test_each_value_of_a_state_is_kept_within_half_a_step():
    values = np.tanh(np.random.default_rng(0).normal(size=(400, 128)))
    columns = [Column("x", state) for state in values]
    _, codes, _ = unpack(pack(SHAPES, 0, columns, 0, dark=False))
    np.testing.assert_allclose(codes / 127, values, atol=0.5 / 127 + 1e-9)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([Column("x")] * 401, "401 columns, 400 at most"),
        ([Column("x", np.zeros(3)), Column("x", np.zeros(4))], "different sizes"),
        ([Column("x", np.zeros(129))], "128 units at most"),
        ([Column("x", np.zeros((2, 2)))], "128 units at most"),
        ([Column("x", np.array([np.nan]))], "states are NaN"),
        ([Column("x", gradient=np.nan)], "gradients are NaN"),
        ([Column("x", gradient=np.inf)], "gradients are NaN"),
    ],
)
def test_what_cannot_be_drawn_is_refused(columns, said):
    with pytest.raises(ValueError, match=said):
        pack(SHAPES, 0, columns, 0, dark=False)


def test_what_is_not_there_takes_no_place():
    one, two, lost, split, none = (
        height(pack(SHAPES, 0, columns, 0, dark=False))
        for columns in (
            [Column("x")],
            [Column("x")] * 2,
            [Column("x", has_loss=True)],
            [Column("x", part="encoder")],
            [],
        )
    )
    assert none == shapes_message.GALLERY < one < min(two, lost, split)
