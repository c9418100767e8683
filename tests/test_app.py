"""Each page's Python, without a browser."""

import functools
import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from rnnviz import RNNModel, Run, RunInfo, Vocab, _paths, list_runs, load_run, save_run
from rnnviz.app import address, presets, sampling
from rnnviz.app import page as app_page
from rnnviz.data import builtin
from rnnviz.figures import style
from rnnviz.runs import archive, library, store
from tests import test_imports
from tests.test_runs import some_run

APP = str(Path(__file__).parent.parent / "app.py")
PAGES = {
    "": "See inside a recurrent network",
    "pages/lesson.py": "Lesson",
    "pages/gates.py": "Gates",
    "pages/states.py": "Cell state",
    "pages/gradients.py": "Gradients through time",
    "pages/context.py": "Context",
    "pages/sampling.py": "Sampling",
    "pages/shapes.py": "Shapes",
    "pages/train.py": "Train",
    "pages/compare.py": "Compare",
    "pages/models.py": "Models",
}
OTHERS = tuple(f"pages/{name}.py" for name in ("lesson", "models", "sampling", "shapes", "train"))
TEXT_PAGES = [page for page in PAGES if page not in OTHERS]


# Each AppTest searches all installed packages for components, which takes it 0.2 s: once is enough.
scan = functools.cache(manifest_scanner.scan_component_manifests)
manifest_scanner.scan_component_manifests = scan


def app_at(page: str) -> AppTest:
    """The app before its first run, which is that of `page`, as a link opens it."""
    app = AppTest.from_file(APP, default_timeout=60)
    return app.switch_page(page) if page else app


def opened(page: str, **state) -> AppTest:
    app = app_at(page)
    for key, value in state.items():
        app.session_state[key] = value
    return app.run()


def is_fine(app: AppTest) -> bool:
    return not app.exception and not app.error


@pytest.mark.parametrize("page", PAGES)
def test_each_page_shows_a_picture_of_the_shipped_models(page):
    app = opened(page)
    assert is_fine(app)
    assert app.title[0].value == PAGES[page]
    if page in TEXT_PAGES:
        assert app.session_state["runs"] == list(presets.USUAL.runs)
    assert app.caption


@pytest.mark.parametrize("corpus", builtin.EXAMPLES)
def test_gates_of_each_example_text(corpus):
    app = opened("pages/gates.py")
    app.sidebar.selectbox(key="example").set_value(corpus).run()
    assert app.session_state["text"] == builtin.EXAMPLES[corpus][1]
    assert is_fine(app)


@pytest.mark.parametrize("names", [["python-docs-lstm", "python-source-gru"], ["recall-rnn-tanh"]])
def test_gates_of_models_of_different_kinds(names):
    app = opened("pages/gates.py", runs=names, text="A lock is b.", layer=2)
    assert is_fine(app)
    assert app.session_state["layer"] == (2 if "python-docs-lstm" in names else 1)


@pytest.mark.parametrize("page", ["pages/states.py", "pages/gradients.py"])
@pytest.mark.parametrize("info", list_runs([_paths.SHIPPED_RUNS]), ids=lambda info: info.name)
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


def test_truncation_and_target_are_bounded_by_the_text():
    state = {"runs": ["python-source-lstm"], "text": "abcdef", "window": 500, "token": 99}
    app = opened("pages/gradients.py", **state)
    assert is_fine(app)
    assert app.session_state["window"] == app.session_state["token"] == 5


def test_a_target_is_a_place_in_the_text_where_vocabularies_differ():
    names = ["python-source-lstm", "python-docs-lstm"]
    app = opened("pages/gradients.py", runs=names, text="the class of an object", token=7)
    assert is_fine(app)
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert figure["layout"]["title"]["text"].endswith("7 \u201ca\u201d")
    of_words = [line["name"] for line in figure["data"] if "docs" in line["name"]]
    assert of_words
    assert all("after 2 \u201cclass\u201d" in name for name in of_words)


