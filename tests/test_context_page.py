"""The Context page, without a browser: what is measured, and what its components are given."""

import json
import re
import shutil
import struct
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnviz import _paths, load_run
from rnnviz.analysis import context_use as uses
from rnnviz.analysis.context import context_loss
from rnnviz.analysis.context_curve import BEYOND, ContextLoss
from rnnviz.analysis.context_use import ContextUse
from rnnviz.analysis.gradient_decay import influence_log10, mean_half_life
from rnnviz.analysis.past import past
from rnnviz.app import caches, components, context
from rnnviz.figures import context as figures
from rnnviz.figures.context import ModelUse
from rnnviz.jobs.measurements import Measurement, Measurements
from rnnviz.runs.window_files import WindowFacts, load_window, save_window, window_facts, windows_of
from tests.conftest import wait_until
from tests.test_app import is_fine, opened
from tests.test_links import linked
from tests.test_window_model import a_model

PAGE = "pages/context.py"
TEXT = "the value of the list is returned"
RUNS = ["recall-lstm", "recall-rnn-tanh"]


@pytest.fixture
def drawn(monkeypatch):
    """The headers of the messages that the components were drawn with last, by name."""
    found = {}

    def read(message: bytes) -> dict:
        (size,) = struct.unpack_from("<I", message)
        return json.loads(message[4 : 4 + size])

    for name in ("past", "order"):
        monkeypatch.setattr(
            components, name, lambda message, *_, name=name: found.update({name: read(message)})
        )
    return found


def settled(app):
    """The page once all is measured."""
    wait_until(lambda: "Measuring" not in str([e.proto for e in app.run().get("progress")]))
    return app


def test_the_page_says_what_the_measurements_gave(drawn):
    app = settled(opened(PAGE, runs=RUNS))
    assert is_fine(app)
    said = next(e.value for e in app.markdown if "gains no more" in e.value)
    for name, kind in zip(RUNS, ("LSTM", "tanh RNN"), strict=True):
        run = load_run(name)
        text = caches.validation_text(run.info.spec)
        loss = uses.measured(run.model, run.ids(text), "cut", run.info.cue)
        assert f"The {kind} gains no more beyond {loss.enough} tokens" in said
    assert loss.distances[-1] == 32  # an item of 30 letters with its first one and the cue


def test_a_cue_decides_which_tokens_are_measured_and_from_where():
    run = load_run("recall-lstm")
    ids = run.ids(caches.validation_text("recall"))
    loss = uses.measured(run.model, ids, "cut", run.info.cue)
    assert loss.distances == (1, 2, 4, 8, 16, 32)
    assert loss.mean[-1] < 0.01 < 1 < loss.mean[-2]  # without its first letter there is no answer


def test_the_mean_half_life_is_that_of_an_exponential_decay():
    t = np.arange(64)
    log10 = np.where(t[:, None] >= t, -(t[:, None] - t) / 10 + t[:, None] % 3, -np.inf)
    assert mean_half_life(log10, np.ones(64, bool)) == pytest.approx(10 * np.log10(2))
    assert np.isnan(mean_half_life(log10, np.zeros(64, bool)))


@pytest.mark.parametrize("beyond", BEYOND)
def test_what_ships_is_what_is_measured(beyond):
    run = load_run("python-docs-chars-rnn-tanh")
    text = caches.validation_text(run.info.spec)
    there = uses.shipped_use(uses.key_of(run.info.folder / "weights.safetensors", text, beyond))
    if there is None:
        pytest.skip("this Python's texts are not those that were measured")
    distances, rows = there.loss.distances, [0, 5, -1]  # each is measured by itself
    chosen = [distances[row] for row in rows]
    again = context_loss(
        run.model, run.ids(text), chosen, beyond, distances[-1], len(there.loss.nats[0])
    )
    np.testing.assert_allclose(there.loss.nats[rows], again.nats, rtol=2e-3, atol=1e-3)
    log10 = influence_log10(run, text, 0)
    half_life = mean_half_life(log10, np.ones(len(log10), bool))
    assert there.half_life == pytest.approx(half_life, rel=1e-3)


def test_a_use_has_the_mean_half_life_of_all_tokens_where_all_count():
    run = load_run("python-docs-chars-rnn-tanh")
    text = caches.validation_text(run.info.spec)[:600]
    log10 = influence_log10(run, text, 0)
    half_life = mean_half_life(log10, np.ones(len(log10), bool))
    assert uses.context_use(run, text, "cut").half_life == half_life


def test_what_was_packed_is_read_again(tmp_path):
    use = ContextUse(ContextLoss((1, 4), np.array([[1.0, 3.0], [0.5, 0.25]])), 2.5)
    (tmp_path / "some").write_bytes(uses.pack({"a-b-cut": use}))
    read = uses.read_uses(tmp_path / "some")["a-b-cut"]
    assert (read.loss.distances, read.half_life) == ((1, 4), 2.5)
    np.testing.assert_array_equal(read.loss.nats, use.loss.nats)
    assert uses.shipped_use("a-b-cut") is None


