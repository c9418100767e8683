"""The Compare page: its Python without a browser, then what only a browser shows."""

import csv
import json
import math
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect
from streamlit.testing.v1 import AppTest

from rnnviz import RNN_TYPES, TrainConfig, _paths, list_runs, load_run
from rnnviz.analysis import gradient_decay, text_view
from rnnviz.app import caches, compare, presets, train_estimate, training_caches
from rnnviz.data import builtin
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import CorpusError, Source
from rnnviz.figures import style
from rnnviz.jobs.fit import fit
from rnnviz.jobs.start import new_run
from rnnviz.runs import snapshots, store
from tests.conftest import Server, running_server, wait_until
from tests.test_app import is_fine, opened

PAGE = "pages/compare.py"
TEXT = "def f(x):\n    return x\n"


def train_some(folder: Path, kinds=("LSTM", "GRU"), seeds=(0, 1)) -> list[str]:
    """Small runs with snapshots at steps 0, 1, 2, ... 40."""
    line = "aabb\naaaabbbb\nab\n"
    corpus = make_corpus(Source("made", (line * 40, line * 4, line * 4)))
    names = []
    for kind in kinds:
        for seed in seeds:
            sizes = {"rnn_type": kind, "embedding_size": 4, "hidden_size": 8}
            config = TrainConfig(
                steps=40, seed=seed, batch_size=2, sequence_length=8, eval_every=10, log_every=5
            )
            name = f"made-{kind.lower()}-{seed}"
            run = new_run(name, corpus, config, num_hidden_layers=1, dropout=0.0, **sizes)
            list(fit(run, corpus, folder))
            names.append(name)
    return names


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train_some(folder)
    return folder


@pytest.fixture
def made(tmp_path, trained, monkeypatch) -> Path:
    """A folder of the user's with four runs of its own."""
    shutil.copytree(trained, tmp_path / "runs")
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def said(app: AppTest) -> str:
    return "\n".join(element.value for element in (*app.text, *app.info, *app.warning, *app.error))


def test_the_table_has_the_numbers_of_each_run():
    app = opened(PAGE, text=TEXT)
    assert is_fine(app)
    table = app.dataframe[0].value.set_index("run")
    assert list(table)[:3] == ["validation, nats", "cell type", "perplexity"]
    infos = {info.name: info for info in list_runs([_paths.SHIPPED_RUNS])}
    assert list(table.index) == list(presets.USUAL.runs)
    for name, row in table.iterrows():
        info = infos[name]
        assert row["cell type"] == style.cell_name(info.rnn_type)
        assert row["validation, nats"] == info.valid_loss
        assert row["test, nats"] == info.test_loss
        assert row["perplexity"] == pytest.approx(math.exp(info.valid_loss))
        assert row["tokens seen"] == info.history[-1]["tokens"]
        assert row["learning rate"] == str(info.config["lr"])
        run = store.load_run(info.path)
        half_life = gradient_decay.decay_of_loss(run, TEXT, 0, len(TEXT) - 2).half_life
        assert row["half-life, tokens"] == pytest.approx(half_life)
        gates = text_view.view(run, caches.validation_text(info.corpus), 0).gates
        values = [v for n in "iforz" if n in gates for v in gates[n].ravel().tolist()]
        outside = sum(not 0.1 <= v <= 0.9 for v in values)
        assert bool(values) == (info.rnn_type in ("LSTM", "GRU"))
        if values:
            assert row["saturated gates"] == pytest.approx(outside / len(values))
    assert "differ in learning rate 0.01, 0.005, 0.006, 0.004." in said(app)
    assert "best at" in said(app)


def test_runs_compared_are_the_sidebars_until_others_are_chosen_and_then_are_kept():
    app = opened(PAGE, runs=["recall-lstm"])
    assert app.multiselect(key="compared").value == ["recall-lstm"]
    assert "One run" in said(app)
    wanted = ["recall-lstm", "recall-rnn-tanh", *presets.USUAL.runs]
    app.multiselect(key="compared").set_value(wanted).run()
    app.switch_page("pages/gates.py").run()
    app.switch_page(PAGE).run()
    assert app.multiselect(key="compared").value == wanted
    assert "not all of them share the same data and vocabulary" in said(app).lower()
    app.multiselect(key="compared").set_value([]).run()
    assert "at least one run" in said(app)


