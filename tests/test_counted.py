"""A task with a cue is judged by the tokens after it alone, wherever something is judged.

The models are made by hand: their weights are random, and what they give is recomputed here token
by token.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnviz.analysis import sweeps, text_view, time_lapse, token_scores
from rnnviz.analysis.counted import counted, last_target
from rnnviz.analysis.gradient_decay import decay_of_loss
from rnnviz.analysis.sweeps import SamplingOptions
from rnnviz.analysis.token_scores import SameText
from rnnviz.data.corpus import Corpus
from rnnviz.figures import heatmap_message, heatmap_views, report, sample_text, sweep_message
from rnnviz.figures.comparison import same_text_figure, strips
from rnnviz.jobs import queue
from rnnviz.runs import store
from rnnviz.runs.run import Run
from tests.test_app import is_fine, opened
from tests.test_sweeps import unpacked
from tests.test_text_view import some_run

CUE = "b"
TEXT = "aab a\nbaab\nb"  # the cue, and what follows it, at 2, 6, 9 and, without a next token, 11
AFTER = [3, 7, 10]


def cued(rnn_type: str = "LSTM", name: str = "made", seed: int = 0) -> Run:
    """A model with random weights whose task has a cue."""
    run = some_run(rnn_type, name=name)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.normal_(0, 0.8)
    return Run(replace(run.info, cue=run.vocab.token2id[CUE]), run.model)


def same_text(*runs: Run) -> SameText:
    views = [text_view.view(run, TEXT, 0) for run in runs]
    return SameText(views, np.stack([token_scores.log_probs(run, TEXT) for run in runs]))


def nats(run: Run) -> list[float]:
    return [-float(token_scores.log_probs(run, TEXT)[t]) for t in AFTER]


def test_the_tokens_after_each_cue_count_and_without_a_cue_all_but_the_first():
    ids = np.array([5, 1, 2, 5, 5, 3])
    assert counted(5, ids).tolist() == [False, True, False, False, True, True]
    assert counted(None, ids).tolist() == [False, True, True, True, True, True]
    assert [counted(cue, ids[:0]).tolist() for cue in (5, None)] == [[], []]
    assert [last_target(counted(cue, ids)) for cue in (5, None, 9)] == [4, 4, None]
    assert last_target(counted(None, ids[:1])) is None
    assert np.flatnonzero(text_view.view(cued(), TEXT, 0).counts).tolist() == AFTER


def test_a_mean_and_a_best_share_are_over_the_tokens_after_the_cue():
    """The second model is better at every random filler, the first after the cue."""
    first, second = cued(name="one"), cued("GRU", "two")
    found = same_text(first, second)
    log_p = np.where(counted(first.info.cue, first.ids(TEXT).numpy()), [[-0.1], [-2.0]], -30.0)
    log_p[1] = np.where(log_p[1] == -30, -1, log_p[1])
    said = [sentence for sentence, _ in strips(replace(found, log_p=log_p))]
    assert said == [
        "LSTM: best at 100% of the 3 tokens after the cue, mean 0.100 nats",
        "GRU: best at 0% of the 3 tokens after the cue, mean 2.000 nats",
    ]
    without = text_view.view(first, "aa a", 0)
    alone = SameText([without], token_scores.log_probs(first, "aa a")[None])
    ((sentence, _),) = strips(alone)
    assert sentence == "LSTM: no token here follows the cue, so none counts"


def test_a_strip_and_a_figure_have_values_where_a_token_counts_and_the_rest_is_pale():
    first, second = cued(), cued("GRU", "two")
    found = same_text(first, second)
    for _, message in strips(found):
        (text,) = header(message)["texts"]
        assert [t for t, value in enumerate(text["values"]) if value is not None] == AFTER
    figure = same_text_figure(found, ["x"] * len(TEXT), dark=False)
    pale, drawn = figure.data[:2], figure.data[2:]
    for row, behind, line in zip(found.log_p, pale, drawn, strict=True):
        assert np.flatnonzero(np.isfinite(line.y)).tolist() == AFTER
        np.testing.assert_allclose(line.y[AFTER], np.exp(row[AFTER]))
        np.testing.assert_allclose(behind.y[1:], np.exp(row[1:]))
        assert (behind.opacity, behind.showlegend) == (0.3, False)
    assert CUE in figure.layout.title.text


def header(message: bytes) -> dict:
    length = int.from_bytes(message[:4], "little")
    return json.loads(message[4 : 4 + length])


def test_a_moment_has_the_mean_and_the_gradient_of_what_counts():
    run = cued()
    moment = time_lapse.moment(run, TEXT, 0)
    assert moment.nats == pytest.approx(np.mean(nats(run)), rel=1e-5)
    expected = decay_of_loss(run, TEXT, 0, AFTER[-1] - 1)
    np.testing.assert_allclose(moment.decay.h, expected.h)
    none = time_lapse.moment(run, "aa a", 0)
    assert none.decay is None
    assert math.isnan(none.nats)
    assert "there is none here" in none.summary(5)


def test_a_sample_tells_its_pieces_that_count():
    run = cued(seed=3)
    sample = time_lapse.write(run, TEXT, 1.0, 4)
    whole = time_lapse.write(Run(replace(run.info, cue=None), run.model), TEXT, 1.0, 4)
    assert whole.pieces == ((sample.text, True),)
    assert not sample.all_counts
    flags, tokens = [], []
    for text, counts in sample.pieces:
        ids = text.replace("<unk>", "\0")
        flags += [counts] * len(ids)
        tokens += ids
    assert len(tokens) == time_lapse.SAMPLE_TOKENS
    assert flags == [before == CUE for before in [TEXT[-1], *tokens[:-1]]]
    shown = sample_text.marked(time_lapse.Sample((("<i>", True), ("&", False))))
    assert "<b>&lt;i&gt;</b>" in shown
    assert "opacity" in shown
    assert "&amp;" in shown
    page = report.document("t", {"s": [report.Text("name", sample)]})
    assert sample_text.marked(sample) in page


def test_a_sweep_sends_no_surprise_where_a_token_does_not_count():
    run = cued()
    for prompt in (TEXT, "aa"):
        found = sweeps.sweep_run(run, prompt, 20, SamplingOptions())
        tokens = found.sweep.tokens.tolist()
        start = int(run.ids(prompt)[-1])
        expected = [[b == run.info.cue for b in [start, *row[:-1]]] for row in tokens]
        assert found.counts.tolist() == expected
        assert found.next_counts == (prompt == TEXT)
        read, [arrays] = unpacked(sweep_message.pack([found], [], dark=False))
        assert (np.isnan(arrays["surprise"]) == ~found.counts.ravel()).all()
        assert read["models"][0]["next_counts"] == found.next_counts
        assert sweeps.frame(found)["counts"].tolist() == found.counts.ravel().tolist()
    plain = sweeps.sweep_run(some_run(), "aa", 5, SamplingOptions())
    assert plain.counts.all()
    assert "counts" not in sweeps.frame(plain)


def test_rows_of_losses_that_do_not_count_are_empty():
    run = cued()
    view, steps = text_view.view(run, TEXT, 0), len(TEXT) - 1
    message = heatmap_views.influence_message([view], [np.zeros((steps, steps))], dark=False)
    codes = np.frombuffer(message[4 + int.from_bytes(message[:4], "little") :], "<u2")
    rows = (codes.reshape(steps, steps) != heatmap_message.ZERO).any(axis=1)
    assert np.flatnonzero(rows).tolist() == [t - 1 for t in AFTER]


def test_a_sample_in_training_ends_with_the_token_after_the_cue():
    run = cued()
    valid = run.ids("aaba a")
    corpus = Corpus("made", run.vocab, valid, valid, valid, fingerprint="f", cue=run.info.cue)
    text = queue._sample(run, corpus).replace("<unk>", "?")
    assert (text[:3], len(text)) == ("aab", 4)


@pytest.fixture
def own(tmp_path, monkeypatch) -> dict[str, Run]:
    """Two runs of the user's own, of a task with a cue."""
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    runs = {"one": cued(name="one"), "two": cued("RNN_TANH", "two")}
    for run in runs.values():
        store.save_run(run, tmp_path)
    return {name: store.load_run(tmp_path / name) for name in runs}


