"""Training against loops written out by hand; stopping, going on, and what goes wrong."""

import itertools
import math
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from types import SimpleNamespace

import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st
from torch.nn import functional as F

from rnnviz import RNN_TYPES, RNNModel, TrainConfig, TrainingError, TrainState, evaluate, train
from rnnviz.data.corpus import Corpus
from rnnviz.data.vocab import Vocab
from rnnviz.jobs.fit import fit
from rnnviz.jobs.start import new_run, resumed_run
from rnnviz.nn import evaluation
from rnnviz.nn.loss import has_bfloat16
from rnnviz.runs.store import load_run
from rnnviz.training import loop as module
from rnnviz.training import step
from rnnviz.training.optimizers import AdamW, steps_seen

V = 7
VOCAB = Vocab(("<unk>", *"abcdef"))
SMALL = {"batch_size": 2, "sequence_length": 3, "log_every": 1}
SHAPE = {"embedding_size": 4, "hidden_size": 4}


@pytest.fixture(autouse=True)
def without_probe(monkeypatch):
    monkeypatch.setattr("rnnviz._paths.PROBE", Path("no probe here"))


def some_corpus(size: int = 60, cue: int | None = None, every: int = 5) -> Corpus:
    rng = torch.Generator().manual_seed(1)
    parts = [torch.randint(0, V - 1, (n,), generator=rng) for n in (size, 20, 20)]
    if cue is not None:
        for part in parts:
            part[::every] = cue
    return Corpus("made", VOCAB, *parts, fingerprint="f", cue=cue)


def some_model(rnn_type: str = "LSTM", dropout: float = 0.0, layers: int = 1):
    torch.manual_seed(3)
    return RNNModel(rnn_type, V, 4, 4, layers, dropout)


def weights_equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def each_nats(model, ids, cue=None) -> list[float]:
    hidden, nats = model.init_hidden(1), []
    for current, following in itertools.pairwise(ids.tolist()):
        log_prob, hidden = model(torch.tensor([[current]]), hidden)
        if cue is None or current == cue:
            nats.append(-log_prob[0, 0, following].item())
    return nats


@cases(max_examples=40, deadline=None)
@given(
    st.sampled_from(RNN_TYPES), st.integers(2, 30), st.integers(1, 60), st.sampled_from([None, 0])
)
def test_evaluate_counts_each_next_token_once(rnn_type, size, held, cue):
    model = some_model(rnn_type, dropout=0.5).double()
    ids = some_corpus(cue=cue).train[:size]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "LOGITS", held)  # windows of 1 token up to 8
        measured = evaluate(model, ids, cue)
    assert model.training
    assert measured == pytest.approx(mean(each_nats(model.eval(), ids, cue)), abs=1e-12)


