"""Models and text, chosen together or one by one: what is shown fits, what was typed is kept."""

import shutil
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from rnnviz import RNNModel, Run, Vocab, load_run, save_run
from rnnviz._paths import SHIPPED_RUNS
from rnnviz.app import presets
from rnnviz.app.address import MAX_RUNS
from rnnviz.data.builtin import EXAMPLES
from tests.conftest import label_of
from tests.test_app import is_fine, opened
from tests.test_runs import some_run

PYTHON, RECALL = EXAMPLES["python-source"][1], EXAMPLES["recall"][1]
PAGE = "pages/gates.py"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def choose(app: AppTest, *names: str) -> AppTest:
    return app.sidebar.multiselect(key="runs").set_value(list(names)).run()


def write(app: AppTest, text: str) -> AppTest:
    return app.sidebar.text_area(key="text").set_value(text).run()


def unknown(app: AppTest) -> int:
    run = load_run(app.session_state["runs"][0])
    return len(run.vocab.unknown(app.session_state["text"]))


@pytest.mark.parametrize("key", presets.PRESETS)
@pytest.mark.parametrize("place", ["sidebar", "home"])
def test_a_preset_chooses_models_and_text_together(key, place):
    app = opened("", runs=["python-docs-gru"], text="mine")
    if place == "sidebar":
        app.sidebar.selectbox(key="preset").set_value(key).run()
    else:
        app.button_group(key="home_preset").set_value(key).run()
    assert is_fine(app)
    preset = presets.PRESETS[key]
    assert tuple(app.session_state["runs"]) == preset.runs
    assert app.session_state["text"] == preset.text
    assert app.session_state["preset"] == app.session_state["home_preset"] == key
    assert len(preset.runs) <= MAX_RUNS
    assert unknown(app) < 3
    choose(app, *preset.runs[:1])
    assert app.session_state["preset"] is None  # it is no longer what is shown


def test_a_preset_is_offered_only_where_its_models_are(tmp_path, monkeypatch):
    for name in presets.PRESETS["recall"].runs:
        shutil.copytree(SHIPPED_RUNS / name, tmp_path / "shipped" / name)
    monkeypatch.setattr("rnnviz._paths.SHIPPED_RUNS", tmp_path / "shipped")
    app = opened(PAGE)
    assert app.sidebar.selectbox(key="preset").options == ["Recall after 30 letters"]
    assert app.session_state["text"] == RECALL


def test_ones_own_models_are_a_preset_with_a_text_that_they_know(folder):
    shutil.copytree(SHIPPED_RUNS / "recall-lstm", folder / "mine")
    app = opened(PAGE)
    app.sidebar.selectbox(key="preset").set_value("own").run()
    assert is_fine(app)
    assert app.session_state["runs"] == ["mine"]
    assert unknown(app) == 0


def test_a_typed_text_comes_back_after_a_preset_and_after_an_example():
    app = write(opened(PAGE), "my own text")
    app.sidebar.selectbox(key="preset").set_value("python").run()
    assert app.session_state["text"] == PYTHON
    examples = app.sidebar.selectbox(key="example")
    assert examples.options[-1] == "Your text: my own text"
    examples.set_value("counting").run()
    app.sidebar.selectbox(key="example").set_value("typed").run()
    assert app.session_state["text"] == "my own text"
    assert is_fine(app)


def test_a_text_typed_while_no_model_is_shown_stays_when_one_is_chosen():
    app = write(choose(opened(PAGE, runs=["recall-lstm"])), "Aab?A")
    assert app.session_state["text"] == "Aab?A"
    choose(app, "python-docs-lstm")
    assert app.session_state["text"] == "Aab?A"
    assert app.session_state["runs"] == ["python-docs-lstm"]


def test_a_typed_text_stays_whatever_models_are_chosen():
    app = write(opened(PAGE), "naïve 文")
    for names in ([], ["recall-lstm"], ["python-docs-gru", "recall-lstm"]):
        choose(app, *names)
        assert app.session_state["text"] == "naïve 文"


def test_an_example_follows_the_models_and_waits_while_none_is_shown():
    app = choose(opened(PAGE))
    assert app.session_state["text"] == PYTHON
    choose(app, "recall-lstm")
    assert app.session_state["text"] == RECALL


def test_only_examples_that_a_model_shown_knows_are_offered():
    app = opened(PAGE, runs=["recall-lstm"])
    offered = app.sidebar.selectbox(key="example").options
    assert offered == [EXAMPLES["recall"][0], EXAMPLES["counting"][0]]  # of letters alone


@pytest.mark.parametrize("page", [PAGE, "pages/gradients.py"])
def test_an_example_that_no_model_shown_knows_makes_way_also_in_a_link(page):
    app = opened(page, runs=["recall-lstm"], text=PYTHON)
    assert is_fine(app)
    assert app.session_state["text"] == RECALL


def test_a_vocabulary_that_knows_no_example_gets_a_text_of_its_own_tokens(folder):
    vocab = Vocab(("<unk>", *"абвгд"))
    run = load_run("recall-lstm")
    model = run.info.model | {"vocab_size": len(vocab)}
    info = replace(run.info, name="other", corpus="mine", vocab=vocab, model=model, cue=None)
    save_run(Run(info, RNNModel(**model)), folder)
    app = choose(opened(PAGE), "other")
    assert is_fine(app)
    assert app.session_state["text"] == "абвгд"
    choose(app, "recall-lstm")  # nobody typed it: it makes way again
    assert app.session_state["text"] == RECALL


def test_a_fifth_model_takes_the_place_of_the_last_and_the_page_says_so():
    app = opened(PAGE)
    before = app.session_state["runs"]
    choose(app, *before, "python-docs-lstm")
    assert app.session_state["runs"] == [*before[:3], "python-docs-lstm"]
    assert "took the place of ReLU RNN" in app.sidebar.caption[0].value
    app.run()
    assert not [c for c in app.sidebar.caption if "took the place" in c.value]


def test_lists_are_ordered_by_corpus_and_tags_begin_with_type_and_corpus(folder):
    save_run(some_run("mine"), folder)
    app = opened(PAGE)
    options = app.sidebar.multiselect(key="runs").options
    assert [label_of(option).split(" · ")[:2] for option in options[:5]] == [
        *(["LSTM", "python-source"], ["GRU", "python-source"]),
        *(["tanh RNN", "python-source"], ["ReLU RNN", "python-source"], ["LSTM", "python-docs"]),
    ]
    assert "mine" in options[-1]


def test_own_runs_without_weights_leave_the_presets_standing(folder):
    save_run(some_run("mine"), folder)
    (folder / "mine" / "weights.safetensors").unlink()
    app = opened(PAGE)
    assert is_fine(app)
    assert app.sidebar.selectbox(key="preset").options[-1] == "Your own models"
