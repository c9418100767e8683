"""Nothing is lost: killed, without room, without leave to write, two at once."""

import errno
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from rnnviz import TrainConfig, _files, list_runs, load_run
from rnnviz.__main__ import main
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import from_text
from rnnviz.jobs.fit import fit
from rnnviz.jobs.start import new_run, resumed_run
from rnnviz.runs import store
from rnnviz.runs.info import RunError
from tests.test_background import LINE

MODEL = {"rnn_type": "LSTM", "embedding_size": 8, "hidden_size": 64, "num_hidden_layers": 1}
ROOT = Path(__file__).resolve().parent.parent
SIZES = ["--embedding-size", "8", "--layers", "1", "--batch-size", "4", "--sequence-length", "8"]


@pytest.fixture
def text(tmp_path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text(LINE * 300)
    return file


def training(text: Path, folder: Path, *options: str, room: int | None = None) -> subprocess.Popen:
    """A training in a process of its own, no file of which may grow beyond `room` bytes."""

    def limit() -> None:
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    command = [sys.executable, "-m", "rnnviz", "train", "--corpus", str(text), "--out", str(folder)]
    return subprocess.Popen(
        [*command, *SIZES, "--steps", "40", *options],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def sentence(process: subprocess.Popen) -> str:
    """What a command that failed said last, in one line."""
    _, error = process.communicate(timeout=300)
    assert process.returncode == 2
    return last_line(error)


def last_line(error: str) -> str:
    assert "Traceback" not in error
    return error.strip().splitlines()[-1]


def train_here(text: Path, folder: Path, *options: str) -> int:
    """Exit code of the same training in this process, which has torch at hand."""
    command = ["train", "--corpus", str(text), "--out", str(folder)]
    return main([*command, *SIZES, "--steps", "40", *options])


def test_fifty_kills_leave_a_run_that_goes_on():
    command = [sys.executable, "-m", "tests.kills", "50"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("50 kills")
    assert int(done.stdout.split()[2].replace(",", "")) > 0
    assert int(re.search(r"(\d+) half-written", done.stdout)[1]) > 0  # some hit a file


def test_a_disk_without_room_is_one_sentence_and_what_was_there_stays(text, tmp_path):
    folder = tmp_path / "runs"
    assert train_here(text, folder, "--hidden-size", "16") == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    said = sentence(training(text, folder, "--hidden-size", "256", room=100_000))
    assert "cannot be written" in said
    assert "File too large" in said
    assert {path: path.read_bytes() for path in before} == before
    assert [info.name for info in list_runs([folder])] == ["text-lstm"]
    load_run(folder / "text-lstm")
    left = {path for path in folder.rglob("*") if path.is_file()} - before.keys()
    assert not left


@pytest.mark.parametrize("room", [2.5, 4, 0.5], ids=["few", "more", "no weights"])
def test_on_a_full_disk_snapshots_make_room_for_the_weights(tmp_path, monkeypatch, room):
    """A quota: `room` times the weights, without their description of a few kilobytes."""
    corpus = make_corpus(from_text(LINE * 300, "text"), "char", 1)
    run = new_run("text", corpus, TrainConfig(steps=40), **MODEL)
    quota = 20_000 + room * 4 * sum(p.numel() for p in run.model.parameters())
    write = _files.write

    def within(path: Path, content: bytes) -> None:
        used = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
        if used + len(content) > quota:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(store, "write", within)
    with pytest.raises(RunError, match="No space left"):
        list(fit(run, corpus, tmp_path))
    if room < 1:
        assert not list(tmp_path.iterdir())
        return
    kept = load_run(tmp_path / "text")
    assert kept.info.valid_loss > 0
    for name, tensor in run.model.state_dict().items():
        assert (kept.model.state_dict()[name] == tensor).all()


def test_a_training_can_be_gone_on_with_from_its_first_record(text, tmp_path):
    corpus = make_corpus(from_text(LINE * 300, "text"), "char", 1)
    run = new_run("text", corpus, TrainConfig(steps=9, log_every=1), **MODEL)
    records = fit(run, corpus, tmp_path)
    assert [next(records).step, next(records).step] == [1, 2]  # at the second the first is saved
    _, state = resumed_run(tmp_path / "text", corpus)
    assert state.step == 1
    records.close()


def test_a_training_that_leaves_no_run_takes_no_foreign_file_with_it(tmp_path):
    corpus = make_corpus(from_text(LINE * 3, "text"), "char", 1)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="too few"):
        list(fit(new_run("text", corpus, TrainConfig(steps=1), **MODEL), corpus, tmp_path))
    assert [path.name for path in (tmp_path / "text").iterdir()] == ["notes.txt"]


def test_a_model_that_cannot_be_built_leaves_no_folder(text, tmp_path, capsys):
    assert train_here(text, tmp_path / "runs", "--hidden-size", "16", "--layers", "65") == 2
    said = last_line(capsys.readouterr().err)
    assert "--layers must be" in said
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_nobody_can_write_is_one_sentence(text, capsys):
    assert train_here(text, Path("/proc/runs"), "--hidden-size", "16") == 2
    said = last_line(capsys.readouterr().err)
    assert "/proc/runs" in said
    assert "cannot be written" in said


def test_a_text_too_short_for_a_batch_is_one_sentence_and_leaves_nothing(text, tmp_path, capsys):
    assert train_here(text, tmp_path / "runs", "--batch-size", "5000") == 2
    said = last_line(capsys.readouterr().err)
    assert "5000" in said.replace(",", "")
    assert not (tmp_path / "runs").exists()


def test_two_trainings_into_one_folder_at_once_give_two_runs(text, tmp_path):
    both = [training(text, tmp_path / "runs", "--hidden-size", "16") for _ in range(2)]
    for process in both:
        process.communicate(timeout=120)
        assert process.returncode == 0
    runs = list_runs([tmp_path / "runs"])
    assert [info.name for info in runs] == ["text-lstm", "text-lstm-2"]
    for info in runs:
        assert load_run(info.path).info.history[-1]["step"] == 40
