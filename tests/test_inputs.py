"""Half precision, numbers of numpy and paths are taken; what comes back prints as one line."""

import json

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

import rnnviz
from rnnviz import RNN_TYPES, RNNModel, TrainConfig, TrainState, Untraced

HALVES = {torch.bfloat16: 0.03, torch.float16: 0.003}  # how far from float32 a trace may be
IDS = list(range(10)) * 3


def model_of(kind: str) -> RNNModel:
    torch.manual_seed(0)
    return RNNModel(kind, 10, 8, 8, 2, dropout=0.0).eval()


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_a_model_in_half_precision_is_traced_saved_sampled_and_swept(dtype, kind, tmp_path):
    model = model_of(kind)
    wanted, flow = rnnviz.trace_model(model, IDS), rnnviz.gradient_flow(model, IDS)
    model = model.to(dtype)
    seen = rnnviz.trace_model(model, IDS)
    assert seen.layers[1].h.dtype == dtype
    close = {"rtol": 0, "atol": HALVES[dtype]}
    torch.testing.assert_close(seen.layers[1].h.float(), wanted.layers[1].h, **close)
    seen.save(tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz") as file:
        assert np.array_equal(file["layer1.h"].astype("f4"), seen.layers[1].h.float().numpy())
    frame = seen.to_frame(1)
    last = frame[(frame.gate == "h") & (frame.step == 29)].value.astype("f4")
    assert last.tolist() == seen.layers[1].h_out[-1, 0].float().tolist()
    packed = rnnviz.trace(model.rnn, pack_sequence([seen.layers[0].x[:n, 0] for n in (5, 2)]))
    assert packed.layers[0].h[3:, 1].isnan().all()

    sweep = rnnviz.temperature_sweep(model, IDS, [0, 0.5, 1.5], 9, seed=1, top_p=0.9)
    text = rnnviz.generate(model, IDS, 9, 0.5, seed=1, top_p=0.9)
    assert sweep.tokens[1].tolist() == text.tolist()
    assert sweep.entropy.isfinite().all()
    p = rnnviz.next_token(model, IDS)
    assert p.sum().item() == pytest.approx(1)
    norms = rnnviz.gradient_flow(model, IDS).h_log_norm
    torch.testing.assert_close(norms[:, -1], flow.h_log_norm[:, -1], rtol=0.05, atol=0.1)
    assert rnnviz.influence(model, IDS).isfinite().all()


def test_numbers_of_numpy_are_taken_wherever_a_number_is(tmp_path):
    two, half = np.int64(2), np.float32(0.5)
    model = RNNModel("LSTM", np.int64(10), np.int32(8), two * 4, two, dropout=half).eval()
    json.dumps(model.config)
    seen, plain = rnnviz.trace_model(model, np.array(IDS)), rnnviz.trace_model(model, IDS)
    assert torch.equal(seen.layers[1].h, plain.layers[1].h)
    text = rnnviz.generate(model, np.array([1]), two, half, top_k=two, seed=two)
    assert text.tolist() == rnnviz.generate(model, [1], 2, 0.5, top_k=2, seed=2).tolist()
    sweep = rnnviz.temperature_sweep(model, [1], np.array([half]), two, two, top=two, skip=two)
    assert sweep.tokens.shape == (1, 2)
    flow = rnnviz.gradient_flow(model, IDS, target=-two, truncate=two * 4)
    assert torch.equal(flow.h, rnnviz.gradient_flow(model, IDS, target=-2, truncate=8).h)
    assert rnnviz.influence(model, IDS, layer=two - 1).shape == (29, 29)
    assert rnnviz.recurrent_jacobian(model.rnn, seen, two - 1, two, two - 2).shape == (16, 16)
    assert rnnviz.memory_half_life(seen, two - 1).shape == (8,)
    assert len(seen.to_frame(two - 1)) == 30 * 8 * 6
    config = TrainConfig(steps=two, seed=two, batch_size=two, lr=half, sequence_length=two)
    assert json.loads(json.dumps(vars(config)))["lr"] == 0.5
    path = tmp_path / "text.txt"
    path.write_text("some words\n" * 40)
    corpus = rnnviz.load_corpus(path)
    assert corpus.spec == str(path)
    assert [record.step for record in rnnviz.train(model_for(corpus), corpus, config)][-1] == 2


def model_for(corpus):
    return RNNModel("GRU", len(corpus.vocab), 4, 4, 1)


@pytest.mark.parametrize(
    "wrong", [{"steps": 1.5}, {"batch_size": "8"}, {"lr": "fast"}, {"clip": 10**400}]
)
def test_a_setting_that_is_no_number_is_refused_by_its_name(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a"):
        TrainConfig(**{"steps": 1} | wrong)


def test_what_the_library_gives_prints_as_one_short_line(tmp_path):
    model, path = model_of("LSTM"), tmp_path / "text.txt"
    path.write_text("some words\n" * 4000)
    seen = rnnviz.trace_model(model, IDS)
    run = rnnviz.load_run("python-source-lstm")
    for printed in (
        *(seen, seen.layers[0], run, run.info, run.vocab, rnnviz.load_corpus(path)),
        rnnviz.temperature_sweep(model, IDS, [1.0], 3),
        rnnviz.gradient_flow(model, IDS),
        *(TrainState(last=model.state_dict()), TrainConfig(steps=1), Untraced("why")),
    ):
        assert repr(printed).startswith(type(printed).__name__)
        assert "\n" not in repr(printed)
        assert len(repr(printed)) < 1000