def test_models_of_other_vocabularies_are_not_compared_token_by_token():
    names = ["python-source-lstm", "python-source-gru", "python-docs-lstm"]
    app = opened(PAGE, runs=names, text="the function is open")
    assert is_fine(app)
    assert "different vocabularies" in said(app)
    assert len([text for text in said(app).splitlines() if "best at" in text]) == 2
    alone = said(opened(PAGE, runs=["recall-lstm"], text="Ab?A"))
    assert "LSTM: mean " in alone
    assert "best at" not in alone
    assert "at least two" in said(opened(PAGE, runs=["recall-lstm"], text="A"))


def test_a_run_that_lost_its_weights_or_is_gone_is_said_and_the_others_stay(made):
    app = opened(PAGE, compared=["made-lstm-0", "made-gru-0", "recall-lstm"])
    assert len(app.dataframe[0].value) == 3
    (made / "made-lstm-0" / "weights.safetensors").unlink()
    (made / "made-gru-0" / "weights.safetensors").write_bytes(b"nothing")
    app.run()
    assert not app.exception
    assert list(app.dataframe[0].value["run"]) == ["recall-lstm"]
    assert "made\\-lstm\\-0 are no longer there" in app.error[0].value
    assert "made\\-gru\\-0" in app.error[1].value
    shutil.rmtree(made / "made-lstm-0")
    app.run()
    assert not app.exception
    assert app.multiselect(key="compared").value == ["made-gru-0", "recall-lstm"]


def test_an_imported_run_without_history_has_empty_cells(made):
    file = made / "made-lstm-0" / "run.json"
    raw = json.loads(file.read_text())
    file.write_text(json.dumps(raw | {"history": [], "config": {}, "valid_loss": None}))
    app = opened(PAGE, runs=["made-lstm-0"], compared=["made-lstm-0", "made-lstm-1"])
    assert is_fine(app)
    table = app.dataframe[0].value.set_index("run")
    assert table["tokens seen"].isna().tolist() == [True, False]
    assert "seed not recorded, 1" in said(app)
    assert any("history: made\\-lstm\\-0" in caption.value for caption in app.caption)
    app.multiselect(key="compared").set_value(["made-lstm-0"]).run()
    assert is_fine(app)
    assert "tokens seen" not in app.dataframe[0].value


def test_the_time_lapse_follows_its_slider_and_says_what_it_cannot_show(made):
    app = opened(PAGE, runs=["made-gru-1"], text="aabb")
    slider = app.select_slider(key="lapse_step")
    assert [int(step) for step in slider.options] == [0, 1, 2, 3, 5, 7, 11, 15, 22, 31, 40]
    last = re.search(r"After 40 steps the text costs ([\d.]+) nats", said(app))[1]
    slider.set_value(0).run()
    first = re.search(r"After 0 steps the text costs ([\d.]+) nats", said(app))[1]
    assert float(last) < float(first)
    (made / "made-gru-1" / "snapshots" / "3.safetensors").write_bytes(b"nothing")
    app.select_slider(key="lapse_step").set_value(3).run()
    assert not app.exception
    assert "3\\.safetensors" in app.error[0].value
    (made / "made-gru-1" / "snapshots" / "3.safetensors").unlink()
    app.run()
    assert is_fine(app)
    assert app.session_state["lapse_step"] == 40
    assert "nan" not in said(opened(PAGE, runs=["made-gru-1"], text="a"))


def test_a_fresh_install_has_a_time_lapse():
    app = opened(PAGE, runs=["python-source-lstm"], text="def f")
    assert is_fine(app)
    steps = load_run("recall-lstm").info.config["steps"]
    assert app.select_slider(key="lapse_step").value == steps
    assert f"After {steps:,} steps, a token after the cue: 0.000 nats." in said(app)
    app.select_slider(key="lapse_step").set_value(0).run()
    assert re.search(r"After 0 steps, a token after the cue: [1-4]\.\d+ nats", said(app))
    app = opened(PAGE, runs=["recall-lstm"], text="Dbagc")
    assert "a token after the cue: there is none here" in said(app)


def test_without_snapshots_the_page_says_what_makes_them(monkeypatch):
    monkeypatch.setattr(snapshots, "steps", lambda info: ())
    assert "No run has snapshots yet" in said(opened(PAGE, runs=["recall-lstm"], text="Ab?A"))