def said(app) -> str:
    return "\n".join(e.value for e in (*app.text, *app.caption, *app.info))


def test_compare_judges_after_the_cue(own):
    app = opened("pages/compare.py", runs=list(own), text=TEXT)
    assert is_fine(app)
    for run in own.values():
        assert f"of the 3 tokens after the cue, mean {np.mean(nats(run)):.3f} nats" in said(app)
    table = app.dataframe[0].value.set_index("run")
    for name, run in own.items():
        expected = decay_of_loss(run, TEXT, 0, AFTER[-1] - 1).half_life
        assert table["half-life, tokens"][name] == pytest.approx(expected)
    assert "only the token after each" in said(app)
    assert is_fine(opened("pages/compare.py", runs=list(own), text="aa a"))


def test_gradients_begin_at_a_loss_that_counts_and_say_of_others_that_they_do_not(own):
    app = opened("pages/gradients.py", runs=list(own), text=TEXT)
    assert is_fine(app)
    assert app.session_state["token"] == AFTER[-1]  # counted from 1
    loss = nats(own["one"])[-1]
    assert f"LSTM {loss:.3f} nats" in said(app)
    assert "compare the shapes" not in said(app)
    app.number_input(key="token").set_value(2).run()
    assert is_fine(app)
    assert "This loss does not count" in said(app)
    assert is_fine(opened("pages/gradients.py", runs=list(own), text="aa a"))


def test_a_loss_of_nearly_0_is_said_to_be_one(own, tmp_path):
    sure = own["one"]
    with torch.no_grad():
        sure.model.projection.bias[sure.ids(TEXT)[AFTER[-1]]] += 50
    store.save_run(Run(replace(sure.info, name="sure"), sure.model), tmp_path)
    app = opened("pages/gradients.py", runs=["sure", "two"], text=TEXT)
    assert is_fine(app)
    assert "compare the shapes of the curves" in said(app)
    assert y_title(app) == "share of norm (log)"
    app.toggle(key="absolute").set_value(True).run()
    assert is_fine(app)
    assert y_title(app) == "gradient norm (log)"


def y_title(app) -> str:
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    return figure["layout"]["yaxis"]["title"]["text"]


def test_models_with_and_without_a_cue_are_not_compared(own, tmp_path):
    whole = Run(replace(own["two"].info, name="whole", cue=None), own["two"].model)
    store.save_run(whole, tmp_path)
    app = opened("pages/compare.py", runs=["one", "whole"], text=TEXT)
    assert is_fine(app)
    assert "different vocabularies or cues" in said(app)
    assert f"LSTM: mean {np.mean(nats(own['one'])):.3f} nats" in said(app)
    every = -token_scores.log_probs(whole, TEXT)[1:].mean()
    assert f"tanh RNN: mean {every:.3f} nats" in said(app)