@pytest.mark.parametrize("page", ["pages/states.py", "pages/gradients.py", "pages/gates.py"])
def test_a_run_whose_states_overflow_is_said_and_the_others_stay(page, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    run = load_run("python-source-rnn-relu")
    with torch.no_grad():
        run.model.rnn.weight_hh_l0.mul_(20)
    store.save_run(Run(replace(run.info, name="blown"), run.model), tmp_path)
    app = opened(page, runs=["blown", "recall-lstm"])
    assert is_fine(app)
    assert "blown" in app.warning[0].value
    assert "finite" in app.warning[0].value
    assert len(app.caption) > 3
    app = opened(page, runs=["blown"])
    assert is_fine(app)
    assert not app.caption


def test_a_chosen_unit_is_drawn_and_bounded():
    app = opened("pages/gates.py", runs=["recall-lstm"], unit=500)
    assert 0 <= app.session_state["unit"] < 64  # one that tells much, as there is no unit 500
    assert is_fine(app)


@pytest.mark.parametrize(("name", "layer"), [("recall-rnn-tanh", 1), ("python-docs-rnn-relu", 2)])
def test_one_step_of_an_rnn_shows_what_it_adds_up(name, layer):
    app = opened("pages/states.py", runs=[name], text="Ab a?A", layer=layer)
    assert is_fine(app)
    first, last, *products = (element.value for element in app.latex)
    assert "W x_t + U h_{t-1} + b" in first
    assert "h_t" in last
    assert len(products) == layer
    assert all(r"\\ &= " in product and r"\text{unit " in product for product in products)


@pytest.mark.parametrize("page", ["states", "gates", "compare"])
def test_numbers_in_hover_boxes_have_three_digits_at_any_size(page):
    app = opened(f"pages/{page}.py", runs=["recall-lstm", "recall-rnn-tanh"], text="Aab?A")
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    told = [trace.get("hovertemplate", "") for figure in figures for trace in figure["data"]]
    formats = set(re.findall(r"%\{[^}:]*:([^}]*)\}", " ".join(told).replace("10^%{y", "")))
    assert formats
    assert formats <= {".3g", ".4g", ".3p"}


def test_losses_have_three_decimals_or_a_power_of_ten():
    def form(*numbers):
        return app_page.decimals(pd.Series(numbers))

    assert (form(1.25, None), form(0.0, 2.0)) == ("%.3f", "%.3f")
    assert (form(0.00002, 1.25), form(1e9, 1.25)) == ("%.3f", "scientific")
    losses = (0.0, 1e-7, 0.0006, 1.1, 1234.5678, 1e9)
    texts = ["0.000", "< 0.001", "0.001", "1.100", "1,234.568", "1.0e+09"]
    assert [style.loss_text(loss) for loss in losses] == texts


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


@pytest.mark.parametrize("prompt", ["", "ab" * 2500, "\0", "שלום 👩‍👩‍👧 <script>alert(1)</script>"])
def test_odd_prompts_are_gone_on_from(prompt):
    names = ["recall-lstm", "python-docs-gru"]
    app = opened("pages/sampling.py", runs=names, prompt=prompt, length=50)
    assert is_fine(app)
    assert app.session_state["prompt"] == prompt[: sampling.MAX_PROMPT]
    drawn = {element.key for element in app.get("bidi_component")}
    assert {"temperature", "generated"} <= drawn


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("page", TEXT_PAGES)
def test_odd_texts_give_a_picture(page, text):
    app = opened(page, runs=["recall-lstm", "python-docs-gru"], text=text)
    assert is_fine(app)
    assert app.caption
    if len(text) > address.MAX_URL_TEXT:
        assert "text" not in app.query_params
        assert "left out" in app.info[0].value


@settings(max_examples=10)
@given(st.text(max_size=80))
def test_any_text_gives_a_picture_or_one_sentence(text):
    app = opened("", runs=["recall-rnn-tanh"], text=text)
    assert is_fine(app)
    assert bool(app.caption) or len(app.info) == 1


def test_a_damaged_run_gives_one_sentence(tmp_path, monkeypatch):
    source = _paths.ASSETS / "runs" / "recall-lstm"
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "run.json").write_bytes((source / "run.json").read_bytes())
    (broken / "weights.safetensors").write_bytes(b"not weights")
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    app = opened("pages/gates.py", runs=["broken"])
    assert not app.exception
    assert "damaged" in app.error[0].value


def test_sampling_keeps_its_settings_over_pages_and_in_the_address():
    app = opened("pages/sampling.py", runs=["recall-lstm"], length=50)
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
    app = app_at("pages/sampling.py")
    app.query_params["runs"] = "recall-lstm"
    given = {"temperature": "0.35", "length": "9999", "seed": "x", "top_p": "0.5", "prompt": "D"}
    for name, value in given.items():
        app.query_params[name] = value
    app.run()
    assert is_fine(app)
    state = app.session_state
    assert (state["T"], state["length"], state["seed"]) == (0.35, 400, 0)
    assert (state["top_p"], state["prompt"]) == (0.5, "D")


