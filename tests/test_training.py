import itertools
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from rnnviz import (
    RNN_TYPES,
    RNNModel,
    TrainConfig,
    TrainingError,
    TrainState,
    bptt_batchify,
    evaluate,
    load_run,
    train,
)
from rnnviz.corpora import Source, from_text
from rnnviz.data import make_corpus
from rnnviz.jobs import fit, new_run, resumed_run
from rnnviz.model import detach
from rnnviz.training import score


@pytest.fixture(scope="module")
def corpus():
    return make_corpus(from_text("the cat sat on the mat. " * 60, "cats"))


def small(corpus, rnn_type="LSTM", layers=1, dropout=0.0):
    torch.manual_seed(1)
    return RNNModel(rnn_type, len(corpus.vocab), 8, 8, layers, dropout)


@given(st.sampled_from(RNN_TYPES), st.integers(2, 40), st.integers(1, 2))
def test_evaluate_is_the_mean_of_every_next_token_read_one_by_one(rnn_type, length, layers):
    torch.manual_seed(0)
    model = RNNModel(rnn_type, 7, 4, 5, layers)
    ids, hidden, nats = torch.randint(7, (length,)), model.init_hidden(1), []
    model.eval()
    for here, after in pairwise(ids):
        log_prob, hidden = model(here.view(1, 1), hidden)
        nats.append(-log_prob[0, 0, after].item())
    model.train()
    assert evaluate(model, ids) == pytest.approx(sum(nats) / len(nats), rel=1e-5)
    assert model.training


def test_evaluation_in_pieces_is_evaluation_in_one(corpus, monkeypatch):
    model = small(corpus)
    whole = score(model, corpus.train)
    monkeypatch.setattr("rnnviz.training.EVAL_ELEMENTS", 50)
    assert score(model, corpus.train) == pytest.approx(whole, rel=1e-5)


def test_with_a_cue_only_the_token_after_it_counts():
    model = RNNModel("GRU", 5, 4, 4, 1).eval()
    ids = torch.tensor([1, 4, 2, 3, 4, 1, 0])
    log_prob = model(ids[None, :-1], model.init_hidden(1))[0][0]
    assert evaluate(model, ids, cue=4) == pytest.approx(
        -(log_prob[1, 2] + log_prob[4, 1]).item() / 2
    )
    with pytest.raises(ValueError, match="nothing to predict"):
        evaluate(model, ids[:1])


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_sgd_is_the_recipe_of_the_notes(corpus, rnn_type):
    """No optimizer: gradients clipped to 0.25, then param -= lr * grad; hidden detached."""
    steps = 7
    ours, theirs = small(corpus, rnn_type), small(corpus, rnn_type)
    config = TrainConfig(optimizer="sgd", lr=2.0, steps=steps, batch_size=3, sequence_length=5)
    state = TrainState()
    for _ in train(ours, corpus, config, state):
        pass
    inputs, targets = bptt_batchify(corpus.train[:-1], 3, 5), bptt_batchify(corpus.train[1:], 3, 5)
    hidden = theirs.init_hidden(3)
    for step in range(steps):
        log_prob, hidden = theirs(inputs[step], detach(hidden))
        F.nll_loss(log_prob.flatten(0, 1), targets[step].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.25)
        for parameter in theirs.parameters():
            parameter.data -= 2.0 * parameter.grad
        theirs.zero_grad()
    for name, tensor in theirs.state_dict().items():
        assert torch.allclose(state.last[name], tensor, atol=1e-5), name


def test_records_are_means_and_count_tokens(corpus):
    config = TrainConfig(steps=10, batch_size=2, sequence_length=4, log_every=4, eval_every=5)
    records = list(train(small(corpus), corpus, config))
    assert [record.step for record in records] == [4, 5, 8, 10]
    assert [record.valid_loss is None for record in records] == [True, False, True, False]
    assert [record.tokens for record in records] == [32, 40, 64, 80]
    assert records[-1].progress == 1.0
    assert all(0 <= record.clipped <= 1 and record.grad_norm > 0 for record in records)


