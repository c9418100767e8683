"""The binary message of the circuits, read by a decoder of its own."""

import json
import struct

import numpy as np
import pytest

from rnnviz import RNN_TYPES
from rnnviz.analysis.text_view import view
from rnnviz.analysis.unit_steps import unit_steps
from rnnviz.figures import cell_message
from rnnviz.figures.cell_message import Cell
from tests.test_heatmap_message import value_of
from tests.test_text_view import some_run

TEXT = "ab ba abba b\na ab baab ba"
MARKS = {" ": "␣", "\n": "⏎", "<eos>": "⏎"}


def some_cell(kind: str, text: str = TEXT, split: str = "char", **held) -> Cell:
    run, unit = some_run(kind, split, name=f"{kind} {split}"), 1
    seen = view(run, text, 1)
    text = text[: seen.spans[-1, 1]]
    steps = unit_steps(run, text, 1, unit)
    if not held:
        return Cell(seen, unit, steps, f"key of {kind}")
    start, pairs = held["start"], held["pairs"]
    changed = unit_steps(run, text, 1, unit, dict(pairs), start)
    return Cell(seen, unit, steps, f"key of {kind}", start, pairs, changed)


def unpack(message: bytes) -> tuple[dict, list[dict]]:
    """Header, and of each model its numbers and strips by name, as cell.js reads them."""
    (length,) = struct.unpack("<I", message[:4])
    header = json.loads(message[4 : 4 + length])
    body = message[4 + length :]
    count = header["numbers"]
    numbers = struct.unpack(f"<{count}f", body[: 4 * count])
    codes = struct.unpack(f"<{(len(body) - 4 * count) // 2}H", body[4 * count :])
    models = []
    for model in header["models"]:
        steps, units = len(header["texts"][model["text"]]["tokens"]), len(model["units"])
        found = {}
        for name, at in model["series"].items():
            found[name] = np.array(numbers[at : at + steps + (name in ("c", "h"))])
        for name, strip in model["strips"].items():
            cells = codes[strip["offset"] : strip["offset"] + steps * units]
            values = [value_of(code, strip["lowest"]) for code in cells]
            found[f"strip {name}"] = np.array(values).reshape(steps, units)
        models.append(found)
    return header, models


@pytest.mark.parametrize("order", ["index", "mean"])
def test_a_message_decodes_to_the_numbers_of_unit_and_layer(order):
    cells = [some_cell(kind) for kind in RNN_TYPES]
    header, models = unpack(cell_message.pack(cells, order, 0, 1, dark=False))
    assert len(header["texts"]) == 1
    for cell, told, found in zip(cells, header["models"], models, strict=True):
        assert (told["unit"], told["key"], told["layer"]) == (1, cell.key, 2)
        assert found.keys() == {
            *cell.steps.series,
            *(f"strip {name}" for name in cell.view.gates | cell.view.states),
        }
        for name, values in cell.steps.series.items():
            assert np.array_equal(found[name], values)
        for name, values in (cell.view.gates | cell.view.states).items():
            wanted = values[:, told["units"]]
            np.testing.assert_allclose(found[f"strip {name}"], wanted, rtol=6e-3, atol=1e-30)
        for t, row in enumerate(cell.steps.likeliest):
            tokens = [cell.view.info.vocab.id2token[n] for n in row]
            wanted = [MARKS.get(token, token) for token in tokens]
            assert [told["words"][n] for n in told["likeliest"][t]] == wanted
        np.testing.assert_allclose(told["probs"], cell.steps.probs, rtol=1e-5)
        assert told["next"][-1] is None
        np.testing.assert_allclose(told["next"][:-1], cell.steps.next_log_p[:-1], rtol=1e-6)


def test_a_window_of_a_long_text_has_the_states_before_it(monkeypatch):
    monkeypatch.setattr("rnnviz.figures.heatmap_views.WINDOW", 7)
    pairs = (("f", 1.0), ("i", 0.0))
    cell = some_cell("LSTM", start=9, pairs=pairs)
    header, (found,) = unpack(cell_message.pack([cell], "index", 5, 1, dark=True))
    assert header["texts"][0]["first"] == 6
    assert header["texts"][0]["tokens"] == [MARKS.get(token, token) for token in TEXT[5:12]]
    assert np.array_equal(found["c"], cell.steps.states["c"][5:13])
    assert np.array_equal(found["f"], cell.steps.gates["f"][5:12])
    (answer,) = cell_message.held([cell], 5)
    assert (answer["key"], answer["start"]) == (cell.key, 4)
    assert answer["pairs"] == [["f", 1.0], ["i", 0.0]]
    assert answer["series"]["c"] == cell.held.states["c"][5:13].tolist()
    assert len(set(answer["series"]["c"][4:])) == 1
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_what_is_not_held_has_no_answer_and_texts_of_other_vocabularies_their_own_tokens():
    cells = [some_cell("LSTM"), some_cell("GRU", split="word")]
    assert cell_message.held(cells, 0) == []
    header, models = unpack(cell_message.pack(cells, "mean", 0, 1, dark=False))
    assert [model["text"] for model in header["models"]] == [0, 1]
    assert [len(found["h"]) - 1 for found in models] == [len(c.view.tokens) for c in cells]
