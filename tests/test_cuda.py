"""On a GPU, where there is one: the same numbers as on the CPU, which other tests prove."""

import json

import pytest
import torch
from torch import nn

from rnnviz import (
    RNN_TYPES,
    RNNModel,
    TrainConfig,
    TrainState,
    evaluate,
    gradient_flow,
    influence,
    memory_half_life,
    record,
    recurrent_jacobian,
    temperature_sweep,
    trace,
    train,
)
from rnnviz.__main__ import main
from rnnviz.analysis.tracing import full_float32
from rnnviz.data.corpus import Corpus, load_corpus
from rnnviz.data.vocab import Vocab
from rnnviz.training.cuda_graph import WARM_UP
from rnnviz.training.optimizers import AdamW
from rnnviz.training.step import TrainStep

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
V = 30


def some_model(rnn_type="LSTM", layers=2, dropout=0.0, hidden=16):
    torch.manual_seed(0)
    return RNNModel(rnn_type, V, hidden, hidden, layers, dropout)


def some_corpus(size=4000):
    rng = torch.Generator().manual_seed(1)
    steps = torch.randint(1, 4, (size,), generator=rng).cumsum(0) % (V - 1) + 1  # it can be learned
    vocab = Vocab(("<unk>", *map(chr, range(97, 97 + V - 1))))
    return Corpus("made", vocab, steps[:-400], steps[-400:-200], steps[-200:], fingerprint="f")


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("flags", [{}, {"bidirectional": True, "bias": False}])
def test_trace_is_that_of_the_cpu(kind, dtype, flags):
    torch.manual_seed(0)
    name, options = kind.partition("_")[0], dict(flags)
    if name == "RNN":
        options["nonlinearity"] = kind.partition("_")[2].lower()
    if kind == "LSTM":
        options["proj_size"] = 5
    rnn = getattr(nn, name)(6, 8, 2, **options).to(dtype).eval()
    x = torch.randn(40, 3, 6, dtype=dtype)
    here, there = trace(rnn, x), trace(rnn.cuda(), x.cuda())
    bound = 1e-5 if dtype == torch.float32 else 1e-12
    assert there.residual < bound
    for a, b in zip(here.layers, there.layers, strict=True):
        for name in a.gates:
            assert b.gates[name].is_cuda
            torch.testing.assert_close(b.gates[name].cpu(), a.gates[name], rtol=0, atol=bound)
        torch.testing.assert_close(b.h.cpu(), a.h, rtol=0, atol=bound)
    assert len(there.to_frame(0)) == len(here.to_frame(0))


def test_record_sees_a_model_of_others():
    model = nn.Sequential(nn.LSTM(4, 5)).cuda().eval()
    with record(model) as traces:
        model(torch.randn(7, 2, 4, device="cuda"))
    assert traces["0"][0].residual < 1e-5


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_those_of_the_cpu(kind, dtype):
    model = some_model(kind).to(dtype).eval()
    ids = torch.randint(V, (61,), generator=torch.Generator().manual_seed(2))
    x = torch.randn(9, 1, 16, dtype=dtype)

    def everything():
        found = {"flow": (flow := gradient_flow(model, ids, 40, 25)).h, "log": flow.h_log_norm}
        found |= {of: influence(model, ids, of, 0) for of in ("h", "x")}
        if kind == "LSTM":
            found |= {"c": influence(model, ids, "c"), "flow c": flow.c}
        seen = trace(model.rnn, x.transpose(0, 1).to(model.device))
        found["jacobian"] = recurrent_jacobian(model.rnn, seen, 1, 5)
        if not kind.startswith("RNN"):
            found["half-life"] = memory_half_life(seen, 0)
        return found

    here = everything()
    model.cuda()
    bound = 1e-4 if dtype == torch.float32 else 1e-9  # float32: of states that differ in rounding
    for name, b in everything().items():
        a, b = here[name].double(), b.cpu().double()
        a, b = (t.nan_to_num(neginf=0) for t in (a, b))
        assert (a - b).norm() <= bound * a.norm(), name


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_recorded_training_is_that_of_the_cpu(kind, optimizer, monkeypatch):
    lr = 1.0 if optimizer == "sgd" else 1e-2
    config = TrainConfig(optimizer, lr, batch_size=8, sequence_length=16, steps=60, log_every=1)
    curves = []
    monkeypatch.setattr("rnnviz.training.step.has_bfloat16", lambda: False)  # of the CPU
    for device in ("cpu", "cuda"):
        model = some_model(kind).to(device)
        with full_float32():
            records = list(train(model, some_corpus(), config))
        curves.append(torch.tensor([[r.loss, r.grad_norm] for r in records]))
        assert records[-1].loss < records[0].loss
        valid = evaluate(model, some_corpus().valid)
        assert valid == pytest.approx(evaluate(model.cpu(), some_corpus().valid), abs=1e-4)
    torch.testing.assert_close(curves[0], curves[1], rtol=1e-3, atol=1e-4)


