"""The trained runs that ship: they load, they are what their run.json says, they fit."""

import functools
import re

import pytest

from rnnviz import RNN_TYPES, load_corpus, load_run
from rnnviz._paths import SHIPPED_RUNS
from rnnviz.data.builtin import BUILT_IN
from rnnviz.jobs.fit import probe_loss
from rnnviz.runs import snapshots
from rnnviz.runs.snapshots import MAX_SNAPSHOTS
from rnnviz.training.batches import score_part

NAMES = sorted(path.parent.name for path in SHIPPED_RUNS.glob("*/run.json"))
KINDS = ("lstm", "gru", "rnn-tanh", "rnn-relu")
GROUPS = {  # names, without the cell type, and their corpus
    "python-source": "python-source",
    "python-docs": "python-docs",
    "python-docs-chars": "python-docs",
}
EXPECTED = {f"{group}-{kind}" for group in GROUPS for kind in KINDS}
EXPECTED |= {"recall-lstm", "recall-rnn-tanh"}


@functools.cache
def shipped(name: str):
    return load_run(SHIPPED_RUNS / name)


def test_the_expected_runs_are_there_and_no_others():
    assert set(NAMES) == EXPECTED


def test_all_together_are_under_25_megabytes_and_complete():
    files = [path for path in SHIPPED_RUNS.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < 25_000_000
    time_lapse = {
        path for path in files if path.parent == SHIPPED_RUNS / "recall-lstm" / "snapshots"
    }
    assert {path.name for path in set(files) - time_lapse} == {"run.json", "weights.safetensors"}
    assert len(time_lapse) == len(snapshots.steps(shipped("recall-lstm").info)) == MAX_SNAPSHOTS


def test_a_time_lapse_ships_from_before_the_first_step_to_the_last():
    lstm = shipped("recall-lstm").info
    first, *_, last = snapshots.steps(lstm)
    assert (first, last) == (0, lstm.config["steps"])
    trained = snapshots.load(lstm, last).model.state_dict()
    for name, weight in shipped("recall-lstm").model.state_dict().items():
        assert trained[name].shape == weight.shape


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_on_the_probe_is_the_one_recorded(name):
    info = shipped(name).info
    assert info.probe_loss is not None
    assert abs(probe_loss(shipped(name)) - info.probe_loss) < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_run_says_how_it_was_made_and_what_it_reached(name):
    info = shipped(name).info
    assert info.rnn_type in RNN_TYPES
    assert info.corpus in BUILT_IN
    kind = info.rnn_type.lower().replace("_", "-")
    assert GROUPS.get(name.removesuffix(f"-{kind}"), "recall") == info.corpus
    assert re.match(rf"python -m rnnviz train .*--corpus {info.corpus}\b", info.command)
    assert 0 <= info.valid_loss < 10
    assert 0 <= info.test_loss < 10
    assert len(info.history) > 10
    best = min(r["valid_loss"] for r in info.history if r["valid_loss"] is not None)
    assert abs(info.valid_loss - best) < 0.01  # the best weights, perhaps rounded to float16


@pytest.mark.parametrize("group", GROUPS)
def test_the_four_types_of_a_group_were_trained_alike(group):
    infos = [shipped(f"{group}-{kind}").info for kind in KINDS]
    for key in ("steps", "epochs", "batch_size", "sequence_length", "seed", "optimizer"):
        assert len({info.config[key] for info in infos}) == 1
    assert len({info.fingerprint for info in infos}) == 1
    assert len({(info.model["hidden_size"], info.model["dropout"]) for info in infos}) == 1
    assert len({info.vocab for info in infos}) == 1


def test_shapes_are_those_of_the_plan():
    def shape(name):
        model = shipped(name).info.model
        return model["hidden_size"], model["num_hidden_layers"], model["dropout"]

    for kind in KINDS:
        assert shape(f"python-source-{kind}")[:2] == (288, 1)
        assert shape(f"python-docs-{kind}") == (200, 2, 0.5)
        assert shape(f"python-docs-chars-{kind}") == (192, 1, 0.1)
        assert shipped(f"python-docs-chars-{kind}").vocab.split == "char"
        assert shipped(f"python-docs-{kind}").info.model["embedding_size"] == 200
        assert shipped(f"python-docs-{kind}").vocab.split == "word"


def test_in_3000_steps_the_lstm_learns_over_thirty_fillers_and_the_tanh_rnn_does_not():
    lstm, tanh = shipped("recall-lstm").info, shipped("recall-rnn-tanh").info
    assert lstm.accuracy >= 0.99
    assert tanh.accuracy <= 0.2  # guessing: 0.125
    for key in ("steps", "optimizer", "lr", "batch_size", "sequence_length", "seed"):
        assert lstm.config[key] == tanh.config[key]
    assert lstm.config["steps"] == 3_000
    assert lstm.model["hidden_size"] == tanh.model["hidden_size"]
    corpus = load_corpus(lstm.spec)
    assert corpus.fingerprint == lstm.fingerprint == tanh.fingerprint
    for info in (lstm, tanh):
        loss, accuracy = score_part(shipped(info.name).model, corpus, corpus.test)
        assert (loss, accuracy) == pytest.approx((info.test_loss, info.accuracy), abs=1e-4)