def test_the_suggested_prompt_follows_the_models_until_one_is_typed():
    app = opened("pages/sampling.py", length=50)
    assert app.session_state["prompt"] == builtin.PROMPTS["python-source"]
    app.sidebar.multiselect(key="runs").set_value(["recall-lstm"]).run()
    assert app.session_state["prompt"] == builtin.PROMPTS["recall"]
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
            "forget_bias": None,
        },
        vocab=Vocab(tokens, "char" if size == 2 else "word"),
        corpus="mine",
        fingerprint="0" * 16,
        spec="",
        config={},
    )
    store.save_run(Run(info, RNNModel(**info.model)), tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    app = opened("pages/sampling.py", runs=["odd", "recall-lstm"], length=50)
    assert is_fine(app)
    assert app.session_state["prompt"] == "The "
    assert app.session_state["runs"] == ["odd", "recall-lstm"]


@pytest.fixture
def own_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def button(app: AppTest, label: str):
    return next(b for b in app.button if b.label == label)


@pytest.mark.parametrize("page", [*TEXT_PAGES, "pages/sampling.py"])
def test_a_run_without_history_and_config_is_shown(own_folder, page):
    run = some_run("brought", valid_loss=None)
    assert (run.info.history, run.info.config) == ((), {})
    save_run(run, own_folder)
    for names in (["brought"], ["brought", "recall-lstm"]):
        app = opened(page, runs=names, text="naïve a naïve")
        assert is_fine(app)
        if page == "pages/gradients.py":
            assert app.subheader[-1].value == "During training"
            assert any(c.value.endswith("of their training: brought.") for c in app.caption)
            assert any("clipped steps: recall\\-lstm" in c.value for c in app.caption) == (
                len(names) > 1
            )


def test_the_table_lists_every_run_with_its_size_and_whose_it_is(own_folder):
    save_run(some_run("mine", valid_loss=1.5), own_folder)
    app = opened("pages/models.py")
    table = app.dataframe[0].value.set_index("Model")
    assert set(table.index) == {"mine", *(info.name for info in list_runs([_paths.SHIPPED_RUNS]))}
    for info in list_runs([_paths.SHIPPED_RUNS])[:3]:
        model = load_run(info.path).model
        assert table.Parameters[info.name] == sum(p.numel() for p in model.parameters())
    assert table.From.value_counts().to_dict() == {"shipped": len(table) - 1, "own": 1}
    assert table["Validation, nats"]["mine"] == 1.5


def test_an_own_model_is_renamed_and_a_bad_name_is_one_sentence(own_folder):
    save_run(some_run("mine"), own_folder)
    save_run(some_run("other"), own_folder)
    app = opened("pages/models.py")
    for name in ("../../x", "<img src=x onerror=alert(1)>", "", "other", "recall-lstm"):
        app.text_input(key="new_name").set_value(name)
        button(app, "Rename").click().run()
        assert not app.exception
        assert len(app.error) == 1
        assert app.text_input(key="new_name").value == name  # what was typed is still there
    app.text_input(key="new_name").set_value(" new name ")
    button(app, "Rename").click().run()
    assert is_fine(app)
    assert app.selectbox(key="own_run").value == app.text_input(key="new_name").value == "new name"
    assert sorted(path.name for path in own_folder.iterdir()) == ["new name", "other"]


def test_a_model_that_vanished_while_it_was_shown_is_one_sentence(own_folder):
    info = save_run(some_run("mine"), own_folder).info
    app = opened("pages/models.py")
    library.delete(info)
    app.text_input(key="new_name").set_value("new")
    button(app, "Rename").click().run()
    assert not app.exception
    assert "mine cannot be renamed" in app.error[0].value
    assert "no model of your own" in app.info[0].value


def models_alone() -> AppTest:
    """The page without app.py, with which AppTest starts every run again (see `start_page`): a
    pressed button would be forgotten."""
    return AppTest.from_file(str(Path(APP).parent / "pages/models.py"), default_timeout=60).run()


def test_deleting_asks_first(own_folder):
    save_run(some_run("mine"), own_folder)
    app = models_alone()
    button(app, "Delete").click().run()
    assert list(own_folder.iterdir())
    asked = app._tree[2].get("button")  # where the dialog is
    assert [b.label for b in asked] == ["Keep it", "Delete mine"]


def weights(**sizes):
    return test_imports.example(**sizes).state_dict()


TEXTS = dict(zip(("train.txt", "valid.txt", "test.txt"), test_imports.TEXTS, strict=True))


def brought(file: str, raw: bytes, corpus: str | None = None, texts: dict | None = None) -> AppTest:
    app = models_alone()
    app.file_uploader[0].set_value((file, raw, "application/octet-stream")).run()
    if corpus:
        app.selectbox(key="trained_on").set_value(corpus).run()
    if texts:
        files = [(name, text.encode(), "text/plain") for name, text in texts.items()]
        app.file_uploader[1].set_value(files).run()
    return button(app, "Add to your models").click().run()


def test_a_model_of_the_example_is_brought_with_its_texts(own_folder):
    app = brought("m.pt", test_imports.saved(weights()), "Texts of your own", TEXTS)
    assert is_fine(app)
    assert app.selectbox(key="own_run").value == "uploaded-lstm"
    assert load_run("uploaded-lstm").info.valid_loss > 0
    assert is_fine(opened("pages/gates.py", runs=["uploaded-lstm"], text="the cat sat"))


def test_where_names_leave_a_choice_the_page_asks_for_it(own_folder):
    state = {f"module.{name}": tensor for name, tensor in weights(d=7).items()}
    names = {"encoder": "a", "decoder": "b"}
    state = {re.sub("encoder|decoder", lambda m: names[m[0]], k): v for k, v in state.items()}
    del state["module.b.bias"]
    raw = test_imports.saved({"epoch": 1, "state_dict": state})
    app = brought("m.ckpt", raw, "Texts of your own", TEXTS)
    assert "--map embedding=a.weight" in app.error[0].value.replace("\\", "")
    app.text_input(key="parts").set_value("--map embedding=nothing").run()
    app = button(app, "Add to your models").click().run()
    assert "has no 'nothing'" in app.error[0].value.replace("\\", "")
    app.text_input(key="parts").set_value("embedding='a.weight, projection=b").run()
    app = button(app, "Add to your models").click().run()
    assert "quotation" in app.error[0].value
    app.text_input(key="parts").set_value("--map 'embedding=a.weight', projection=b").run()
    app = button(app, "Add to your models").click().run()
    assert is_fine(app)
    assert load_run("uploaded-lstm").info.valid_loss > 0
    assert not [field for field in app.text_input if field.key == "parts"]


def test_a_file_with_its_vocabulary_is_brought_without_a_corpus(own_folder):
    words, _ = test_imports.example_ids(test_imports.TEXTS)
    raw = test_imports.saved({"model": weights(), "itos": words})
    app = brought("pets.bin", raw)
    assert is_fine(app)
    assert load_run("pets-lstm").info.valid_loss is None
    for page in ("pages/models.py", "pages/gates.py", "pages/compare.py", "pages/home.py"):
        assert is_fine(opened(page, runs=["pets-lstm"], text="the cat sat"))


def test_a_model_whose_tokens_have_no_known_order_is_brought_with_a_word(own_folder):
    state = {name: 9 * tensor for name, tensor in weights().items()}  # sure, and wrong
    app = brought("m.pt", test_imports.saved(state), "Texts of your own", TEXTS)
    assert is_fine(app)
    assert load_run("uploaded-lstm").info.valid_loss > 3
    said = [toast.value.replace("\\", "") for toast in app.toast]
    assert [text for text in said if "could not be found" in text and "for_rnnviz.pt" in text]


def test_a_downloaded_run_is_brought_back_without_a_question(own_folder):
    raw = archive.pack(load_run("recall-lstm").info)
    app = brought("x.safetensors", raw)
    assert is_fine(app)
    assert app.selectbox(key="own_run").value == "recall-lstm-2"


@pytest.mark.parametrize(
    ("raw", "corpus", "texts", "sentence"),
    [
        (b"no model", None, None, "is no model"),
        (test_imports.saved(weights()), None, None, "no vocabulary"),
        (test_imports.saved(weights()), "counting", None, "trained on another text"),
        (test_imports.saved(weights()), "Texts of your own", {"a.txt": "b", "c.txt": "d"}, "named"),
        (test_imports.saved(weights()), "Texts of your own", None, "named"),
    ],
)
def test_what_cannot_be_brought_is_one_sentence(own_folder, raw, corpus, texts, sentence):
    app = brought("![x](y) <b>.pt", raw, corpus, texts)
    assert not app.exception
    assert sentence in app.error[0].value.replace("\\", "")
    assert "![" not in app.error[0].value
    assert not own_folder.exists() or not list(own_folder.iterdir())


def test_the_choice_of_models_and_text_survives_a_visit_to_models():
    app = opened("pages/gates.py", runs=["recall-lstm"], text="Aab?A")
    app.switch_page("pages/models.py").run()
    for name in ("pages/states.py", "pages/models.py", "pages/gates.py"):
        app.switch_page(name).run()
    assert is_fine(app)
    assert (app.session_state["runs"], app.session_state["text"]) == (["recall-lstm"], "Aab?A")