def test_all_four_are_handed_to_the_trainer(monkeypatch):
    submitted, links = [], []
    jobs = SimpleNamespace(submit=submitted.append, list=tuple)
    monkeypatch.setattr(training_caches, "jobs", lambda: jobs)
    monkeypatch.setattr(compare.st, "page_link", lambda page, **_: links.append(page))
    app = opened(PAGE, runs=["recall-lstm"], text="Ab?A", four=True)
    app.selectbox(key="four_corpus").set_value("brackets")
    app.number_input(key="four_width").set_value(16)
    app.number_input(key="four_seeds").set_value(2).run()
    app.button_group(key="four_equal").set_value("parameters").run()
    assert submitted == []
    (button,) = [button for button in app.button if button.label == "Train all four"]
    button.click().run()
    assert is_fine(app)
    (plans,) = submitted
    assert {plan.model["rnn_type"] for plan in plans} == set(RNN_TYPES)
    assert len({plan.name for plan in plans}) == len(plans) == 8
    assert links == ["pages/train.py"]
    corpus = make_corpus(plans[0].source, plans[0].level, plans[0].min_count)
    models = [
        new_run(p.name, corpus, p.config, **p.model).model for p in plans if not p.config.seed
    ]
    totals = [sum(p.numel() for p in model.parameters()) for model in models]
    assert max(totals) < 1.05 * min(totals)
    assert len({model.rnn.hidden_size for model in models}) == 3  # the two RNNs are alike
    assert {(plan.config.steps, plan.config.minutes) for plan in plans} == {(1000, None)}
    assert list(app.table[0].value["Parameters"]) == [f"{total:,}" for total in totals]


def test_equal_parameters_of_a_large_vocabulary_are_said_to_be_those_of_its_matrices(monkeypatch):
    monkeypatch.setattr(train_estimate, "_speed", lambda *_: None)
    app = opened(PAGE, text="def f", four=True, four_corpus="python-docs", four_level="word")
    app.button_group(key="four_equal").set_value("parameters").run()
    assert is_fine(app)
    assert any("Embedding and projection dominate" in c.value for c in app.caption)
    assert set(app.table[0].value["Tokens/s"]) == {"–"}


def test_the_settings_of_the_train_page_are_not_those_of_compare():
    app = opened(PAGE, runs=["recall-lstm"], text="Ab?A", four=True, train_minutes=9.0)
    assert is_fine(app)
    assert app.session_state["train_minutes"] == 9.0
    assert app.session_state["four_steps"] == 1000


def test_a_corpus_that_cannot_be_had_is_one_sentence(monkeypatch):
    def missing():
        raise CorpusError("it is not here")

    monkeypatch.setitem(builtin.BUILT_IN, "wikitext-2", builtin.BuiltIn("", missing))
    app = opened(PAGE, runs=["recall-lstm"], text="Ab?A", four=True)
    app.selectbox(key="four_corpus").set_value("wikitext-2").run()
    assert not app.exception
    assert [error.value for error in app.error] == ["it is not here\\."]


# In the browser


@pytest.fixture(scope="module")
def own_server(tmp_path_factory, trained) -> Iterator[Server]:
    """A server whose user has runs with snapshots."""
    folder = tmp_path_factory.mktemp("compare")
    with running_server(folder) as running:
        shutil.copytree(trained, folder / "runs", dirs_exist_ok=True)
        yield running


def open_compare(page: Page, server: Server, names, text: str) -> None:
    chosen = "&".join(f"runs={name}" for name in names)
    page.goto(f"{server.url}/compare?{chosen}&text={quote(text)}")
    page.get_by_text("All as one HTML report").wait_for()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)


def downloaded(page: Page, button: Locator, file: Path) -> str:
    """The name that a browser gives to what this button downloads; it is put into `file`."""
    with page.expect_download() as download:
        button.click()
    download.value.save_as(file)
    return download.value.suggested_filename


