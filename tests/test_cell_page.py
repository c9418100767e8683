"""The circuits of the Cell state page, without a browser."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from rnnviz.app import cell
from tests.test_app import is_fine, opened
from tests.test_cell_message import unpack
from tests.test_links import go_back, linked

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


@pytest.mark.parametrize(
    ("kind", "unit", "of", "value"),
    [("gru", 5, "h", 1e300), ("gru", 5, "z", 3e38), ("rnn-relu", 259, "h", 1e38)],
)
def test_a_value_that_a_model_cannot_take_is_said_in_one_sentence(kind, unit, of, value):
    """No float32; one that makes h overflow at the next token; one that leaves the next token a
    probability of 0."""
    app = opened("pages/states.py", runs=[f"python-source-{kind}"], text="def f(x):", unit=unit)
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


RUNS, TEXT = ["recall-lstm", "recall-rnn-tanh"], "Aabc?A"
LINKED = ["f:1,i:0@3/5/recall-lstm", "h:-0.25@1/7/recall-rnn-tanh"]


def held_by_link(holds: list[str]) -> AppTest:
    app = linked("pages/states.py", runs=RUNS, text=TEXT, hold=holds)
    assert is_fine(app)
    return app


def test_a_link_holds_units_of_several_models_and_what_is_let_go_leaves_it():
    app = held_by_link(LINKED)
    header, _, answers = shown(app)
    assert [model["unit"] for model in header["models"]] == [5, 7]
    assert [(answer["start"], answer["pairs"]) for answer in answers] == [
        (2, [["f", 1.0], ["i", 0.0]]),
        (0, [["h", -0.25]]),
    ]
    c = answers[0]["series"]["c"]
    assert c[3:] == pytest.approx([c[2]] * len(c[3:]))
    assert app.query_params["hold"] == LINKED
    app.session_state["held"] |= {answers[0]["key"]: (2, ())}
    app.run()
    assert app.query_params["hold"] == LINKED[1]
    app.session_state["text"] = "Aabc?Ab"
    assert shown(app.run())[2] == []
    assert "hold" not in app.query_params


def test_a_hold_is_written_as_it_is_read():
    (field,) = cell.FIELDS
    one = cell.Hold("my run/2", 12, 4, (("c", -1 / 3), ("f", 1e-5)))
    assert field.text(one) == "c:-0.333333333333,f:1e-05@5/12/my run/2"
    assert field.text(field.parse(field.text(one))) == field.text(one)


@pytest.mark.parametrize(
    "hold",
    [
        *("", "f:1", "f:1@3", "f:1@3/5", "f@3/5/recall-lstm", "f:x@3/5/recall-lstm"),
        *("f:nan@3/5/recall-lstm", "f:inf@3/5/recall-lstm", "f:1@0/5/recall-lstm"),
        *("f:1@3/-1/recall-lstm", "f:1@3/5.5/recall-lstm", "f:1:2@3/5/recall-lstm"),
        *("z:1@3/5/recall-lstm", "f:1@7/5/recall-lstm", "f:1@3/9999/recall-lstm", "f:1@3/5/gone"),
    ],
)
def test_a_hold_that_makes_no_sense_is_left_out(hold):
    app = held_by_link([hold])
    assert shown(app)[2] == []
    assert "hold" not in app.query_params
    assert not app.error


def test_back_lets_go_and_forward_holds_again(monkeypatch):
    app = held_by_link(LINKED[:1])
    go_back(monkeypatch)
    del app.query_params["hold"]
    assert shown(app.run())[2] == []
    app.query_params["hold"] = LINKED[0]
    (answer,) = shown(app.run())[2]
    assert answer["start"] == 2
