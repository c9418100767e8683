"""The sections of the Gradients page that unroll a network, without a browser."""

import numpy as np
import pytest

from rnnviz import load_run, trace_model
from rnnviz.analysis.unrolled import STEPS
from rnnviz.app import components
from tests.test_app import is_fine, opened
from tests.test_links import go_back, linked
from tests.test_products_message import unpack as unpack_products
from tests.test_unrolled_message import unpack

TEXT = "def f(x):\n    return [x, f(x)]\n"


@pytest.fixture
def drawn(monkeypatch):
    """What the components were drawn with last, by name."""
    found = {}
    monkeypatch.setattr(components, "unrolled", lambda *given: found.update(unrolled=given))
    monkeypatch.setattr(components, "products", lambda message: found.update(products=message))
    return found


def test_forgetting_changes_no_loss_before_the_place_and_is_of_one_text(drawn):
    runs = ["python-source-lstm", "python-source-rnn-tanh"]
    app = opened("pages/gradients.py", runs=runs, text=TEXT)
    assert is_fine(app)
    message = drawn["unrolled"][0]
    before, _, _ = unpack(message)
    app.session_state["forgotten"] = (TEXT, 12)
    app.run()
    now, _, _ = unpack(drawn["unrolled"][0])
    assert is_fine(app)
    assert now["before"] == before["losses"]
    assert now["losses"][:12] == before["losses"][:12]
    assert all(a != b for a, b in zip(now["losses"][12:], before["losses"][12:], strict=True))
    app.session_state["text"] = f"{TEXT}y"
    app.run()
    other, _, _ = unpack(drawn["unrolled"][0])
    assert other["forgotten"] == 0


def test_the_products_are_those_of_the_loss_that_was_clicked(drawn):
    runs = ["python-source-rnn-tanh", "python-source-lstm"]
    app = opened("pages/gradients.py", runs=runs, text=TEXT)
    before = drawn["unrolled"][0]
    assert unpack_products(drawn["products"])[0]["target"].startswith(f"{len(TEXT) - 1} ")
    app.session_state["unrolled_loss"] = (app.session_state["unrolled_loss"][0], 9)
    app.run()
    assert is_fine(app)
    assert drawn["unrolled"][0] == before  # a click does not draw the copies anew
    header, [rnn, lstm] = unpack_products(drawn["products"])
    assert header["target"] == "10 \u201c\u23ce\u201d"
    assert len(rnn) == len(lstm) == 9
    run = load_run("python-source-lstm")
    f = trace_model(run.model, run.ids(TEXT)).layers[0].gates["f"][:, 0].numpy()
    np.testing.assert_allclose(lstm, f[9:0:-1], rtol=1e-6)


@pytest.mark.parametrize("runs", [["python-docs-gru"], ["recall-lstm", "python-source-rnn-relu"]])
def test_any_text_is_fine_and_a_click_is_of_one_text(drawn, runs):
    for text in ("the a", "the value of a function is", TEXT * 20):
        app = opened("pages/gradients.py", runs=runs, text=text, unrolled_loss=(("x",), 99))
        assert is_fine(app)
        header, _, _ = unpack(drawn["unrolled"][0])
        assert len(header["losses"]) <= STEPS
        assert 0 <= header["target"] < len(header["losses"])
        assert ("products" in drawn) == (header["target"] > 0)  # step 0 has none before it
        if "products" in drawn:
            products, _ = unpack_products(drawn["products"])
            assert products["target"].startswith(f"{header['target'] + 1} ")
        drawn.clear()


PAIR = ["python-source-rnn-tanh", "python-source-lstm"]


def test_a_link_opens_the_model_the_loss_and_the_forgotten_step(drawn):
    given = {"unrolled": PAIR[1], "loss": "10", "forget": "4"}
    app = linked("pages/gradients.py", runs=PAIR, text=TEXT, **given)
    assert is_fine(app)
    header, _, _ = unpack(drawn["unrolled"][0])
    assert (header["title"], header["target"], header["forgotten"]) == (PAIR[1], 9, 4)
    assert header["losses"][:4] == header["before"][:4]
    assert header["losses"][4:] != header["before"][4:]
    assert unpack_products(drawn["products"])[0]["target"].startswith("10 ")
    assert {name: app.query_params[name] for name in given} == given
    app.session_state["unrolled_loss"] = (app.session_state["unrolled_loss"][0], 11)
    app.session_state["forgotten"] = (TEXT, 0)
    app.run()
    assert app.query_params["loss"] == "12"
    assert "forget" not in app.query_params
    app.session_state["text"] = "x = 1\n"
    app.run()
    assert app.query_params["loss"] == "5"


@pytest.mark.parametrize("value", ["0", "-1", "31", "97", "x", "", "1e1"])
def test_a_step_that_the_text_does_not_have_is_not_taken_from_a_link(drawn, value):
    app = linked("pages/gradients.py", runs=PAIR, text=TEXT, loss=value, forget=value)
    assert is_fine(app)
    header, _, _ = unpack(drawn["unrolled"][0])
    assert (header["target"], header["forgotten"]) == (len(TEXT) - 2, 0)
    assert app.query_params["loss"] == str(len(TEXT) - 1)
    assert "forget" not in app.query_params


def test_back_looks_at_the_loss_before_and_a_page_that_is_opened_again_at_the_last(
    drawn, monkeypatch
):
    app = linked("pages/gradients.py", runs=PAIR, text=TEXT, loss="8")
    first, _, _ = unpack(drawn["unrolled"][0])
    app.session_state["unrolled_loss"] = (app.session_state["unrolled_loss"][0], 11)
    app.run()
    assert unpack(drawn["unrolled"][0])[0] == first
    app.switch_page("pages/states.py").run()
    app.query_params.clear()
    app.switch_page("pages/gradients.py").run()
    again, _, _ = unpack(drawn["unrolled"][0])
    assert (again["target"], app.query_params["loss"]) == (11, "12")
    go_back(monkeypatch)
    app.query_params["loss"] = "8"
    app.run()
    back, _, _ = unpack(drawn["unrolled"][0])
    assert back["target"] == 7
    assert len({first["opened"], again["opened"], back["opened"]}) == 3
