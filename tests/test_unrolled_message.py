"""The binary message of a network unrolled in time, read by a decoder of its own."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from rnnviz import RNN_TYPES
from rnnviz.analysis.text_view import view
from rnnviz.analysis.unrolled import REACH, forgetting, unrolled
from rnnviz.figures import unrolled_message
from rnnviz.figures.unrolled_message import Copies, pack
from tests.test_gradient_decay import grown

TEXT = "ab a\nb ab a b\nabb a  ab\n"


def unpack(message):
    """Header, norms (T,REACH) by lane and by input, and cells (T,rows) by lane."""
    (size,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + size])
    at, steps = 4 + size, len(header["losses"])
    assert at % 4 == 0
    arrays = []
    for _ in range(len(header["lanes"]) + len(header["inputs"])):
        values = struct.unpack_from(f"<{steps * REACH}f", message, at)
        arrays.append(np.array(values).reshape(steps, REACH))
        at += 4 * steps * REACH
    cells = []
    for _ in header["lanes"]:
        cells.append(np.array([*message[at : at + steps * header["rows"]]]).reshape(steps, -1))
        at += steps * header["rows"]
    assert at == len(message)
    return header, arrays, cells


def copies(kind, forgotten=0):
    run = grown(kind)
    seen, whole = view(run, TEXT, 1), unrolled(run, TEXT)
    now = forgetting(run, TEXT, whole, forgotten) if forgotten else whole
    return Copies(run.info, seen.tokens, seen.counts, now, whole, 3, forgotten)


@pytest.mark.parametrize("forgotten", [0, 5])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_a_message_decodes_to_norms_and_losses(kind, forgotten):
    given = copies(kind, forgotten)
    header, arrays, _ = unpack(pack(given, dark=False))
    names = ["h", "c"] if kind == "LSTM" else ["h"]
    lanes = [(lane["symbol"], lane["layer"]) for lane in header["lanes"]]
    assert lanes == [(name, layer) for layer in (1, 0) for name in names]  # from the top down
    for lane in header["lanes"]:
        wanted = given.now.norms[lane["symbol"]][lane["layer"]]
        np.testing.assert_allclose(arrays[lane["at"]], wanted, rtol=1e-6, atol=1e-6)
    for layer, at in enumerate(header["inputs"]):
        np.testing.assert_allclose(arrays[at], given.now.norms["x"][layer], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(header["losses"], given.now.losses, rtol=1e-4)
    np.testing.assert_allclose(header["before"], given.whole.losses, rtol=1e-4)
    assert header["tokens"] == list(given.tokens)
    assert header["counts"] == [True] * len(given.now.losses)
    assert (header["target"], header["forgotten"]) == (3, forgotten)


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_strips_have_the_colour_of_bounded_states_and_change_after_a_forgotten_place(kind):
    whole, cut = (unpack(pack(copies(kind, at), dark=False)) for at in (0, 5))
    given = copies(kind)
    for lane, cells, other in zip(whole[0]["lanes"], whole[2], cut[2], strict=True):
        values = given.now.states[lane["symbol"]][lane["layer"]]
        if lane["symbol"] == "c":
            values = np.tanh(values)
        if kind != "RNN_RELU":  # four units: all of them, in their order
            np.testing.assert_allclose(cells / 127.5 - 1, values, atol=0.0041)
        assert (np.diff(cells.ravel()[np.argsort(values.ravel())]) >= 0).all()
        assert (cells[:5] == other[:5]).all()
        assert (cells[5:] != other[5:]).any()


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_matrices_are_those_of_the_model(kind):
    model = grown(kind).model
    wanted = [getattr(model.rnn, f"weight_{what}_l{k}") for k in range(2) for what in ("ih", "hh")]
    wanted.append(model.projection.weight)
    found = unrolled_message.weights(grown(kind).info)
    assert [w["shape"] for w in found] == [list(w.shape) for w in wanted]


def test_of_many_units_those_that_vary_most_are_shown(monkeypatch):
    monkeypatch.setattr(unrolled_message, "ROWS", 2)
    given = copies("GRU")
    header, _, cells = unpack(pack(given, dark=True))
    assert header["rows"] == 2
    for lane, shown in zip(header["lanes"], cells, strict=True):
        values = given.now.states["h"][lane["layer"]]
        most = sorted(range(4), key=lambda unit, v=values: -v[:, unit].var())[:2]
        np.testing.assert_allclose(shown / 127.5 - 1, values[:, sorted(most)], atol=0.0041)


@pytest.mark.parametrize("tokens", [("a",), ("a",) * 99])
def test_tokens_that_do_not_fit_the_steps_are_refused(tokens):
    with pytest.raises(ValueError, match=f"{len(tokens)} tokens"):
        pack(replace(copies("GRU"), tokens=tokens), dark=False)


def test_nan_is_refused():
    given = copies("GRU")
    given.now.norms["h"][0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        pack(given, dark=False)


def test_what_is_left_out_takes_no_place():
    given = copies("GRU")
    whole, short = (pack(replace(given, without=w), dark=False) for w in ((), (".weights",)))
    assert unpack(short)[0]["without"] == [".weights"]
    saved = unrolled_message.height(whole) - unrolled_message.height(short)
    assert saved == unrolled_message.PARTS[".weights"] > 0
