"""Made tasks: endless items by seed and step, each read from a state of zeros."""

import json
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import settings as cases
from hypothesis import strategies as st
from torch.nn import functional as F

from rnnviz import RNN_TYPES, CorpusError, RNNModel, TrainConfig, TrainState, load_corpus, train
from rnnviz.__main__ import main
from rnnviz.data import builtin
from rnnviz.data.items import NOT_COUNTED
from rnnviz.data.made import MOST_DELAY
from rnnviz.nn.evaluation import score_rows
from rnnviz.training.batches import score_part
from tests.test_training import weights_equal

SPECS = ("recall:3", "recall:1-6", "brackets", "counting")


def some_model(corpus, rnn_type="LSTM") -> RNNModel:
    torch.manual_seed(1)
    return RNNModel(rnn_type, len(corpus.vocab), 5, 6, 2, 0.0).double()


@pytest.mark.parametrize("spec", SPECS)
def test_a_batch_is_items_whose_answers_are_known(spec):
    corpus = load_corpus(spec)
    rows, targets = corpus.items.batch(seed=7, step=3, rows=40)
    assert rows.shape == targets.shape == (40, corpus.items.length)
    again = corpus.items.batch(seed=7, step=3, rows=40)
    assert torch.equal(rows, again[0])
    assert torch.equal(targets, again[1])
    for other in ({"seed": 8}, {"step": 4}):
        assert not torch.equal(
            rows, corpus.items.batch(**{"seed": 7, "step": 3, "rows": 40} | other)[0]
        )
    delays = set()
    for row, target in zip(rows.tolist(), targets.tolist(), strict=True):
        counted = [t for t in target if t != NOT_COUNTED]
        text = corpus.vocab.decode(row).replace("<unk>", "")
        if corpus.cue is None:
            assert corpus.vocab.decode(counted) == text.rstrip("\n")[1:] + "\n"
            continue
        assert corpus.vocab.decode(counted) == text[0]
        assert target.index(counted[0]) == text.index("?")
        assert re.fullmatch(r"([A-H])[a-h]+\?(\1)?", text)  # the longest is not read to its end
        delays.add(text.index("?") - 1)
    assert delays == {"recall:3": {3}, "recall:1-6": {*range(1, 7)}}.get(spec, set())


@cases(max_examples=30)
@given(st.sampled_from(SPECS), st.integers(0, 5), st.integers(0, 2**32))
def test_the_items_of_a_text_are_those_it_was_made_of(spec, cut, seed):
    corpus = load_corpus(spec)
    rows, targets = corpus.items.batch(seed, 0, 12)
    length = {"recall:3": 6}.get(spec)
    texts = []
    for row, target in zip(rows, targets, strict=True):
        last = int((target >= 0).nonzero()[-1])
        texts.append(torch.cat([row[: last + 1], target[last : last + 1]]))
        assert length is None or len(texts[-1]) == length
    joined = torch.cat(texts)
    found, wanted = corpus.items.of_text(joined[: len(joined) - cut]), (rows, targets)
    whole = len(found[0])
    assert whole == 12 if cut == 0 else whole < 12
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other[:whole])


def test_a_text_that_is_no_items_is_refused():
    items = load_corpus("recall:3").items
    for text in ("", "Aabc?", "abcdefgh" * 9 + "?A"):
        with pytest.raises(CorpusError, match="not made of items of recall:3"):
            items.of_text(torch.from_numpy(items.vocab.encode(text)))


def one_item_nats(model, row, target) -> list[torch.Tensor]:
    """Nats of the tokens of an item that count, read alone and without what fills it up."""
    last = int((target >= 0).nonzero()[-1])
    log_prob, _ = model(row[None, : last + 1], model.init_hidden(1))
    counted = target[: last + 1] >= 0
    losses = F.nll_loss(log_prob[0, counted], target[: last + 1][counted], reduction="none")
    return list(losses.unbind())


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_training_is_that_of_each_item_alone_from_zeros(rnn_type, spec):
    corpus, state = load_corpus(spec), TrainState()
    trained, by_hand = (some_model(corpus, rnn_type) for _ in range(2))
    config = TrainConfig("sgd", lr=0.3, clip=0.2, batch_size=4, steps=4, seed=5, log_every=1)
    losses = [record.loss for record in train(trained, corpus, config, state)]
    for step, loss in enumerate(losses):
        rows, targets = corpus.items.batch(5, step, 4)
        nats = [
            n for item in zip(rows, targets, strict=True) for n in one_item_nats(by_hand, *item)
        ]
        by_hand.zero_grad()
        mean = torch.stack(nats).mean()
        mean.backward()
        assert loss == pytest.approx(mean.item(), abs=1e-12)
        torch.nn.utils.clip_grad_norm_(by_hand.parameters(), 0.2)
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter -= 0.3 * parameter.grad
    for name, weight in by_hand.state_dict().items():
        torch.testing.assert_close(state.last[name], weight, rtol=0, atol=1e-12)


@pytest.mark.parametrize("spec", SPECS)
def test_a_held_out_part_is_judged_item_by_item(spec):
    corpus = load_corpus(spec)
    model = some_model(corpus).eval()
    rows, targets = corpus.items.of_text(corpus.valid)
    assert len(rows) >= 500
    rows, targets = rows[:30], targets[:30]
    pairs = list(zip(rows, targets, strict=True))
    with torch.no_grad():
        nats = torch.stack([n for pair in pairs for n in one_item_nats(model, *pair)])
    assert score_rows(model, rows, targets)[0] == pytest.approx(nats.mean().item(), abs=1e-12)
    loss, accuracy = score_part(model, corpus, corpus.valid)
    assert (loss, accuracy) == score_rows(model, *corpus.items.of_text(corpus.valid))
    assert 0 <= accuracy < 1