def test_a_training_goes_on_where_it_stopped():
    corpus = some_corpus()
    config = TrainConfig("adamw", 2e-3, batch_size=8, sequence_length=16, steps=40, log_every=1)
    with full_float32():
        whole = [r.loss for r in train(some_model().cuda(), corpus, config)]
        model, state, cut = some_model().cuda(), TrainState(), []
        for one in train(model, corpus, config, state, lambda: len(cut) == 20):
            cut.append(one.loss)
        assert 20 <= state.step < 40
        model.load_state_dict(state.last)
        cut += [r.loss for r in train(model, corpus, config, state)]
    assert cut == pytest.approx(whole, rel=1e-4)


def test_a_task_with_a_cue_trains():
    config = TrainConfig("adamw", 2e-3, batch_size=8, sequence_length=16, steps=20)
    corpus = load_corpus("recall:3-6")
    model = RNNModel("LSTM", len(corpus.vocab), 8, 16, 1, 0.0)
    *_, last = train(model.cuda(), corpus, config)
    assert last.valid_loss > 0


def recorded_steps(dropout, optimizer="adamw"):
    model = some_model(dropout=dropout).cuda().train()
    adamw = AdamW(model, {}) if optimizer == "adamw" else None
    return TrainStep(model, 4, 0.25, adamw, all_count=True)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_noise_is_new_at_each_call_of_a_graph(dropout):
    steps, ids = recorded_steps(dropout), torch.randint(V, (4, 9), device="cuda")
    losses = []
    for _ in range(WARM_UP + 20):
        steps.reset_hidden()
        losses.append(steps.gradients(ids[:, :-1], ids[:, 1:], 32.0).item())
        steps.update(0.0)
    assert len(set(losses[WARM_UP:])) == (20 if dropout else 1)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_no_step_waits_for_the_device(optimizer):
    steps, ids = recorded_steps(0.1, optimizer), torch.randint(V, (4, 9), device="cuda")

    def step():
        steps.gradients(ids[:, :-1], ids[:, 1:], 32.0)
        steps.update(1e-3)

    for _ in range(WARM_UP + 1):
        step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_sweep_says_what_it_says_on_the_cpu():
    model = some_model().double().eval()
    here = temperature_sweep(model, [1, 2, 3], [0.0, 0.5, 1.0], 50, seed=3)
    there = temperature_sweep(model.cuda(), [1, 2, 3], [0.0, 0.5, 1.0], 50, seed=3)
    assert torch.equal(here.tokens, there.tokens.cpu())


def test_commands_train_on_it_and_read_what_it_left(tmp_path, capsys):
    (tmp_path / "text.txt").write_text("to be or not to be, that is the question. " * 200)
    out = ["--out", str(tmp_path)]
    corpus = ["train", "--corpus", str(tmp_path / "text.txt"), "--hidden-size", "16"]
    assert main([*corpus, "--steps", "30", "--batch-size", "4", *out]) == 0
    assert "device cuda" in capsys.readouterr().out
    path = next(tmp_path.glob("*/run.json")).parent
    assert json.loads((path / "run.json").read_text())["history"][-1]["valid_loss"] > 0
    assert main(["eval", str(path)]) == 0
    assert main(["sample", str(path), "--tokens", "20"]) == 0