def test_what_is_downloaded_opens_without_the_app(own_server, page, tmp_path):
    """The table, a figure as a picture, each figure as a file, all as a report."""
    open_compare(page, own_server, ["made-lstm-0", "made-gru-0"], "aabb\n<img src=x>")
    table, picture, figures, report = (
        tmp_path / f"runs.{e}" for e in ("csv", "png", "zip", "html")
    )
    downloaded(page, page.get_by_text("Table as CSV"), table)
    rows = list(csv.DictReader(table.open()))
    assert [row["run"] for row in rows] == ["made-lstm-0", "made-gru-0"]
    assert float(rows[0]["validation, nats"]) > 0
    chart = page.locator(".js-plotly-plot").first
    chart.hover()
    assert downloaded(page, chart.locator("[data-title*=PNG]"), picture).endswith(".png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    downloaded(page, page.get_by_text("Figures as HTML"), figures)
    with zipfile.ZipFile(figures) as archive:
        assert len(archive.namelist()) == 4  # two learning curves, the text, the time-lapse
        archive.extractall(tmp_path)
        first = tmp_path / archive.namelist()[0]
    downloaded(page, page.get_by_text("All as one HTML report"), report)
    page.context.set_offline(True)
    page.goto(first.as_uri())
    expect(page.locator(".gtitle")).to_have_text("Validation loss on made")
    problems: list[str] = []
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(report.as_uri())
    the_report_is_whole(page)
    assert not problems


def the_report_is_whole(page: Page) -> None:
    expect(page.locator(".main-svg").first).to_be_visible()
    expect(page.locator(".plotly-graph-div .gtitle:visible")).to_have_count(4)
    expect(page.locator("td", has_text="made-gru-0").first).to_be_visible()
    expect(page.locator("pre", has_text="<img src=x>").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    expect(page.get_by_text(re.compile(r"^rnnviz [\d.]+, \d{4}-\d\d-\d\d$"))).to_be_visible()
    expect(page.get_by_text("red where this model is the best")).to_be_visible()
    strips = page.locator(".heatmaps div.text:visible")
    expect(strips).to_have_count(3)  # one a model, and that of the time-lapse
    token = strips.first.locator(".token").nth(2)
    assert token.evaluate("t => getComputedStyle(t).backgroundColor") != "rgba(0, 0, 0, 0)"
    token.hover()
    expect(page.locator(".heatmaps .tip:visible")).to_contain_text("b")
    slider = page.get_by_role("slider", name="Training step")
    said = page.get_by_text(re.compile(r"^After \d+ steps")).locator("visible=true")
    expect(said).to_contain_text("After 40 steps")
    canvas = page.locator("section:visible canvas").first
    last = canvas.evaluate("e => e.toDataURL()")
    slider.press("ArrowLeft")
    expect(said).to_contain_text("After 22 steps")  # of eleven snapshots eight
    expect(page.locator("output")).to_have_text("22")
    wait_until(lambda: canvas.evaluate("e => e.toDataURL()") != last)


def test_the_slider_moves_the_time_lapse_back_and_forth(own_server, page):
    open_compare(page, own_server, ["made-gru-1"], "aabb\naaabbb\n")
    line = page.get_by_text(re.compile(r"^After \d+ steps"))
    expect(line).to_contain_text("After 40 steps")
    expect(page.locator(".legendtext", has_text="step 40")).to_be_visible()  # all is drawn
    canvas = page.locator("canvas").last
    last = canvas.evaluate("e => e.toDataURL()")
    slider = page.get_by_role("slider", name="Training step")
    slider.focus()
    for step in (31, 22, 15):
        slider.press("ArrowLeft")
        expect(line).to_contain_text(f"After {step} steps")
    expect(page.locator(".legendtext", has_text="step 15")).to_be_visible()
    wait_until(lambda: canvas.evaluate("e => e.toDataURL()") != last)
    for step in (22, 31, 40):
        slider.press("ArrowRight")
        expect(line).to_contain_text(f"After {step} steps")
    expect(page.locator(".legendtext", has_text="step 15")).to_have_count(0)
    wait_until(lambda: canvas.evaluate("e => e.toDataURL()") == last)


def test_words_of_the_text_and_of_samples_are_no_markup(own_server, page):
    text = "<b>x</b> <script>document.title='run'</script>"
    open_compare(page, own_server, ["python-source-lstm", "python-source-gru"], text)
    expect(page.locator("div.text")).to_have_count(3)  # two strips, and the time-lapse
    shown = "".join(page.locator("div.text").first.locator(".token").all_inner_texts())
    assert shown == text.replace(" ", "␣")
    colours = (
        page.locator("div.text")
        .first.locator(".token")
        .evaluate_all("tokens => new Set(tokens.map(t => t.style.backgroundColor)).size")
    )
    assert colours > 5
    assert page.title() != "run"
