"""The recall group: lists leave it out, names find it, results.csv says what it reached."""

import hashlib
import math
import shlex

import pytest
from playwright.sync_api import expect

from rnnviz import RNN_TYPES, list_runs, load_corpus, load_run
from rnnviz.__main__ import main
from rnnviz._paths import RECALL_RUNS, SHIPPED_RUNS
from rnnviz.cli.parser import build_parser
from rnnviz.runs.recall_group import (
    DELAYS,
    MEASURED_AT,
    SHORT,
    forget_bias,
    half_life,
    model_name,
    read_results,
)
from rnnviz.training.batches import score_part
from tests.conftest import label_of
from tests.test_app import is_fine, opened
from tests.test_browser import open_page
from tests.test_links import linked

SHIPPED = [result for result in read_results() if result.seed == 0]
BOTH = [model_name(delay, kind, usual) for delay in DELAYS for kind in ("LSTM", "GRU")
        for usual in (True, False)]  # fmt: skip
ONE = [model_name(delay, kind) for delay in DELAYS for kind in ("RNN_TANH", "RNN_RELU")]
NAMES = {*BOTH, *ONE, *(model_name(SHORT, kind) for kind in RNN_TYPES)}
IN_LISTS = {"recall-lstm", "recall-rnn-tanh"}


def folder_of(name):
    return (SHIPPED_RUNS if name in IN_LISTS else RECALL_RUNS) / name


def test_every_distance_has_its_models_and_every_model_its_row():
    assert {path.name for path in RECALL_RUNS.iterdir()} == NAMES - IN_LISTS
    assert {result.model for result in SHIPPED} == NAMES
    rows = read_results()
    assert len({(row.model, row.seed) for row in rows}) == len(rows)
    for name in NAMES:
        commands = {row.seed: row.command for row in rows if row.model == name}
        is_long = any(f"recall:{delay} " in commands[0] for delay in (30, 60, 100))
        assert set(commands) == set(range(3 if is_long else 5))
        assert all(f"--seed {seed} " in command for seed, command in commands.items())


@pytest.mark.parametrize("result", SHIPPED, ids=lambda result: result.model)
def test_what_ships_is_what_the_row_measured(result):
    folder = folder_of(result.model)
    assert {path.name for path in folder.iterdir()} >= {"run.json", "weights.safetensors"}
    weights = (folder / "weights.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == result.sha256
    run = load_run(result.model)
    assert run.info.path == folder
    assert (run.info.command, run.info.config["steps"]) == (result.command, 3_000)
    assert run.info.accuracy == pytest.approx(result.accuracy, abs=1e-4)
    delay = MEASURED_AT[len(result.model) % len(MEASURED_AT)]  # each at one, all among them
    corpus = load_corpus(f"recall:{delay}")
    _, accuracy = score_part(run.model, corpus, corpus.test)
    assert accuracy == pytest.approx(result.at[delay], abs=2e-3)


@pytest.mark.parametrize("delay", DELAYS)
def test_an_untrained_gate_keeps_half_for_the_distance_and_no_smaller_bias_does(delay):
    bias = forget_bias(delay, "LSTM")
    gate, smaller = (1 / (1 + math.exp(-b)) for b in (bias, bias - 1))
    assert gate**delay >= 0.5 > smaller**delay
    assert gate ** half_life(bias) == pytest.approx(0.5)
    assert forget_bias(delay, "GRU") == bias
    assert forget_bias(delay, "RNN_TANH") is None
    model = load_run(model_name(delay, "LSTM")).info.model
    assert model["forget_bias"] == bias
    assert load_run(model_name(delay, "LSTM", usual_bias=False)).info.model["forget_bias"] is None


@pytest.mark.parametrize("name", ["recall-5-rnn-relu", "recall-20-rnn-tanh"])
def test_a_row_trained_again_comes_to_the_same_verdict(name, tmp_path):
    """The first learns, the second does not."""
    (row,) = (result for result in SHIPPED if result.model == name)
    assert row.has_learned == (name == "recall-5-rnn-relu")
    python, _, package, *arguments = shlex.split(row.command)
    assert (python, package) == ("python", "rnnviz")
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    (info,) = list_runs([tmp_path])
    assert (info.accuracy >= 0.99) == row.has_learned


def test_lists_leave_the_group_out(capsys):
    assert not {info.name for info in list_runs()} & (NAMES - IN_LISTS)
    for options, wanted in (([], IN_LISTS), (["--all"], NAMES)):
        parsed = build_parser().parse_args(["runs", *options])
        parsed.run(parsed)
        listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
        assert listed & NAMES == wanted


def test_a_link_opens_a_model_of_the_group_and_the_list_has_no_other():
    app = opened("pages/gates.py", runs=["recall-60-lstm", "recall-lstm"])
    assert is_fine(app)
    assert not app.warning
    assert app.session_state["runs"] == ["recall-60-lstm", "recall-lstm"]
    assert len(app.session_state["text"]) == 63  # its own distance
    listed = app.sidebar.multiselect(key="runs").options
    assert sum("recall" in option for option in listed) == 3
    app.sidebar.multiselect(key="runs").set_value(["recall-lstm"]).run()
    assert is_fine(app)
    app.run()  # what is no longer chosen leaves the list with the next run
    listed = app.sidebar.multiselect(key="runs").options
    assert sum("recall" in option for option in listed) == 2


def test_a_link_cannot_leave_the_folder_of_the_group():
    app = linked("pages/gates.py", runs=["../runs/recall-lstm", "recall-lstm"])
    assert is_fine(app)
    assert app.session_state["runs"] == ["recall-lstm"]
    assert "is not among the models here" in app.warning[0].value


def test_the_models_page_tables_what_every_model_reached():
    app = opened("pages/models.py")
    assert is_fine(app)
    table = app.dataframe[1].value.set_index("Model")
    assert set(table.index) == NAMES
    for result in SHIPPED:
        assert table["Own"][result.model] == result.accuracy
        assert table["At 100"][result.model] == result.at[100]
    seeds = [row.has_learned for row in read_results() if row.model == "recall-5-lstm"]
    assert table["Seeds that learned"]["recall-5-lstm"] == f"{sum(seeds)} of {len(seeds)}"


def test_four_of_one_distance_are_shown_from_the_models_page(server, page):
    open_page(page, f"{server.url}/models")
    page.get_by_text("Recall: models that each learned over one distance").click()
    # By key: the table above it may move it under the mouse while it is drawn
    page.get_by_role("button", name="Show the four cell types").press("Enter")
    expect(page.locator("h1")).to_have_text("Gates")
    tags = page.locator("[data-testid=stSidebar] [data-tag]")
    expect(tags).to_have_count(4)
    assert all("recall-1-10" in label_of(text).replace("\n", "") for text in tags.all_inner_texts())
