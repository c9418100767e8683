"""Links that a lecturer prepares: a page opens with its controls as the link has them."""

import re

import pytest
from playwright.sync_api import expect

from rnnviz.app import compare, cursor, gradients, state, train_matched
from tests.test_app import is_fine
from tests.test_browser import open_page
from tests.test_links import go_back, linked

TEXT = "Dbagcfhedab?Dh"
PREPARED = {
    "pages/gates.py": {"model": "recall-rnn-tanh", "unit": "7", "order": "variance", "how": "True"},
    "pages/states.py": {
        **{"model": "recall-rnn-tanh", "unit": "9", "order": "index", "token": "3", "how": "True"},
        **{"hold": "f:1,i:0@3/5/recall-lstm"},
    },
    "pages/gradients.py": {
        **{"target": "4", "window": "5", "gain": "2.5", "forget_bias": "3.0"},
        **{"size": "16", "steps": "40", "clip": "True"},
        **{"unrolled": "recall-rnn-tanh", "loss": "3", "forget": "2"},
    },
    "pages/sampling.py": {"downloads": "True", "seed": "3"},
    "pages/compare.py": {
        **{"compared": ["recall-rnn-tanh", "recall-lstm"], "axis": "tokens", "step": "1"},
        **{"temperature": "0.3", "noise": "5", "lapse": "recall-lstm"},
        **{"formulas": "True", "four": "True"},
    },
}
FIELDS = [*cursor.UNIT_FIELDS, cursor.token_field("token"), *gradients.FIELDS, *compare.FIELDS]


def prepared(page: str, **parameters):
    names = ["recall-lstm", "recall-rnn-tanh"]
    return linked(page, runs=names, text=TEXT, **parameters)


@pytest.fixture(autouse=True)
def reads_no_corpus(monkeypatch):
    monkeypatch.setattr(train_matched, "train_all", lambda: None)


@pytest.mark.parametrize("page", PREPARED)
def test_a_link_opens_as_it_was_prepared(page):
    wanted = PREPARED[page]
    app = prepared(page, **wanted)
    assert is_fine(app)
    assert not app.warning
    kept = {name: app.query_params[name] for name in wanted}
    assert kept == wanted
    fields = {field.name: field.key for field in FIELDS}
    for widget in (*app.slider, *app.number_input, *app.selectbox, *app.select_slider, *app.toggle):
        for name, text in wanted.items():
            if fields.get(name) == widget.key:
                assert str(widget.value) == text


@pytest.mark.parametrize("page", PREPARED)
def test_a_link_with_values_that_make_no_sense_opens_without_them(page):
    names = list(PREPARED[page])
    usual = prepared(page).query_params
    for junk in ("-999", "nan", "<b>" * 999):
        app = prepared(page, **dict.fromkeys(names, junk))
        assert is_fine(app)
        for name in names:
            assert app.query_params.get(name) == usual.get(name), (name, junk)


def test_a_change_of_a_control_is_in_the_address_and_the_others_stay():
    app = prepared("pages/gates.py", order="index")
    app.number_input(key="unit").set_value(11).run()
    assert app.query_params["unit"] == "11"
    assert app.query_params["order"] == "index"
    assert app.query_params["text"] == TEXT


def test_back_returns_what_had_not_been_chosen_to_its_usual_value(monkeypatch):
    app = prepared("pages/gates.py", how="True")
    go_back(monkeypatch)
    del app.query_params["how"]
    app.run()
    assert app.session_state[state.HOW_WE_KNOW] is False
    assert "how" not in app.query_params


def test_a_token_of_a_link_counts_more_than_a_place_clicked_before():
    app = linked("pages/gates.py", runs=["recall-lstm"], text=TEXT)
    app.session_state[state.PLACE] = 9
    app.switch_page("pages/states.py")
    app.query_params["token"] = "2"
    app.run()
    assert app.number_input(key="token").value == 2


def test_a_fragment_writes_one_entry_of_the_history_and_back_undoes_it(server, page):
    """The clicked unit, the order and the opened note come back one by one, and a reload keeps
    them."""
    link = f"{server.url}/gates?runs=recall-lstm&text=Aabc%3FA&unit=5&order=index"
    open_page(page, link)
    page.wait_for_url(re.compile("model=recall-lstm"))
    entries = page.evaluate("history.length")
    unit = page.get_by_label("Unit", exact=True)
    expect(unit).to_have_value("5")
    unit.fill("6")
    unit.press("Enter")
    page.wait_for_url(re.compile("unit=6"))
    page.get_by_text("How we know").click()
    page.wait_for_url(re.compile("how=True"))
    assert page.evaluate("history.length") == entries + 2
    page.reload()
    expect(unit).to_have_value("6")
    note = page.get_by_test_id("stExpander").locator("details")
    expect(note).to_have_attribute("open", "")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.go_back()
    expect(note).not_to_have_attribute("open", "")
    page.go_back()
    expect(unit).to_have_value("5")
