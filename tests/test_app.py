"""Each page's Python, without a browser."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from rnnviz import RNNModel, RunInfo, Vocab, list_runs, runs, samples, ui, ui_sampling

APP = str(Path(__file__).parent.parent / "app.py")
PAGES = {
    "": "See inside a recurrent network",
    "pages/gates.py": "Gates",
    "pages/states.py": "Cell state",
    "pages/gradients.py": "Gradients through time",
    "pages/sampling.py": "Sampling",
    "pages/compare.py": "Compare",
}


def opened(page: str, **state) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    return app.switch_page(page).run() if page else app


def is_fine(app: AppTest) -> bool:
    return not app.exception and not app.error


@pytest.mark.parametrize("page", PAGES)
def test_each_page_shows_a_picture_of_the_shipped_models(page):
    app = opened(page)
    assert is_fine(app)
    assert app.title[0].value == PAGES[page]
    assert app.session_state["runs"] == list(ui.DEFAULT_RUNS)
    assert app.caption


@pytest.mark.parametrize("corpus", ui.PRESETS)
def test_gates_of_each_example_text(corpus):
    app = opened("pages/gates.py")
    app.sidebar.selectbox(key="example").set_value(corpus).run()
    assert app.session_state["text"] == ui.PRESETS[corpus][1]
    assert is_fine(app)


@pytest.mark.parametrize("names", [["python-docs-lstm", "python-source-gru"], ["recall-rnn-tanh"]])
def test_gates_of_models_of_different_kinds(names):
    app = opened("pages/gates.py", runs=names, text="A lock is b.", layer=2)
    assert is_fine(app)
    assert app.session_state["layer"] == (2 if "python-docs-lstm" in names else 1)


@pytest.mark.parametrize("page", ["pages/states.py", "pages/gradients.py"])
@pytest.mark.parametrize("info", list_runs([runs.ASSETS]), ids=lambda info: info.name)
def test_pages_hold_for_every_shipped_run_and_length(page, info):
    words = " ".join(["the", "if", "(", "x", ")"] * 100) if info.vocab.level == "word" else ""
    for tokens in (1, 2, 50, 500):
        text = (words or "def f(x):\n    return [x]\n" * 30)[:tokens]
        if words:
            text = " ".join(words.split()[:tokens])
        app = opened(page, runs=[info.name], text=text)
        assert is_fine(app)
        if page == "pages/gradients.py" and tokens == 1:
            assert "at least two" in app.info[0].value
        else:
            assert len(app.caption) > 3


def test_the_laboratory_presets_move_the_sliders_and_an_overflow_is_said():
    app = opened("pages/gradients.py", runs=["recall-lstm"])
    app.button[2].click().run()
    assert app.session_state["gain"] == 3.0
    app.slider(key="gain").set_value(4.0)
    app.slider(key="lab_steps").set_value(300).run()
    assert is_fine(app)


def test_truncation_and_target_are_bounded_by_the_text():
    state = {"runs": ["python-source-lstm"], "text": "abcdef", "window": 500, "token": 99}
    app = opened("pages/gradients.py", **state)
    assert is_fine(app)
    assert app.session_state["window"] == app.session_state["token"] == 5


def test_a_chosen_unit_is_drawn_and_bounded():
    app = opened("pages/gates.py", runs=["recall-lstm"], unit=500)
    assert app.session_state["unit"] == 0  # this one has 64
    assert is_fine(app)


def test_no_model_and_no_text_give_one_sentence():
    assert "at least one model" in opened("pages/gates.py", runs=[]).info[0].value
    assert "text is empty" in opened("pages/gates.py", text="").info[0].value
    app = opened("pages/gates.py", runs=["python-docs-lstm"], text="   ")
    assert "no token" in app.info[0].value


def test_a_run_that_is_not_there_is_left_out():
    app = opened("", runs=["gone", "recall-lstm"])
    assert is_fine(app)
    assert app.session_state["runs"] == ["recall-lstm"]


ODD = ["a", "\0", "\u0301\u0301", "שלום עולם", "👩‍👩‍👧", "<script>alert(1)</script>", "x" * 100_000]


@pytest.mark.parametrize("prompt", ["", "ab" * 2500, *ODD])
def test_odd_prompts_are_gone_on_from(prompt):
    app = opened("pages/sampling.py", runs=["recall-lstm", "python-docs-gru"], prompt=prompt)
    assert is_fine(app)
    assert app.session_state["prompt"] == prompt[: ui_sampling.MAX_PROMPT]
    assert len(app.get("bidi_component")) == 2


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("page", [page for page in PAGES if page != "pages/sampling.py"])
def test_odd_texts_give_a_picture(page, text):
    app = opened(page, runs=["recall-lstm", "python-docs-gru"], text=text)
    assert is_fine(app)
    assert app.caption
    if len(text) > ui.MAX_URL_TEXT:
        assert "text" not in app.query_params
        assert "left out" in app.info[0].value


@settings(max_examples=10)
@given(st.text(max_size=80))
def test_any_text_gives_a_picture_or_one_sentence(text):
    app = opened("", runs=["recall-rnn-tanh"], text=text)
    assert is_fine(app)
    assert bool(app.caption) or len(app.info) == 1


def test_a_damaged_run_gives_one_sentence(tmp_path, monkeypatch):
    source = ui.ASSETS / "runs" / "recall-lstm"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "run.json").write_bytes((source / "run.json").read_bytes())
    (broken / "weights.safetensors").write_bytes(b"not weights")
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    app = opened("pages/gates.py", runs=["broken"])
    assert not app.exception
    assert "damaged" in app.error[0].value


def test_sampling_keeps_its_settings_over_pages_and_in_the_address():
    app = opened("pages/sampling.py", runs=["recall-lstm"])
    app.sidebar.text_area(key="prompt").set_value("Dab").run()
    app.sidebar.number_input(key="seed").set_value(7).run()
    assert is_fine(app)
    wanted = {"prompt": "Dab", "seed": "7", "temperature": "1.0", "runs": "recall-lstm"}
    assert {key: app.query_params[key] for key in wanted} == wanted
    app.switch_page("pages/gates.py").run()
    assert "prompt" not in app.query_params
    app.switch_page("pages/sampling.py").run()
    assert app.sidebar.text_area(key="prompt").value == "Dab"
    assert app.sidebar.number_input(key="seed").value == 7
    app.sidebar.button(key="dice").click().run()
    assert app.sidebar.number_input(key="seed").value not in (0, 7)
    assert is_fine(app)


def test_sampling_takes_an_address_and_leaves_what_makes_no_sense():
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["runs"] = "recall-lstm"
    app.run()
    app.switch_page("pages/sampling.py")
    given = {"temperature": "0.35", "length": "9999", "seed": "x", "top_p": "0.5", "prompt": "D"}
    for name, value in given.items():
        app.query_params[name] = value
    app.run()
    assert is_fine(app)
    state = app.session_state
    assert (state["T"], state["length"], state["seed"]) == (0.35, 400, 0)
    assert (state["top_p"], state["prompt"]) == (0.5, "D")


def test_the_suggested_prompt_follows_the_models_until_one_is_typed():
    app = opened("pages/sampling.py")
    assert app.session_state["prompt"] == samples.PROMPTS["python-source"]
    app.sidebar.multiselect(key="runs").set_value(["recall-lstm"]).run()
    assert app.session_state["prompt"] == samples.PROMPTS["recall"]
    app.sidebar.text_area(key="prompt").set_value("mine").run()
    app.sidebar.multiselect(key="runs").set_value(["python-docs-gru"]).run()
    assert app.session_state["prompt"] == "mine"
    assert is_fine(app)


@pytest.mark.parametrize("size", [2, 30_000])
def test_sampling_of_a_model_with_a_tiny_and_a_huge_vocabulary(size, tmp_path, monkeypatch):
    tokens = ("<unk>", "a") if size == 2 else ("<unk>", "<eos>", *map(str, range(size - 2)))
    info = RunInfo(
        name="odd",
        model={
            "rnn_type": "GRU",
            "vocab_size": size,
            "embedding_size": 8,
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "dropout": 0.0,
            "tie_weights": False,
        },
        vocab=Vocab(tokens, "char" if size == 2 else "word"),
        corpus="mine",
        fingerprint="0" * 16,
        spec="",
        config={},
    )
    runs.save_run(runs.Run(info, RNNModel(**info.model)), tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    app = opened("pages/sampling.py", runs=["odd", "recall-lstm"], length=50)
    assert is_fine(app)
    assert app.session_state["prompt"] == "The "
    assert app.session_state["runs"] == ["odd", "recall-lstm"]
