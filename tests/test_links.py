"""Links to pages: what they name twice, what they name that is not here, and the way back."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from rnnviz import RunInfo, list_runs, load_run
from rnnviz.app import address, navigation, state
from rnnviz.runs import store
from rnnviz.runs.run import Run
from tests.conftest import label_of
from tests.test_app import PAGES, TEXT_PAGES, app_at, is_fine
from tests.test_browser import PAGES as TITLES
from tests.test_browser import open_page, write

SHARED = [*TEXT_PAGES, "pages/sampling.py"]  # pages with the sidebar
WITHOUT_MODELS = navigation.LESSON, navigation.SHAPES, navigation.TRAIN, navigation.MODELS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def linked(page: str, **parameters) -> AppTest:
    """A page as a link opens it."""
    app = app_at(page)
    app.session_state["train_way"] = "paste"  # the built-in text takes seconds to read
    for name, value in parameters.items():
        app.query_params[name] = value
    return app.run()


def copied(folder, name: str, of: str = "recall-lstm", **fields) -> RunInfo:
    run = load_run(of)
    return store.save_run(Run(replace(run.info, name=name, **fields), run.model), folder).info


TEXT = "Dbagcfhedab?D"


@pytest.mark.parametrize("page", PAGES)
def test_a_model_twice_in_a_link_is_one(page):
    app = linked(page, runs=["recall-lstm", "recall-lstm"], text=TEXT)
    assert is_fine(app)
    if page in SHARED:
        assert app.session_state["runs"] == ["recall-lstm"]
        assert app.query_params["runs"] == "recall-lstm"


@pytest.mark.parametrize("page", PAGES)
def test_models_with_one_label_are_told_apart(folder, page):
    """The first has the usual name of its corpus, which is the other's own name."""
    copied(folder, "my-text-lstm", corpus="my text")
    copied(folder, "my text", corpus="another")
    names = ["my-text-lstm", "my text"]
    app = linked(page, runs=names, text=TEXT)
    assert is_fine(app)
    if page in SHARED:
        assert app.session_state["runs"] == names
        offered = app.sidebar.multiselect(key="runs").options
        assert len(offered) == len(set(offered)) == len(list_runs())
        assert [label for label in map(label_of, offered) if label.endswith("(my-text-lstm)")]
    if page == "pages/gradients.py":
        lines = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
        assert len({line["name"] for line in lines}) == len(lines) == 4
    if page == "":
        app.sidebar.multiselect(key="runs").set_value(["my text"]).run()
        assert app.session_state["runs"] == ["my text"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("names", [["gone"], ["gone", "<b>*x*", "gone", "recall-lstm"]])
def test_a_model_that_is_not_here_is_said_and_nothing_takes_its_place(page, names):
    app = linked(page, runs=names, text=TEXT, layer="1")
    assert is_fine(app)
    if page not in SHARED:
        return
    here = [name for name in names if name == "recall-lstm"]
    assert app.session_state["runs"] == here
    said = app.warning[0].value
    assert "This link names gone" in said
    assert "add" in said
    assert "<b>" not in said
    assert "Add a model" in [link.proto.label for link in app.get("page_link")]
    assert app.session_state["text"] == TEXT
    kept = app.query_params["runs"]
    assert sorted([kept] if isinstance(kept, str) else kept) == sorted(set(names))
    if not here:
        assert "at least one model" in app.info[0].value


def test_a_model_that_was_missing_is_shown_once_it_is_here(folder):
    app = linked("pages/gates.py", runs=["gone"], text=TEXT)
    app.switch_page("pages/models.py").run()
    copied(folder, "gone")
    app.switch_page("pages/gates.py").run()
    assert is_fine(app)
    assert not app.warning
    assert app.session_state["runs"] == ["gone"]
    assert app.query_params["runs"] == "gone"


def test_choosing_another_model_ends_the_search_for_the_missing_one():
    app = linked("pages/gates.py", runs=["gone"], text=TEXT)
    app.sidebar.multiselect(key="runs").set_value(["recall-lstm"]).run()
    assert not app.warning
    assert app.query_params["runs"] == "recall-lstm"


def test_a_link_with_more_models_than_a_page_shows_says_so():
    names = [f"python-{kind}" for kind in ("source-lstm", "source-gru", "docs-lstm", "docs-gru")]
    app = linked("", runs=[*names, "recall-lstm"])
    assert is_fine(app)
    assert app.session_state["runs"] == names
    assert "first four" in app.toast[0].value


@pytest.mark.parametrize("parameters", [{"runs": ""}, {"runs": [""]}, {"layer": "-1"}, {"x": "y"}])
def test_a_link_that_names_no_model_shows_the_usual_ones(parameters):
    app = linked("", **parameters)
    assert is_fine(app)
    assert not app.warning
    assert len(app.session_state["runs"]) == 4


def go_back(monkeypatch) -> None:
    """The runs of pages that follow come from the browser's Back or Forward."""
    context = address.get_script_run_ctx

    def going_back():
        found = context()
        found.is_history_navigation = True
        return found

    monkeypatch.setattr(address, "get_script_run_ctx", going_back)


def test_back_to_the_first_layer_is_no_dead_end(monkeypatch):
    app = linked("pages/gates.py", runs=["python-docs-lstm"], text="the lock")
    before = dict(app.query_params)
    app.sidebar.selectbox(key="layer").set_value(2).run()
    assert app.query_params["layer"] == "2"
    go_back(monkeypatch)
    app.query_params.clear()
    app.query_params.update(before)
    app.run()
    assert app.sidebar.selectbox(key="layer").value == 1
    assert dict(app.query_params) == before


def test_a_fragment_of_a_page_that_was_left_writes_no_address(monkeypatch):
    """A control was moved, then another page was opened, which has no address of its own yet."""
    session, runs = {state.PAGE: "Shapes"}, []
    monkeypatch.setattr(address.st, "session_state", session)
    monkeypatch.setattr(address.st, "fragment", lambda body: body)
    alone = SimpleNamespace(fragment_ids_this_run=["one"])
    monkeypatch.setattr(address, "get_script_run_ctx", lambda: alone)
    fragment = address.fragment(())(lambda: runs.append(session[state.PAGE]))
    session[state.PAGE] = "Train"
    fragment()
    assert runs == ["Train"]


def test_a_run_that_comes_with_an_older_address_writes_its_own(monkeypatch):
    """A slider that goes there and back at once: the second run was asked for before the browser
    had the address of the first, and comes with that from before both."""
    app = linked("pages/gates.py", runs=["recall-lstm"], text="Aab?A", unit="5")
    before = dict(app.query_params)
    app.number_input(key="unit").set_value(6).run()
    assert app.query_params["unit"] == "6"
    sent = []
    monkeypatch.setattr(
        type(address.st.query_params), "from_dict", lambda self, wanted: sent.append(wanted)
    )
    app.query_params.clear()
    app.query_params.update(before)
    app.number_input(key="unit").set_value(5).run()
    assert [wanted["unit"] for wanted in sent] == [["5"]]


def test_back_while_a_page_opens_completes_the_entry_that_is_shown(monkeypatch):
    """The run that opened the page was stopped before it had completed its address."""
    app = linked("pages/gates.py", runs=["recall-lstm"], text="Aab?A")
    app.session_state["address"] = address.Written("runs=recall-lstm&text=Aab?A")
    go_back(monkeypatch)
    app.query_params["text"] = "Bab?B"
    app.run()
    written = app.session_state["address"]
    assert written.opened == written.completed
    assert "text=Bab%3FB" in written.opened


def test_back_is_one_press_on_every_page(server, page):
    """Each page that is opened is one entry of the history, and so is each choice made there."""
    page.goto("about:blank")
    open_page(page, f"{server.url}/?runs=recall-lstm")
    page.wait_for_url(re.compile("text="))
    entries = page.evaluate("history.length")
    assert entries == 2
    write(page, "Aab?A")
    page.wait_for_url(re.compile("text=Aab"))
    for target in navigation.PAGES[1:]:
        page.get_by_role("link", name=target.title).first.click()
        expect(page.locator("h1")).to_have_text(TITLES[target.url_path])
        if target not in WITHOUT_MODELS:
            page.wait_for_url(re.compile(f"/{target.url_path}.runs=recall-lstm&(text=Aab|prompt)"))
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    assert page.evaluate("history.length") == entries + len(navigation.PAGES)
    for target in navigation.PAGES[-2::-1]:
        page.go_back()
        expect(page.locator("h1")).to_have_text(TITLES[target.url_path or ""])
    text = page.get_by_label("Text", exact=True)
    expect(text).to_have_value("Aab?A")
    page.go_back()
    expect(text).not_to_have_value("Aab?A")
    page.go_forward()
    expect(text).to_have_value("Aab?A")
    page.go_forward()
    expect(page.locator("h1")).to_have_text(navigation.PAGES[1].title)
    page.go_back()
    expect(text).to_have_value("Aab?A")


@pytest.mark.parametrize(
    ("page", "parameters"),
    [
        ("pages/compare.py", {"compared": ["gone", "recall-gru"]}),
        ("pages/gates.py", {"model": "gone"}),
        ("pages/gradients.py", {"unrolled": "gone"}),
    ],
)
def test_a_control_that_a_link_puts_on_a_model_that_is_gone_is_said(page, parameters):
    app = linked(page, runs="recall-lstm", text=TEXT, **parameters)
    assert not app.exception
    assert ["gone" in toast.value for toast in app.toast] == [True]
    app = linked(page, runs="recall-lstm", text=TEXT, **dict.fromkeys(parameters, "recall-lstm"))
    assert not app.toast


def test_all_missing_models_of_a_link_are_named():
    names = [f"gone{number}" for number in range(6)]
    app = linked("pages/gates.py", runs=[*names, "recall-lstm"], text=TEXT)
    assert all(name in app.warning[0].value for name in names)