def test_training_learns_and_keeps_the_best_weights(corpus):
    model = small(corpus)
    config = TrainConfig(lr=0.03, steps=150, batch_size=4, sequence_length=16, eval_every=30)
    records = list(train(model, corpus, config))
    assert records[-1].loss < 0.5 * math.log(len(corpus.vocab))
    best = min(record.valid_loss for record in records if record.valid_loss)
    assert evaluate(model, corpus.valid) == pytest.approx(best, rel=1e-6)


def test_sgd_divides_its_rate_by_four_when_validation_stops_improving(corpus):
    config = TrainConfig(optimizer="sgd", lr=50.0, epochs=6, batch_size=4, sequence_length=16)
    records = [r for r in train(small(corpus), corpus, config) if r.valid_loss is not None]
    best, expected = math.inf, 50.0
    for record in records:
        assert record.lr == pytest.approx(expected)
        if record.valid_loss >= best:
            expected /= 4
        best = min(best, record.valid_loss)
    assert expected < 50.0  # it did stop improving


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("stop_at", [1, 13, 30])
def test_interrupted_and_resumed_ends_as_uninterrupted(corpus, tmp_path, optimizer, stop_at):
    config = TrainConfig(
        optimizer=optimizer, steps=40, batch_size=4, sequence_length=8, eval_every=15, log_every=7
    )
    options = {"rnn_type": "LSTM", "embedding_size": 8, "hidden_size": 8}
    options |= {"num_hidden_layers": 2, "dropout": 0.3}

    whole = new_run("whole", corpus, config, **options)
    for _ in fit(whole, corpus, tmp_path):
        pass
    steps = iter(range(1000))
    part = new_run("part", corpus, config, **options)
    list(fit(part, corpus, tmp_path, stop=lambda: next(steps) >= stop_at))
    run, state = resumed_run(tmp_path / "part", corpus)
    assert 0 < state.step < 40
    torch.manual_seed(99)  # whatever was random in between
    for _ in fit(run, corpus, tmp_path, state):
        pass
    assert not (tmp_path / "part" / "resume.safetensors").exists()
    one, other = load_run(tmp_path / "whole"), load_run(tmp_path / "part")
    for name, tensor in one.model.state_dict().items():
        assert torch.equal(tensor, other.model.state_dict()[name]), name
    assert one.info.valid_loss == other.info.valid_loss


def test_a_loss_that_is_not_finite_keeps_the_last_good_weights(corpus, tmp_path):
    config = TrainConfig(optimizer="sgd", lr=1e30, steps=50, batch_size=4, sequence_length=8)
    run = new_run(
        "bad", corpus, replace(config, log_every=1), rnn_type="RNN_RELU", embedding_size=8,
        hidden_size=8, num_hidden_layers=1,
    )  # fmt: skip
    with pytest.raises(TrainingError, match="no longer finite"):
        list(fit(run, corpus, tmp_path))
    assert all(p.isfinite().all() for p in run.model.parameters())
    assert load_run(tmp_path / "bad").info.history


def test_stop_is_asked_between_two_steps(corpus):
    state, asked = TrainState(), iter(range(100))
    config = TrainConfig(steps=50, batch_size=4, sequence_length=8)
    records = list(train(small(corpus), corpus, config, state, lambda: next(asked) >= 5))
    assert records[-1].step == state.step < 10


def test_a_budget_in_minutes_ends(corpus):
    config = TrainConfig(minutes=0.005, batch_size=4, sequence_length=8)
    records = list(train(small(corpus), corpus, config))
    assert 0.3 <= records[-1].seconds < 5


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "one budget"),
        ({"steps": 3, "epochs": 1}, "one budget"),
        ({"steps": 0}, "one budget"),
        ({"minutes": math.nan}, "one budget"),
        ({"steps": 1, "optimizer": "adam"}, "sgd or adamw"),
        ({"steps": 1, "lr": math.nan}, "lr must be"),
        ({"steps": 1, "clip": 0}, "clip must be"),
        ({"steps": 1, "batch_size": 0}, "batch_size must be"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(fields, sentence):
    with pytest.raises(ValueError, match=sentence):
        TrainConfig(**fields)


def test_a_corpus_shorter_than_a_batch_is_refused_with_the_sizes():
    tiny = make_corpus(Source("tiny", ("abc" * 5, "abc", "")))
    with pytest.raises(ValueError, match=r"14 tokens .* 32 rows by 64 steps"):
        next(train(small(tiny), tiny, TrainConfig(steps=1)))
