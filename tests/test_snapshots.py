"""Snapshots of a training: which are kept, that they are what training left, what is refused."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from rnnviz import RunError, TrainConfig, TrainState, load_run, train
from rnnviz.data.corpus import Corpus
from rnnviz.data.vocab import Vocab
from rnnviz.jobs.fit import fit
from rnnviz.jobs.start import new_run, resumed_run
from rnnviz.runs import snapshots

VOCAB = Vocab(("<unk>", *"abcdef"))
SIZES = {"rnn_type": "GRU", "embedding_size": 4, "hidden_size": 4}


@pytest.fixture(autouse=True)
def without_probe(monkeypatch):
    monkeypatch.setattr("rnnviz._paths.PROBE", Path("no probe here"))


def some_corpus() -> Corpus:
    rng = torch.Generator().manual_seed(1)
    parts = [torch.randint(0, len(VOCAB), (n,), generator=rng) for n in (60, 20, 20)]
    return Corpus("made", VOCAB, *parts, fingerprint="f")


def some_run(steps: int = 40):
    config = TrainConfig(steps=steps, batch_size=2, sequence_length=3, log_every=7)
    return new_run("made", some_corpus(), config, **SIZES)


def trained(folder: Path, steps: int = 40):
    run = some_run(steps)
    list(fit(run, some_corpus(), folder))
    return load_run(folder / "made").info


@given(st.sets(st.integers(0, 10**6), min_size=1), st.integers(2, 30))
def test_thinning_keeps_the_first_the_last_and_no_more_than_there_is_room(steps, room):
    left = snapshots.thinned(list(steps), room)
    assert len(left) == min(len(steps), room)
    assert left == sorted(left)
    assert set(left) <= steps
    assert {min(steps), max(steps)} <= set(left) | ({max(steps)} if len(steps) == 1 else set())


@pytest.mark.parametrize("last", [300, 5_000, 200_000])
def test_after_a_long_training_the_steps_kept_are_spaced_evenly_in_their_logarithm(last):
    kept: list[int] = []
    for step in [step for step in range(last) if snapshots.due(step)] + [last]:
        kept = snapshots.thinned([*kept, step], snapshots.MAX_SNAPSHOTS)
        assert len(kept) <= 20
    assert kept[0] == 0
    assert kept[-1] == last
    even = math.log(last + 1) / (len(kept) - 1)
    gaps = [math.log((b + 1) / (a + 1)) for a, b in pairwise(kept)]
    assert max(gaps) < 2.1 * even
    assert min(gaps[:-1]) > even / 2.1  # the last step is where it is


def test_each_snapshot_holds_the_weights_that_training_had_after_its_step(tmp_path):
    info = trained(tmp_path)
    assert snapshots.steps(info) == (0, 1, 2, 3, 5, 7, 11, 15, 22, 31, 40)
    run, state, seen = some_run(), TrainState(), {}

    def watch() -> bool:
        seen[state.step] = {k: v.clone() for k, v in run.model.state_dict().items()}
        return False

    list(train(run.model, some_corpus(), TrainConfig(**run.info.config), state, watch))
    for step in snapshots.steps(info):
        loaded = snapshots.load(info, step)
        assert not loaded.model.training
        for name, weight in loaded.model.state_dict().items():
            assert weight.dtype == torch.float32
            assert torch.equal(weight, seen[step][name].half().float())
    assert not torch.equal(seen[0]["embedding.weight"], seen[40]["embedding.weight"])


def test_a_training_that_was_stopped_keeps_its_last_step_and_goes_on_with_the_others(tmp_path):
    run, state = some_run(), TrainState()
    list(fit(run, some_corpus(), tmp_path, state, lambda: state.step >= 9))
    assert snapshots.steps(load_run(tmp_path / "made").info) == (0, 1, 2, 3, 5, 7, 9)
    run, state = resumed_run(tmp_path / "made", some_corpus())
    list(fit(run, some_corpus(), tmp_path, state))
    kept = snapshots.steps(load_run(tmp_path / "made").info)
    assert kept == (0, 1, 2, 3, 5, 7, 9, 11, 15, 22, 31, 40)


def test_a_training_begun_anew_leaves_none_of_the_one_before(tmp_path):
    trained(tmp_path, steps=40)
    assert snapshots.steps(trained(tmp_path, steps=4)) == (0, 1, 2, 3, 4)


def test_no_more_files_and_bytes_than_allowed(tmp_path, monkeypatch):
    size = (trained(tmp_path / "a").path / "snapshots" / "0.safetensors").stat().st_size
    monkeypatch.setattr(snapshots, "MAX_BYTES", int(3.5 * size))
    info = trained(tmp_path / "b")
    files = list((info.path / "snapshots").iterdir())
    assert len(files) == 3
    assert sum(file.stat().st_size for file in files) <= 3.5 * size
    assert snapshots.steps(info)[0] == 0
    assert snapshots.steps(info)[-1] == 40
    monkeypatch.setattr(snapshots, "MAX_BYTES", int(1.5 * size))
    assert snapshots.steps(trained(tmp_path / "c")) == ()


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e6])
def test_weights_that_cannot_be_shown_again_are_not_kept(tmp_path, value):
    run = some_run()
    with torch.no_grad():
        run.model.projection.bias[0] = value
    snapshots.keep(run, tmp_path, 3)
    assert not (tmp_path / "made").exists()


def test_files_of_another_name_are_no_steps(tmp_path):
    info = trained(tmp_path, steps=1)
    for name in ("².safetensors", "x.safetensors", ".7.safetensors.12", "8.txt"):
        (info.path / "snapshots" / name).write_bytes(b"")
    assert snapshots.steps(info) == (0, 1)


def test_a_damaged_snapshot_is_one_sentence(tmp_path):
    info = trained(tmp_path)
    file = info.path / "snapshots" / "5.safetensors"
    good, whole = load_file(file), file.read_bytes()
    bias = good["projection.bias"]
    for bad in (
        {"projection.bias": bias * math.nan},
        {"projection.bias": bias[:-1]},
        {"x": bias + 1},
    ):
        save_file(good | bad, file)
        with pytest.raises(RunError, match=r"5\.safetensors"):
            snapshots.load(info, 5)
    for content in (b"", whole[:100], whole[:-10], b"\x80\x04" * len(whole), whole * 2000):
        file.write_bytes(content)
        with pytest.raises(RunError, match=r"5\.safetensors"):
            snapshots.load(info, 5)
    with pytest.raises(RunError, match=r"6\.safetensors"):
        snapshots.load(info, 6)


def test_a_snapshot_that_cannot_be_written_is_the_last_and_ends_no_training(tmp_path, monkeypatch):
    whole = Path.write_bytes

    def full(target: Path, content: bytes) -> int:
        if "11.safetensors" not in target.name:
            return whole(target, content)
        whole(target, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    run = some_run()
    monkeypatch.setattr(Path, "write_bytes", full)
    assert list(fit(run, some_corpus(), tmp_path))[-1].step == 40
    info = load_run(tmp_path / "made").info
    assert info.history[-1]["progress"] == 1.0
    assert snapshots.steps(info) == (0, 1, 2, 3, 5, 7)
    assert {file.suffix for file in (info.path / "snapshots").iterdir()} == {".safetensors"}
    for step in snapshots.steps(info):
        snapshots.load(info, step)
