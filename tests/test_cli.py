"""The command line: what it writes, what it says, and how it is interrupted."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnviz import evaluate, gradient_flow, load_corpus, load_run, save_run, trace_model
from rnnviz.__main__ import main
from tests.test_runs import some_run

pytestmark = pytest.mark.usefixtures("place")
TINY = ("--hidden-size", "8", "--batch-size", "4", "--sequence-length", "8", "--device", "cpu")


def call(*arguments: str) -> int:
    try:
        return main(list(arguments))
    except SystemExit as error:  # how argparse ends
        return error.code


def train(*arguments: str) -> int:
    return call("train", "--corpus", "notes.txt", *TINY, *arguments)


def test_training_several_types_leaves_a_run_of_each_that_can_be_listed(place, capsys):
    assert train("--rnn-type", "LSTM", "RNN_TANH", "--steps", "6", "--seed", "3") == 0
    captured = capsys.readouterr()
    for word in ("loss", "ppl", "lr", "tokens/s"):
        assert word in captured.err
    assert "cpu" in captured.out
    for kind in ("lstm", "rnn-tanh"):
        info = load_run(place / "runs" / f"notes-{kind}").info
        assert info.command.startswith("python -m rnnviz train --corpus notes.txt")
        assert (info.config["steps"], info.config["seed"]) == (6, 3)
        assert (info.model["hidden_size"], info.history[-1]["step"]) == (8, 6)
    assert call("runs") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["notes-lstm", "LSTM"],
        ["notes-rnn-tanh", "RNN_TANH"],
    ]


def test_a_second_training_does_not_write_over_the_first(place):
    for _ in range(3):
        assert train("--steps", "2") == 0
    names = sorted(path.name for path in (place / "runs").iterdir())
    assert names == ["notes-lstm", "notes-lstm-2", "notes-lstm-3"]


def test_eval_says_the_loss_of_the_saved_run(place, capsys):
    train("--steps", "30")
    run = load_run("notes-lstm")
    capsys.readouterr()
    assert call("eval", "notes-lstm", "--corpus", "notes.txt") == 0
    valid, tested = capsys.readouterr().out.splitlines()
    corpus = load_corpus("notes.txt")
    for line, ids in ((valid, corpus.valid), (tested, corpus.test)):
        loss = evaluate(run.model, ids)
        assert f" {loss:.4f} nats" in line
        assert f"perplexity {np.exp(loss):.2f}" in line
    assert call("eval", "notes-lstm") == 0  # its own text, where it was
    assert capsys.readouterr().out.splitlines() == [valid, tested]


OTHER = "(another text than it was trained on; "


def test_eval_says_when_the_text_is_another_one(place, capsys, monkeypatch):
    train("--steps", "2")
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "notes.txt").write_text("a dog sat on the ma\n" * 60, encoding="utf-8")
    monkeypatch.chdir("elsewhere")
    capsys.readouterr()

    def said(*arguments):
        assert call("eval", "notes-lstm", *arguments) == 0
        return capsys.readouterr().out.splitlines()

    own = said()  # the text it was trained on, wherever the command is given
    assert not any(OTHER in line for line in own)
    other = said("--corpus", "notes.txt")
    assert [line.partition(OTHER)[2] for line in other] == ["10.0% of it is <unk>)"] * 2
    raw = json.loads((place / "runs" / "notes-lstm" / "run.json").read_text())
    assert raw["spec"] == str(place / "notes.txt")
    raw["spec"] = "notes.txt"  # as older runs have it
    (place / "runs" / "notes-lstm" / "run.json").write_text(json.dumps(raw))
    assert said() == other
    monkeypatch.chdir(place)
    assert said() == own
    (place / "notes.txt").write_text("the cat sat on the hat.\n" * 60, encoding="utf-8")
    assert all(OTHER in line for line in said())


def test_eval_of_a_text_that_is_too_short_or_gone_is_one_sentence(place, capsys):
    train("--steps", "2")
    (place / "short.txt").write_text("the cat sat on the", encoding="utf-8")
    (place / "parts").mkdir()
    for part, text in (("train", "the cat"), ("valid", "the cat"), ("test", "")):
        (place / "parts" / f"{part}.txt").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert call("eval", "notes-lstm", "--corpus", "short.txt") == 2
    assert (
        "short is too short: tokens for validation: 0, for the test: 0;" in capsys.readouterr().err
    )
    assert call("eval", "notes-lstm", "--corpus", "parts") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("valid: ")
    (place / "parts" / "valid.txt").write_text("", encoding="utf-8")
    (place / "parts" / "test.txt").write_text("the cat", encoding="utf-8")
    assert call("eval", "notes-lstm", "--corpus", "parts") == 0
    valid, tested = capsys.readouterr().out.splitlines()
    assert valid == "valid: too short to be evaluated, tokens: 0"
    assert tested.startswith("test: ")
    (place / "notes.txt").unlink()
    assert call("eval", "notes-lstm") == 2
    assert re.search(r"text of notes-lstm is not there .*give --corpus", capsys.readouterr().err)


def test_eval_of_a_built_in_corpus_needs_no_name(capsys):
    assert call("train", "--corpus", "counting", *TINY, "--steps", "2") == 0
    capsys.readouterr()
    assert call("eval", "counting-lstm") == 0
    loss = load_run("counting-lstm").info.valid_loss
    said = capsys.readouterr().out
    assert f"valid: {loss:.4f} nats" in said
    assert OTHER not in said
    assert load_run("counting-lstm").info.spec == "counting"


def test_sample_writes_as_much_as_was_asked_for_and_the_same_for_a_seed(place, capsys):
    train("--steps", "40")
    capsys.readouterr()

    def sample(*arguments):
        assert call("sample", "notes-lstm", *arguments) == 0
        return capsys.readouterr().out

    assert len(sample("--tokens", "50", "--seed", "1").replace("<unk>", "?")) == 51
    assert sample("--tokens", "50", "--seed", "1") == sample("--tokens", "50", "--seed", "1")
    assert sample("--tokens", "50", "--seed", "1") != sample("--tokens", "50", "--seed", "2")
    cold = ("--temperature", "0", "--prompt", "the ", "--tokens", "40")
    assert sample(*cold, "--seed", "1") == sample(*cold, "--seed", "2") == sample(*cold)
    assert len(sample("--words", "7", "--seed", "1").split()) <= 7
    text = sample("--tokens", "50", "--seed", "1")
    assert sample("--tokens", "50", "--seed", "1", "-o", "out.txt") == ""
    assert (place / "out.txt").read_text(encoding="utf-8") == text
    assert sample("--tokens", "50", "-o", os.devnull) == ""
    assert Path(os.devnull).is_char_device()


def test_sample_says_its_seed_and_what_it_cannot_read_beside_the_text(capsys):
    train("--steps", "2")
    capsys.readouterr()
    assert call("sample", "notes-lstm", "--tokens", "30", "--prompt", "the ☃ZZ") == 0
    first = capsys.readouterr()
    seed, unknown = first.err.splitlines()
    assert unknown == "not in the vocabulary, read as <unk>: 'Z', '☃'"
    again = ("--tokens", "30", "--prompt", "the ☃ZZ", "--seed", seed.removeprefix("seed "))
    assert call("sample", "notes-lstm", *again) == 0
    assert capsys.readouterr() == first
    assert call("sample", "notes-lstm", "--words", "3", "--seed", "-7") == 0
    assert capsys.readouterr().err == "seed -7\n"
    assert call("trace", "notes-lstm", "--text", "the Z") == 0
    assert capsys.readouterr().err == "not in the vocabulary, read as <unk>: 'Z'\n"


@pytest.mark.parametrize("length", ["--tokens", "--words"])
def test_sample_cuts_to_the_top_k_or_the_top_p(capsys, length):
    train("--steps", "30")
    capsys.readouterr()

    def sample(*arguments):
        arguments = ("--prompt", "the ", length, "40", *arguments)
        assert call("sample", "notes-lstm", *arguments) == 0
        return capsys.readouterr().out

    coldest = sample("--temperature", "0")
    assert sample("--top-k", "1", "--temperature", "2") == coldest
    assert sample("--top-p", "1e-9", "--temperature", "2") == coldest
    assert sample("--top-k", "3", "--seed", "1") != sample("--seed", "1") != coldest


def test_sample_of_words_gives_that_many_with_eos_as_a_new_line(capsys):
    train("--steps", "60", "--level", "word", "--lr", "0.05")
    capsys.readouterr()
    assert call("sample", "notes-lstm", "--words", "40", "--temperature", "0", "--seed", "0") == 0
    text = capsys.readouterr().out
    vocab = load_run("notes-lstm").vocab
    assert len(vocab.encode(text.removesuffix("\n"))) == 40
    assert "<eos>" not in text


def test_trace_writes_the_arrays_of_the_library(place):
    train("--steps", "2", "--layers", "2")
    assert call("trace", "notes-lstm", "--text", "the cat", "-o", "t.npz") == 0
    run = load_run("notes-lstm")
    seen = trace_model(run.model, run.ids("the cat"))
    with np.load(place / "t.npz") as file:
        assert file["layer1.h"].shape == (8, 1, 8)
        for name, gate in seen.layers[1].gates.items():
            np.testing.assert_allclose(file[f"layer1.{name}"], gate, atol=1e-6)


WRONG = {
    "no corpus": ["train", "--corpus", "nothing-here", "--steps", "1"],
    "home of nobody": ["train", "--corpus", "~no-such-user/a.txt", "--steps", "1"],
    "not UTF-8": ["train", "--corpus", "latin.txt", "--steps", "1"],
    "too short": ["train", "--corpus", "notes.txt", "--steps", "1", "--batch-size", "9999"],
    "no device": ["train", "--corpus", "notes.txt", "--steps", "1", "--device", "abacus"],
    "no budget": ["train", "--corpus", "notes.txt", "--steps", "0"],
    "no minutes": ["train", "--corpus", "notes.txt", "--minutes", "0"],
    "two budgets": ["train", "--corpus", "notes.txt", "--steps", "1", "--epochs", "1"],
    "no layers": ["train", "--corpus", "notes.txt", "--steps", "1", "--layers", "0"],
    "sizes to tie": ["train", "--corpus", "notes.txt", "--tie-weights", "--embedding-size", "3"],
    "dropout": ["train", "--corpus", "notes.txt", "--steps", "1", "--dropout", "7"],
    "no dropout": ["train", "--corpus", "notes.txt", "--steps", "1", "--dropout", "1"],
    "dropout of nan": ["train", "--corpus", "notes.txt", "--steps", "1", "--dropout", "nan"],
    "endless": ["train", "--corpus", "notes.txt", "--minutes", "inf"],
    "endless steps": ["train", "--corpus", "notes.txt", "--steps", str(10**400)],
    "unk alone": ["train", "--corpus", "notes.txt", "--steps", "1", "--min-count", "99999"],
    "unk and lines": [
        "train",
        "--corpus",
        "notes.txt",
        "--level",
        "word",
        "--steps",
        "1",
        "--min-count",
        "9999",
    ],
    "seed": ["train", "--corpus", "notes.txt", "--steps", "1", "--seed", str(10**30)],
    "seed of a sample": ["sample", "made", "--tokens", "3", "--seed", str(2**64)],
    "seed of words": ["sample", "made", "--seed", str(-(2**63) - 1)],
    "top-k": ["sample", "made", "--top-k", "0"],
    "top-p": ["sample", "made", "--tokens", "3", "--top-p", "1.5"],
    "memory": ["train", "--corpus", "notes.txt", "--steps", "1", "--hidden-size", str(10**9)],
    "out is a file": [
        "train",
        "--corpus",
        "notes.txt",
        *TINY,
        "--steps",
        "1",
        "--out",
        "notes.txt",
    ],
    "no level": ["train", "--corpus", "notes.txt", "--steps", "1", "--level", "bytes"],
    "no type": ["train", "--corpus", "notes.txt", "--steps", "1", "--rnn-type", "CNN"],
    "no command": [],
    "no port": ["app", "--port", "65536"],
    "no run": ["eval", "nothing"],
    "long name": ["eval", "x" * 300],
    "temperature": ["sample", "made", "--temperature", "-1"],
    "empty text": ["trace", "made", "--text", ""],
    "no folder": ["sample", "made", "--tokens", "3", "-o", "no/such/folder.txt"],
    "lone surrogate": ["sample", "made", "--tokens", "3", "--prompt", "\udcff", "-o", "no/x.txt"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_an_error_is_one_line_on_stderr_and_exit_code_two(place, capsys, monkeypatch, arguments):
    (place / "latin.txt").write_bytes(b"caf\xe9\n" * 100)
    if "made" in arguments:
        train("--steps", "1")
        (place / "runs" / "notes-lstm").rename(place / "runs" / "made")
    if "--minutes" in arguments:  # such a training must not even begin
        monkeypatch.setattr("rnnviz.jobs.fit.fit", lambda *_: iter(()))
    capsys.readouterr()
    before = signal.getsignal(signal.SIGINT)
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    (line,) = [line for line in error.split("\n") if line and not line.startswith("\r")]
    assert line.startswith(("rnnviz: ", "python -m rnnviz"))
    assert signal.getsignal(signal.SIGINT) is before


MISNAMED = {
    "--words": ("sample", "made", "--words", "-3"),
    "--tokens": ("sample", "made", "--tokens", "-3"),
    "--top-k": ("sample", "made", "--top-k", "0"),
    "--top-p": ("sample", "made", "--top-p", "2"),
    "--text": ("trace", "made", "--text", "a", "--gradients"),
    "--hidden-size": ("train", "--corpus", "notes.txt", "--hidden-size", "0"),
    "--embedding-size": ("train", "--corpus", "notes.txt", "--embedding-size", "0"),
    "--layers": ("train", "--corpus", "notes.txt", "--layers", "65"),
    "--batch-size": ("train", "--corpus", "notes.txt", "--batch-size", "0"),
    "--sequence-length": ("train", "--corpus", "notes.txt", "--sequence-length", "0"),
    "--forget-bias": ("train", "--corpus", "notes.txt", "--forget-bias", "nan"),
    "--lr": ("train", "--corpus", "notes.txt", "--lr", "0"),
}


@pytest.mark.parametrize("option", MISNAMED)
def test_an_error_names_the_option_and_what_was_given(place, capsys, option):
    save_run(some_run("made"), place / "runs")
    assert call(*MISNAMED[option]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(rf"rnnviz: {option} must be .*, not (-3|0(\.0)?|2\.0|1|65|nan)\n", said)


@pytest.mark.parametrize("name", ["(draft).txt", ".hidden.txt", "x" * 100 + ".txt", "été ☃.txt"])
def test_a_text_of_any_file_name_can_be_trained_on(place, name):
    (place / "notes.txt").rename(place / name)
    assert call("train", "--corpus", name, *TINY, "--steps", "2") == 0
    (path,) = (place / "runs").iterdir()
    assert load_run(path).info.history


def test_ctrl_c_leaves_a_run_and_resume_ends_as_an_uninterrupted_training(place):
    steps = ("--steps", "400", "--dropout", "0.2", "--seed", "4")
    command = [sys.executable, "-m", "rnnviz", "train", "--corpus", "notes.txt", *TINY, *steps]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    seen = b""
    while b"step " not in seen:
        read = os.read(process.stderr.fileno(), 4096)
        assert read, seen
        seen += read
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130, rest
    assert b"--resume" in rest
    assert b"Traceback" not in rest
    part = load_run("notes-lstm")
    assert 0 < part.info.history[-1]["step"] < 400
    assert (part.info.path / "resume.safetensors").exists()
    torch.set_num_threads(1)
    assert train(*steps, "--resume") == 0
    assert train(*steps, "--out", "whole") == 0
    whole, resumed = load_run("whole/notes-lstm"), load_run("notes-lstm")
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name])
    assert whole.info.valid_loss == resumed.info.valid_loss
    assert not (part.info.path / "resume.safetensors").exists()
    assert train(*steps, "--resume") == 0  # complete: nothing more to do
    assert len(list((place / "runs").iterdir())) == 1


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "2>&1 | head -c 300"])
def test_a_stderr_that_cannot_be_written_costs_no_training(place, redirected):
    arguments = ["train", "--corpus", "notes.txt", *TINY, "--steps", "300"]
    command = shlex.join([sys.executable, "-m", "rnnviz", *arguments])
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(f"{command} {redirected}", shell=True, env=environment, capture_output=True)
    assert load_run("notes-lstm").info.history[-1]["step"] == 300


def test_a_bar_that_fails_ends_nothing_before_what_is_learned_is_saved(place, monkeypatch):
    def show(records, name):
        next(records)
        raise OSError("no bar")

    monkeypatch.setattr("rnnviz.cli.train.show_progress", show)
    assert train("--steps", "60") == 2
    assert load_run("notes-lstm").info.path.joinpath("resume.safetensors").exists()


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (MemoryError, 2)])
def test_what_ends_a_command_from_outside_is_no_traceback(monkeypatch, capsys, error, code):
    def end(*_):
        raise error

    monkeypatch.setattr("rnnviz.list_runs", end)
    assert call("runs") == code
    assert capsys.readouterr().err == ("rnnviz: there is not enough memory\n" if code == 2 else "")


def test_a_second_ctrl_c_ends_at_once(place):
    code = (
        "import sys, time; from rnnviz.jobs import fit as jobs; from rnnviz.__main__ import main\n"
        "def fit(*_):\n"
        "    print('on', flush=True); time.sleep(0.3); print('on', flush=True); time.sleep(60)\n"
        "    yield\n"
        "jobs.fit = fit; main(sys.argv[1:])"
    )
    arguments = ["train", "--corpus", "notes.txt", *TINY, "--steps", "3"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.stdout.readline() != "on\n":
        pass
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=10)[1]
    assert process.returncode == 130


def test_the_python_command_itself_ends_with_code_two(place):
    result = subprocess.run(
        [sys.executable, "-m", "rnnviz", "eval", "nothing"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert result.returncode == 2
    assert re.fullmatch(r"rnnviz: .*nothing.*\n", result.stderr)


def test_trace_writes_the_gradients_too(place):
    train("--steps", "1")
    assert call("trace", "notes-lstm", "--text", "the cat", "--gradients", "-o", "t.npz") == 0
    run = load_run("notes-lstm")
    with np.load("t.npz") as arrays:
        flow = gradient_flow(run.model, run.ids("the cat"))
        np.testing.assert_array_equal(arrays["gradient.c_norm"], flow.c_norm)
        assert arrays["influence.x"].shape == (6, 6)
        assert arrays["layer0.f"].shape[0] == 7