@pytest.mark.parametrize(
    ("text", "cue", "sentence"),
    [("ab" * 10, None, "at least 32 tokens"), ("ab" * 40, 0, "at least 4 cues")],
)
def test_too_little_to_measure_is_one_sentence(text, cue, sentence):
    run = load_run("recall-lstm")
    with pytest.raises(ValueError, match=sentence):
        uses.measured(run.model, run.ids(text), "cut", cue)


def test_the_past_has_what_the_library_gives(drawn):
    app = opened(PAGE, runs=["python-source-gru"], text=TEXT, past_place=20)
    assert is_fine(app)
    [model], found = drawn["past"]["models"], past(load_run("python-source-gru"), TEXT)
    assert model["likeliest"] == found.likeliest
    np.testing.assert_allclose(model["p"], found.p, atol=1e-5)
    np.testing.assert_allclose(model["moved"], found.moved, atol=1e-4)
    assert drawn["past"]["place"] == 20
    assert app.query_params["from"] == "20"


def test_words_in_another_order_cost_what_the_model_says(drawn):
    app = linked(PAGE, runs="python-docs-lstm", text=TEXT, words="2,0,1,3,6")
    assert is_fine(app)
    shown, run = drawn["order"], load_run("python-docs-lstm")
    assert shown["order"] == [2, 0, 1, 3, 6]
    assert app.query_params["words"] == "2,0,1,3,6"
    costs = {}
    for name, text in (("before", TEXT), ("now", "of the value the returned")):
        ids = run.ids(text)
        with torch.no_grad():
            log_p, _ = run.model(ids[None, :-1], run.model.init_hidden(1))
        costs[name] = [0.0, *(-log_p[0].gather(1, ids[1:, None])[:, 0]).tolist()]
    [model] = shown["models"]
    for name, nats in costs.items():
        assert [sum(cost for _, cost in piece) for piece in model[name]] == pytest.approx(
            nats, abs=2e-3
        )
    assert [token for piece in model["now"] for token, _ in piece] == [
        "of",
        "the",
        "value",
        "the",
        "returned",
    ]


@pytest.mark.parametrize("words", ["", "9,0", "0,0", "x", "-1", "0,,1", "1" * 500])
def test_an_order_that_cannot_be_is_that_of_the_text(drawn, words):
    app = linked(PAGE, runs="python-docs-lstm", text=TEXT, words=words, beyond="eaten")
    app.session_state["from"] = "x"
    assert is_fine(app)
    assert drawn["order"]["order"] == list(range(7))
    assert "words" not in app.query_params


def test_another_text_begins_in_its_own_order(drawn):
    app = linked(PAGE, runs="python-docs-lstm", text=TEXT, words="2,0,1")
    app.session_state["text"] = "one two three four"
    app.run()
    assert drawn["order"]["order"] == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["a", "?", " ", "x" * 3_000, "\N{GRINNING FACE} \u05d0\u05d1\0"])
def test_odd_texts_are_no_traceback(drawn, text):
    app = opened(PAGE, runs=["python-docs-lstm", "recall-lstm"], text=text)
    assert not app.exception


# Measurements in the background


def test_a_measurement_is_made_once_and_tells_how_far_it_is():
    go, all_of_them = threading.Event(), Measurements()

    def make(tell):
        tell(0.5)
        go.wait(10)
        return "found"

    one = all_of_them.of("key", make)
    wait_until(lambda: one.share == 0.5)
    assert not one.done
    assert one.seconds == pytest.approx(2 * (time.monotonic() - one.began), abs=0.5)
    second = all_of_them.of("another", lambda tell: 2)
    assert all_of_them.of("key", make) is one
    assert not second.done  # one at a time
    go.set()
    wait_until(lambda: second.done)
    assert (one.value, second.value) == ("found", 2)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(ValueError("too  short"), "too short."), (KeyError("x"), "an error of the app")],
)
def test_a_measurement_that_fails_is_a_sentence(error, sentence):
    def make(tell):
        raise error

    one = Measurements().of("key", make)
    wait_until(lambda: one.done)
    assert sentence in one.message
    assert one.value is None


def test_the_progress_of_several_has_the_time_left(monkeypatch):
    """One takes 12 s in all and has 9 left, the one after it takes as long."""
    running, later, done = Measurement(), Measurement(), Measurement()
    running.began, running.share, done.value = time.monotonic() - 3, 0.25, "found"
    shown = []
    monkeypatch.setattr(context.st, "progress", lambda *given: shown.append(given))
    context._progress(context.Asked([], [], {1: running, 2: later, 4: done}))
    ((share, said),) = shown
    assert share == pytest.approx(1.25 / 3)
    assert re.fullmatch("Measuring 2 of 3 models, about 2[012] s left", said)


