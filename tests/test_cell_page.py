"""The circuits of the Cell state page, without a browser."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_app import is_fine, opened
from tests.test_cell_message import unpack

HOLDS = [
    ((("f", 1.0), ("i", 0.0)), 2),
    ((("c", -0.5),), 0),
    ((("h", 1e30),), 5),
]


def shown(app: AppTest) -> tuple[dict, list[dict], list]:
    """What the page sends to the circuits: header, numbers, and answers on what is held."""
    parts = {part.key: part.proto for part in app.get("bidi_component")}
    name, answers = json.loads(parts["tell_held"].json)
    assert name == "held"
    return *unpack(parts["cell"].bytes), answers


@pytest.mark.parametrize(("pairs", "start"), HOLDS)
def test_what_is_asked_for_is_held_until_it_is_let_go(pairs, start):
    names = ["recall-lstm", "recall-rnn-tanh"]
    app = opened("pages/states.py", runs=names, text="Aabc?A", unit_run="recall-lstm", unit=5)
    header, models, answers = shown(app)
    assert is_fine(app)
    assert [model["kind"] for model in header["models"]] == ["LSTM", "RNN_TANH"]
    assert header["models"][0]["unit"] == 5
    assert answers == []
    key = header["models"][0]["key"]
    app.session_state["held"] = {key: (start, pairs)}
    (answer,) = shown(app.run())[2]
    assert is_fine(app)
    assert (answer["key"], answer["start"]) == (key, start)
    assert answer["pairs"] == [list(pair) for pair in pairs]
    for name, value in pairs:
        series = answer["series"][name][start + (name in ("c", "h")) :]
        assert series == pytest.approx([value] * len(series), rel=1e-6)
        before = models[0][name][: start + (name in ("c", "h"))].tolist()
        assert answer["series"][name][: len(before)] == before
    app.session_state["held"] = {key: (start, ())}
    assert shown(app.run())[2] == []


def test_a_hold_that_starts_after_the_text_or_belongs_to_another_unit_is_not_there():
    app = opened("pages/states.py", runs=["recall-lstm"], text="Aabc?A", unit=5)
    key = shown(app)[0]["models"][0]["key"]
    app.session_state["held"] = {key: (6, (("h", 1.0),))}
    assert shown(app.run())[2] == []
    app.session_state["held"] = {key: (1, (("h", 1.0),))}
    app.session_state["unit"] = 6
    assert shown(app.run())[2] == []
    assert is_fine(app)


@pytest.mark.parametrize(("of", "value"), [("h", 1e300), ("z", 3e38)])
def test_a_value_that_a_model_cannot_take_is_said_in_one_sentence(of, value):
    """No float32; and one that makes h overflow at the next token."""
    app = opened("pages/states.py", runs=["python-source-gru"], text="def f(x):", unit=5)
    key = shown(app)[0]["models"][0]["key"]
    app.session_state["held"] = {key: (0, ((of, value),))}
    assert shown(app.run())[2] == []
    assert "finite number" in app.error[0].value
    assert not app.exception


@pytest.mark.parametrize(
    ("name", "says"), [("recall-lstm", "hold f at 1"), ("python-source-gru", "z near 1")]
)
def test_the_caption_says_what_to_see_first(name, says):
    app = opened("pages/states.py", runs=[name], text="ab ab")
    assert any(says in caption.value for caption in app.caption)