@cases(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(1, 4), st.integers(1, 9), st.sampled_from([None, 0]))
def test_a_long_text_is_read_as_streams_side_by_side(size, most, shortest, cue):
    model = some_model("GRU").double().eval()
    ids = torch.cat([torch.zeros(2, dtype=int), some_corpus().train[:size]])  # a cue at least
    rows = 1 if cue is not None else min(most, max(1, (len(ids) - 1) // shortest))
    length = math.ceil((len(ids) - 1) / rows)
    streams = [ids[start : start + length + 1] for start in range(0, len(ids) - 1, length)]
    nats = [n for stream in streams for n in each_nats(model, stream, cue)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "ROWS", most)
        patch.setattr(evaluation, "STREAM", shortest)
        patch.setattr(evaluation, "LOGITS", 3 * V * rows)  # windows of three tokens
        assert evaluate(model, ids, cue) == pytest.approx(mean(nats), abs=1e-12)


def test_evaluate_refuses_ids_with_nothing_to_predict():
    for ids in (torch.tensor([1]), torch.tensor([], dtype=int)):
        with pytest.raises(ValueError, match=str(len(ids))):
            evaluate(some_model(), ids)
    with pytest.raises(ValueError, match="nothing to predict"):
        evaluate(some_model(), torch.tensor([1, 2, 3]), cue=5)


def windows(ids, batch: int, length: int):
    """Windows as the lecture notes cut them: rows one below the other, then columns."""
    count = (len(ids) - 1) // (batch * length)
    for start in range(0, count * length, length):
        places = [[b * count * length + start + t for t in range(length)] for b in range(batch)]
        yield ids[torch.tensor(places)], ids[torch.tensor(places) + 1]


def loop_by_hand(model, corpus, epochs, update, clip):
    """The recipe in its plainest form; also the mean loss of every window."""
    step, losses, parameters = 0, [], list(model.parameters())
    for _ in range(epochs):
        hidden = model.init_hidden(2)
        for inputs, targets in windows(corpus.train, 2, 3):
            lstm = isinstance(hidden, tuple)
            hidden = tuple(h.detach() for h in hidden) if lstm else hidden.detach()
            log_prob, hidden = model(inputs, hidden)
            loss = F.nll_loss(log_prob.flatten(0, 1), targets.flatten())
            for parameter in parameters:
                parameter.grad = None
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, clip)
            update(step, parameters)
            losses.append(loss.item())
            step += 1
    return losses


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_sgd_is_the_recipe_of_the_notes_weight_by_weight(rnn_type):
    corpus, state = some_corpus(), TrainState()
    trained, by_hand = (some_model(rnn_type, layers=2).double() for _ in range(2))

    def update(_, parameters):
        with torch.no_grad():
            for parameter in parameters:
                parameter -= 0.7 * parameter.grad

    losses = loop_by_hand(by_hand, corpus, 1, update, clip=0.25)
    config = TrainConfig("sgd", lr=0.7, clip=0.25, steps=len(losses), **SMALL)
    records = list(train(trained, corpus, config, state))
    assert [r.loss for r in records] == pytest.approx(losses, abs=1e-12)
    assert any(r.clipped == 1 for r in records)
    for name, weight in by_hand.state_dict().items():
        torch.testing.assert_close(state.last[name], weight, rtol=0, atol=1e-12)


def test_adamw_warms_up_and_follows_a_cosine():
    corpus, state = some_corpus(), TrainState()
    trained, by_hand = some_model().double(), some_model().double()
    steps = 2 * len(list(windows(corpus.train, 2, 3)))
    optimizer = torch.optim.AdamW(by_hand.parameters(), betas=(0.9, 0.99), weight_decay=0.01)
    rates = []

    def update(step, _):
        cosine = (1 + math.cos(math.pi * step / steps)) / 2
        rates.append(0.05 * min(1, (step + 1) / 100) * (0.02 + 0.98 * cosine))
        optimizer.param_groups[0]["lr"] = rates[-1]
        optimizer.step()

    loop_by_hand(by_hand, corpus, 2, update, clip=1.0)
    config = TrainConfig(lr=0.05, clip=1.0, epochs=2, **SMALL)
    records = list(train(trained, corpus, config, state))
    assert [r.lr for r in records] == pytest.approx(rates)
    for name, weight in by_hand.state_dict().items():
        torch.testing.assert_close(state.last[name], weight, rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rate", [float, torch.tensor])
def test_adamw_is_torchs_and_goes_on_from_its_moments(dtype, rate):
    ours, theirs = (some_model(layers=2).to(dtype) for _ in range(2))
    optimizer = torch.optim.AdamW(theirs.parameters(), betas=(0.9, 0.99), fused=True)
    adamw, rng = AdamW(ours, {}), torch.Generator().manual_seed(4)
    for number in range(9):
        if number == 5:
            adamw = AdamW(ours, {name: kept.clone() for name, kept in adamw.moments.items()})
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn(one.shape, generator=rng, dtype=dtype)
            other.grad = one.grad.clone()
        optimizer.param_groups[0]["lr"] = 0.1 / (number + 1)
        optimizer.step()
        adamw.step(rate(0.1 / (number + 1)))
        assert steps_seen(adamw.moments) == number + 1
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-6, atol=1e-7)
    for name, parameter in theirs.named_parameters():
        for key, value in optimizer.state[parameter].items():
            torch.testing.assert_close(adamw.moments[f"{key}.{name}"], value, rtol=0, atol=1e-7)


def test_a_training_does_without_torchs_compiler():
    """It takes a second to import, and 70 MB."""
    code = (
        "import sys; from tests.test_training import *; "
        "list(train(some_model(), some_corpus(), TrainConfig(steps=2, **SMALL))); "
        "print('torch._dynamo' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr[-500:]


@cases(max_examples=12, deadline=None)
@given(
    st.sampled_from(["sgd", "adamw"]),
    st.sampled_from(RNN_TYPES),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from([{"steps": 25}, {"epochs": 2}]),
    st.sampled_from([7, None]),
)
@example("adamw", "LSTM", 8, 9, {"steps": 25}, 7)
@example("adamw", "LSTM", 8, 9, {"steps": 25}, None)
@example("sgd", "GRU", 8, 9, {"steps": 25}, 7)
@example("sgd", "RNN_TANH", 9, 12, {"epochs": 2}, None)
def test_stopped_anywhere_and_resumed_from_disk_gives_the_same_weights(
    optimizer, rnn_type, first, second, budget, every
):
    corpus = some_corpus()
    config = TrainConfig(optimizer, lr=0.1, eval_every=every, **budget, **SMALL | {"log_every": 4})
    shape = {"rnn_type": rnn_type, "dropout": 0.3, **SHAPE}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = new_run("whole", corpus, config, **shape)
        list(fit(whole, corpus, folder))
        run, state = new_run("parts", corpus, config, **shape), TrainState()
        list(fit(run, corpus, folder, state, lambda: state.step >= first))
        for last in (second, math.inf):
            if (folder / "parts" / "resume.safetensors").exists():
                run, state = resumed_run(folder / "parts", corpus)
                torch.manual_seed(99)  # whatever was random in between
                list(fit(run, corpus, folder, state, lambda s=state, n=last: s.step >= n))
        kept, expected = (load_run(folder / name) for name in ("parts", "whole"))
        assert weights_equal(kept.model.state_dict(), expected.model.state_dict())
        assert kept.info.valid_loss == expected.info.valid_loss
        assert kept.info.test_loss == expected.info.test_loss
        assert kept.info.history[-1]["step"] == expected.info.history[-1]["step"]


@pytest.mark.parametrize("asked_at", [2, 3, 6, 7])
def test_stop_is_obeyed_before_the_next_step_and_the_state_is_that_of_the_last_record(asked_at):
    asked, state = itertools.count(1), TrainState()
    config = TrainConfig(steps=30, **SMALL | {"log_every": 100})
    ran, model = [], some_model()
    model.rnn.register_forward_hook(lambda m, *_: ran.append(1) if m.training else None)
    records = list(train(model, some_corpus(), config, state, lambda: next(asked) >= asked_at))
    assert 1 <= len(ran) < asked_at
    assert [r.step for r in records][-1:] == [state.step] == [len(ran)]
    assert not state.done


def test_a_stop_asked_for_at_once_trains_nothing():
    model, state = some_model(), TrainState()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    config = TrainConfig(steps=3, **SMALL)
    assert list(train(model, some_corpus(), config, state, lambda: True)) == []
    assert weights_equal(before, model.state_dict())
    assert state.step == 0


@pytest.mark.parametrize("log_every", [1, 2, 20])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_loss_that_overflows_ends_training_with_weights_of_a_finite_loss(
    optimizer, log_every, tmp_path
):
    corpus = some_corpus()
    config = TrainConfig(
        optimizer, lr=1e38, clip=1e30, steps=60, **SMALL | {"log_every": log_every}
    )
    run = new_run("wild", corpus, config, rnn_type="RNN_RELU", **SHAPE)
    with pytest.raises(TrainingError, match=r"no longer finite.*learning rate"):
        list(fit(run, corpus, tmp_path))
    assert all(w.isfinite().all() for w in run.model.state_dict().values())
    assert math.isfinite(evaluate(run.model, corpus.valid))
    assert weights_equal(load_run(tmp_path / "wild").model.state_dict(), run.model.state_dict())


def test_the_best_weights_are_kept_and_are_in_the_model_at_the_end():
    model, corpus = some_model(), some_corpus()
    config = TrainConfig("sgd", lr=20.0, clip=5.0, steps=40, eval_every=3, **SMALL)
    records = list(train(model, corpus, config))
    losses = [r.valid_loss for r in records if r.valid_loss is not None]
    assert losses[-1] > min(losses)
    assert evaluate(model, corpus.valid) == pytest.approx(min(losses), abs=1e-6)
    assert not model.training


@pytest.mark.parametrize("eval_every", [1000, 10, 4])
def test_sgd_divides_the_rate_by_four_after_an_epoch_that_brought_nothing(eval_every, monkeypatch):
    worse = itertools.count(1.0)
    monkeypatch.setattr(module, "score_part", lambda *_: (next(worse), 0.0))
    corpus = some_corpus(61)  # ten windows of six tokens
    config = TrainConfig("sgd", lr=8.0, epochs=4, eval_every=eval_every, **SMALL)
    rates = [r.lr for r in train(some_model(), corpus, config)]
    first = 8.0 if eval_every >= 10 else 2.0  # the very first evaluation is the best there is
    assert rates == [8.0] * 10 + [first] * 10 + [first / 4] * 10 + [first / 16] * 10


@pytest.mark.parametrize(
    ("optimizer", "budget", "count"),
    [
        ("sgd", {"epochs": 24}, 6),  # 216 steps of six tokens, a tenth of 20 to evaluate on
        ("adamw", {"steps": 700}, 20),  # no more
        ("adamw", {"steps": 210}, 6),
        ("adamw", {"steps": 12}, 3),  # no fewer
    ],
)
def test_evaluations_follow_the_budget_and_read_a_tenth_of_its_tokens(optimizer, budget, count):
    config = TrainConfig(optimizer, lr=0.01, batch_size=2, sequence_length=3, **budget)
    records = list(train(some_model(), some_corpus(), config))
    steps, evaluated = records[-1].step, [r.step for r in records if r.valid_loss is not None]
    marks = {math.ceil(steps * n / count) for n in range(1, count + 1)}
    epochs = set(range(9, steps + 1, 9)) if optimizer == "sgd" else set()
    assert set(evaluated) == marks | epochs
    assert {math.ceil(steps * n / 200) for n in range(1, 201)} <= {r.step for r in records}
    assert len(records) <= 200 + count + len(epochs)


@pytest.mark.parametrize(
    ("pause", "share", "expected"),
    [(6.0, 1.0, [0.6, 6.6, 12]), (0.0, 0.02, [0.6, 5.6, 10.6, 12]), (0.0, 1.0, None)],
)
def test_in_a_budget_of_minutes_evaluations_are_neither_close_nor_most_of_the_time(
    monkeypatch, pause, share, expected
):
    ticks = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: next(ticks) / 10)
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr("rnnviz.training.record_schedule.EVAL_SECONDS", pause)
    monkeypatch.setattr("rnnviz.training.record_schedule.EVAL_SHARE", share)
    config = TrainConfig(minutes=0.2, batch_size=2, sequence_length=3)
    records = list(train(some_model(), some_corpus(), config))
    seconds = [r.seconds for r in records if r.valid_loss is not None]
    assert seconds == pytest.approx(expected or [0.6 * n for n in range(1, 21)], abs=1.2)


def test_a_slow_training_makes_a_record_a_second(monkeypatch):
    monkeypatch.setattr("rnnviz.training.record_schedule.RECORD_SECONDS", 0.0)
    config = TrainConfig(steps=1000, batch_size=2, sequence_length=3)
    stop = itertools.count()
    records = train(some_model(), some_corpus(), config, stop=lambda: next(stop) >= 10)
    assert [r.step for r in records] == list(range(1, 11))


def test_records_are_means_over_the_steps_since_the_last_one():
    def records(log_every):
        options = SMALL | {"log_every": log_every, "clip": 0.45, "lr": 0.01}
        config = TrainConfig(steps=25, eval_every=10, **options)
        return list(train(some_model(), some_corpus(), config))

    single, merged = records(1), records(4)
    assert [r.step for r in single] == list(range(1, 26))
    assert [r.step for r in merged] == [4, 8, 9, 12, 16, 18, 20, 24, 25]  # 9 windows an epoch
    for before, record in zip([0, *(r.step for r in merged)], merged, strict=False):
        steps = single[before : record.step]
        for name in ("loss", "grad_norm", "clipped"):
            wanted = mean(getattr(r, name) for r in steps)
            assert getattr(record, name) == pytest.approx(wanted, rel=1e-5)
        assert record.valid_loss == single[record.step - 1].valid_loss
        assert (record.epoch, record.tokens) == ((record.step - 1) // 9, record.step * 6)
        assert record.progress == record.step / 25
    assert 0 < mean(r.clipped for r in single) < 1


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no LSTM in bfloat16")
@pytest.mark.parametrize("layers", [1, 2])
def test_a_wide_lstm_in_bfloat16_is_held_against_float32(layers, monkeypatch):
    torch.manual_seed(0)
    model = RNNModel("LSTM", V, 32, 256, layers, dropout=0.0)
    ids, hidden = torch.randint(V, (4, 33)), model.init_hidden(4)
    found = []
    for low in (True, False):
        monkeypatch.setattr(step, "has_bfloat16", lambda low=low: low)
        assert step.in_bfloat16(model) == low
        loss, last = step.WindowLoss(model, None)(ids[:, :-1], ids[:, 1:], hidden, 4 * 32)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        assert all(g.dtype == torch.float32 for g in (*gradients, *last))
        found.append((loss.item(), gradients, last))
    (loss, gradients, last), (exact, wanted, expected) = found
    assert loss == pytest.approx(exact, rel=2e-3)
    for value, true in zip((*gradients, *last), (*wanted, *expected), strict=True):
        assert (value - true).norm() < 2e-2 * true.norm()


def test_what_bfloat16_is_not_for_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(step, "has_bfloat16", lambda: True)
    assert not step.in_bfloat16(RNNModel("LSTM", V, 8, 64, 1))
    assert not step.in_bfloat16(RNNModel("LSTM", V, 8, 256, 1).double())


def test_the_same_seed_gives_the_same_losses_and_another_one_others():
    def losses(seed):
        config = TrainConfig(epochs=1, seed=seed, **SMALL)
        return [r.loss for r in train(some_model(dropout=0.5), some_corpus(), config)]

    assert losses(1) == losses(1) != losses(2)


def test_gradients_left_in_the_model_from_elsewhere_do_not_count():
    corpus, config = some_corpus(), TrainConfig(steps=3, **SMALL)
    clean, soiled = some_model(), some_model()
    for parameter in soiled.parameters():
        parameter.grad = torch.ones_like(parameter)
    for model in (clean, soiled):
        list(train(model, corpus, config))
    assert weights_equal(clean.state_dict(), soiled.state_dict())


def test_a_training_that_its_reader_gives_up_is_saved_as_it_is(tmp_path):
    corpus = some_corpus()
    config = TrainConfig("sgd", lr=20.0, clip=5.0, steps=60, eval_every=3, **SMALL)
    run = new_run("left", corpus, config, rnn_type="GRU", **SHAPE)
    records = fit(run, corpus, tmp_path)
    best = min(r.valid_loss for r in itertools.islice(records, 20) if r.valid_loss is not None)
    records.close()
    kept = load_run(tmp_path / "left")
    assert evaluate(kept.model, corpus.valid) == pytest.approx(best, abs=1e-6)
    assert kept.info.valid_loss == pytest.approx(best, abs=1e-6)
    assert weights_equal(kept.model.state_dict(), run.model.state_dict())
    assert not run.model.training


def test_a_budget_in_epochs_or_minutes_ends():
    corpus = some_corpus(61)
    epochs = list(train(some_model(), corpus, TrainConfig(epochs=3, **SMALL)))
    assert (len(epochs), epochs[-1].progress, epochs[-1].epoch) == (30, 1.0, 2)
    minutes = list(train(some_model(), corpus, TrainConfig(minutes=0.002, **SMALL)))
    assert minutes[-1].progress == 1.0
    assert minutes[-1].seconds >= 0.12


WRONG = ({}, {"steps": 5, "epochs": 5}, {"steps": 0}, {"epochs": -1}, {"minutes": math.nan})
WRONG += tuple(
    {"steps": 5, **fields}
    for fields in (
        {"optimizer": "adam"},
        {"batch_size": 0},
        {"sequence_length": 0},
        {"log_every": 0},
        {"eval_every": -2},
        {"lr": 0.0},
        {"lr": math.nan},
        {"lr": 1e39},  # no number for float32
        {"clip": math.inf},
    )
)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_config_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"budget|optimizer|at least 1|above 0"):
        TrainConfig(**wrong)


def test_defaults_depend_on_cell_type_and_optimizer_and_a_given_rate_stays():
    for optimizer in ("sgd", "adamw"):
        rates = [TrainConfig(optimizer, steps=1).resolved(kind).lr for kind in RNN_TYPES]
        assert rates == sorted(rates, reverse=True)  # the LSTM bears the largest, a ReLU-RNN the
        assert rates[-1] < rates[0] / 2  # smallest
    given_rate = TrainConfig(steps=1, lr=0.5, clip=2.0)
    assert asdict(given_rate.resolved("GRU")) == asdict(given_rate)


def test_a_corpus_shorter_than_one_batch_is_refused_with_the_sizes():
    with pytest.raises(ValueError, match=r"59.*32.*64"):
        list(train(some_model(), some_corpus(60), TrainConfig(steps=1)))