def test_a_run_that_is_gone_is_one_sentence(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    shutil.copytree(_paths.SHIPPED_RUNS / "recall-rnn-tanh", tmp_path / "mine")
    app = opened(PAGE, runs=["mine"], text="Aab?A")
    assert is_fine(app)
    (tmp_path / "mine" / "weights.safetensors").unlink()
    app.run()
    assert not app.exception
    assert app.error


# The figure, and models of a window


def a_use(means, half_life=8.0) -> ContextUse:
    spread = np.where(np.arange(50) % 2, 0.1, -0.1)
    nats = np.array(means)[:, None] + spread
    return ContextUse(ContextLoss(tuple(2**n for n in range(len(means))), nats), half_life)


def test_the_figure_has_the_means_with_their_errors_and_both_memories():
    one = ModelUse("LSTM", "#111111", "solid", a_use([3.0, 2.0, 1.0, 1.0]))
    two = ModelUse("<b>", "#222222", "dash", a_use([3.0, 2.5, 2.5, 2.5], np.inf))
    figure = figures.context([one, two], {1: 2.9, 4: 1.5}, ["LSTM", "other", "<b>"])
    curves = [t for t in figure.data if t.yaxis != "y2" and t.line.shape != "hv"]
    assert [curve.name for curve in curves] == ["LSTM", "&lt;b&gt;"]
    for curve, model in zip(curves, (one, two), strict=True):
        np.testing.assert_allclose(curve.y, model.use.loss.mean)
        np.testing.assert_allclose(curve.error_y.array, model.use.loss.standard_error)
    [steps] = [t for t in figure.data if t.line.shape == "hv"]
    assert (list(steps.x), list(steps.y)) == ([1, 4, 8], [2.9, 1.5, 1.5])
    marks = [t for t in figure.data if t.mode == "markers"]
    assert [(t.x[0], t.y[0]) for t in marks] == [(4, 0), (8.0, 0), (2, 2), (8, 2)]
    assert "longer than the axis" in marks[-1].hovertemplate


def test_a_figure_of_nothing_yet_keeps_its_height():
    rows = ["LSTM", "GRU"]
    height = figures.context([], {}, rows).layout.height
    full = [ModelUse(row, "#111111", "solid", a_use([1.0, 0.5])) for row in rows]
    assert figures.context(full, {}, rows).layout.height == height


def test_in_words_is_made_of_the_numbers():
    one = ModelUse("LSTM", "", "", a_use([3.0, 2.0, 1.0]))
    said = context.in_words([one], {1: 2.5, 4: 1.25})
    assert said == (
        "The LSTM gains no more beyond 4 tokens; half of its gradient is left after 8 tokens. "
        "The best window, 4 tokens, is 0.25 nats worse than the LSTM's state."
    )


def test_a_model_of_a_window_comes_back_from_its_file(tmp_path):
    model = a_model(3).float()
    facts = WindowFacts("some", "f1", tuple("abcdefg"), 3, 5, 6, 1e-3, {"0.001": 2.0}, 9, 0, 1.0, 2)
    path = save_window(tmp_path, model, facts)
    assert window_facts(path) == facts
    assert list(windows_of("f1", tmp_path)) == [path]
    assert not windows_of("f2", tmp_path)
    again = load_window(path)
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight.half().float())


def test_windows_that_ship_have_the_vocabulary_of_the_runs_and_half_of_the_best_rate_tried():
    run = load_run("python-source-lstm")
    found = windows_of(run.info.fingerprint, _paths.WINDOWS)
    assert [facts.window for facts in found.values()] == [1, 2, 4, 8, 16]
    for facts in found.values():
        assert facts.tokens == tuple(run.vocab.id2token)
        assert facts.lr == float(min(facts.tried, key=facts.tried.__getitem__)) / 2


def test_windows_that_ship_have_the_budget_and_the_size_of_the_lstm():
    run = load_run("python-source-lstm")
    for path, facts in windows_of(run.info.fingerprint, _paths.WINDOWS).items():
        assert facts.steps == run.info.config["steps"]
        count = sum(p.numel() for p in load_window(path).parameters())
        assert count == pytest.approx(sum(p.numel() for p in run.model.parameters()), rel=0.01)


def test_the_steps_of_both_kinds_of_networks_are_said():
    def note(*infos):
        return context.steps_note(context.ask(infos, TEXT, "cut"))

    runs = [load_run(f"python-source-{kind}").info for kind in ("lstm", "gru")]
    (steps,) = {facts.steps for facts in windows_of(runs[0].fingerprint).values()}
    assert steps == runs[0].config["steps"]
    assert note(*runs) == f"All networks were trained for {steps:,} steps."
    shorter = replace(runs[0], history=[{**runs[0].history[-1], "step": 500}])
    assert note(shorter) == (
        f"Networks without a state were trained for {steps:,} steps, those with one for 500."
    )
    later = replace(runs[1], history=[*runs[1].history, runs[1].history[-1] | {"step": 99_000}])
    assert note(runs[0], later).endswith(f"{runs[0].config['steps']:,} to 99,000.")
    assert note(load_run("recall-lstm").info) == ""
    assert note(replace(runs[0], history=())) == ""
    assert note() == ""