def test_an_interrupted_training_draws_the_items_that_an_uninterrupted_one_does():
    corpus = load_corpus("recall:1-6")
    corpus = replace(corpus, valid=corpus.valid[:300])
    config = TrainConfig(steps=8, batch_size=4, log_every=1, eval_every=4)
    whole, parts = TrainState(), TrainState()
    list(train(some_model(corpus), corpus, config, whole))
    model = some_model(corpus)
    list(train(model, corpus, config, parts, stop=lambda: parts.step >= 3))
    assert parts.step == 3
    model.load_state_dict(parts.last)
    list(train(model, corpus, config, parts))
    assert weights_equal(whole.last, parts.last)


@pytest.mark.parametrize(
    "delay", ["0", "501", "x", "", "-3", "9-3", "1-501", "1-2-3", "٣", "9" * 99]
)
def test_a_delay_that_cannot_be_is_one_sentence(delay, capsys):
    assert main(["train", "--corpus", f"recall:{delay}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"rnnviz: recall:{delay[:40]} is no task: give a delay from 1 to 500")
    assert error.count("\n") == 1


@pytest.mark.parametrize("spec", ["recall", "recall:1", f"recall:{MOST_DELAY}", "recall:1-100"])
def test_the_texts_follow_the_delay(spec):
    corpus, known = load_corpus(spec), builtin.find(spec)
    least, _, most = (spec.partition(":")[2] or "30").partition("-")
    least, most = int(least), int(most or least)
    symbol, fillers = re.fullmatch(r"([A-H])([a-h]+)\?\1", known.example[1]).groups()
    assert len(fillers) == most
    assert known.prompt == f"{symbol}{fillers}?"
    for part in (corpus.valid, corpus.test):
        items = re.findall(r"([A-H])([a-h]+)\?(.)", corpus.vocab.decode(part.tolist()))
        assert len(items) >= 500
        assert all(symbol == answer for symbol, _, answer in items)
        delays = {len(fillers) for _, fillers, _ in items}
        assert (min(delays), max(delays)) == (least, most)
    assert corpus.vocab == load_corpus("recall").vocab  # models of all delays read one text


def test_one_task_has_one_spec_and_one_fingerprint():
    one, other = load_corpus("recall:30"), load_corpus("recall:30-30")
    assert one.spec == other.spec == load_corpus("recall").spec == "recall"
    assert one.name == "recall"
    assert load_corpus("recall:007").spec == "recall:7"
    assert one.fingerprint == other.fingerprint != load_corpus("recall:31").fingerprint


def test_a_task_is_no_task_of_words():
    with pytest.raises(CorpusError, match="made of characters"):
        load_corpus("recall:60", "word")


def test_the_command_takes_the_recipe_of_tasks_and_tells_what_it_recorded(place, capsys):
    command = ["train", "--corpus", "recall:5", "--rnn-type", "GRU", "--forget-bias", "2"]
    assert main([*command, "--steps", "30"]) == 0
    assert "fresh items at each step, up to 7 tokens" in capsys.readouterr().out
    info = json.loads((place / "runs" / "recall-5-gru" / "run.json").read_text())
    assert (info["corpus"], info["spec"]) == ("recall-5", "recall:5")
    assert (info["model"]["hidden_size"], info["model"]["dropout"]) == (64, 0.0)
    config = {"batch_size": 64, "clip": 1.0, "lr": 3e-3, "sequence_length": 7, "steps": 30}
    assert info["config"] | config == info["config"]
    assert main(["eval", "recall-5-gru"]) == 0
    said = capsys.readouterr().out
    assert f"valid: {info['valid_loss']:.4f} nats" in said
    assert f"accuracy {info['accuracy']:.3f}" in said.splitlines()[1]
    assert main([*command, "--steps", "40", "--resume"]) == 0
    assert "goes on at step 30" in capsys.readouterr().out


def test_what_is_given_comes_before_the_recipe(place):
    options = ["--hidden-size", "8", "--batch-size", "3", "--clip", "9", "--dropout", "0.5"]
    assert main(["train", "--corpus", "counting", "--steps", "2", "--lr", "1", *options]) == 0
    info = json.loads((place / "runs" / "counting-lstm" / "run.json").read_text())
    assert (info["model"]["hidden_size"], info["model"]["dropout"]) == (8, 0.5)
    assert [info["config"][k] for k in ("batch_size", "clip", "lr")] == [3, 9.0, 1.0]


@pytest.mark.parametrize(("forget_bias", "learns"), [(3.0, True), (None, False)])
def test_within_250_steps_an_lstm_learns_over_20_tokens_if_it_begins_by_keeping(
    forget_bias, learns
):
    corpus = load_corpus("recall:20")
    part = corpus.test[: 23 * 200]  # 200 items
    torch.manual_seed(0)
    model = RNNModel("LSTM", len(corpus.vocab), 64, 64, 1, 0.0, forget_bias=forget_bias)
    config = TrainConfig(lr=3e-3, clip=1.0, batch_size=64, steps=250, eval_every=250)
    list(train(model, replace(corpus, valid=part), config))
    accuracy = score_part(model, corpus, part)[1]
    assert accuracy > 0.99 if learns else accuracy < 0.5  # guessing: 0.125
