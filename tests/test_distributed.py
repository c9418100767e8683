"""Several processes train one model: the same curve, one voice, and an end that they share."""

import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from rnnviz import load_run
from rnnviz.__main__ import main
from rnnviz.runs import archive
from tests import ranks
from tests.conftest import free_port

SIZES = ("--hidden-size", "16", "--batch-size", "6", "--sequence-length", "8", "--device", "cpu")
SIZES += ("--dropout", "0")  # each process has noise of its own
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture(scope="module", autouse=True)
def prepared_ranks() -> None:
    ranks.prepare()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of its own, with a text that is not the same in every row of a batch."""
    letters = random.Random(1).choices("abcdefgh ", [8, 7, 6, 5, 4, 3, 2, 1, 4], k=10_000)
    (tmp_path / "notes.txt").write_text("".join(letters), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def training(out: str, *arguments: str) -> list[str]:
    given = () if "--corpus" in arguments else ("--corpus", "notes.txt")
    return ["train", *given, *SIZES, "--out", out, *arguments]


def train_alone(out: str, *arguments: str) -> None:
    """Train in this process, as one process does."""
    assert main(training(out, *arguments)) == 0


def in_two(*arguments: str) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return [sys.executable, *launcher, "-m", "rnnviz", *arguments]


def run_in_two(*arguments: str) -> subprocess.CompletedProcess:
    """Under torchrun itself, for what it does when a process ends."""
    return subprocess.run(
        in_two(*arguments), env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )


def train_in_two(out: str, *arguments: str) -> subprocess.CompletedProcess:
    return run_in_two(*training(out, *arguments))


def run_as_two(*arguments: str) -> subprocess.CompletedProcess:
    """Two processes with the environment that torchrun would give them: what rank 0 said.

    It spares torchrun's own start and the imports, most of the work of a short training.
    """
    team = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    team |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    numbers = [{"RANK": n, "LOCAL_RANK": n} for n in ("0", "1")]
    first, other = ranks.run_together([*arguments], [team | number for number in numbers])
    assert (other.stdout, other.returncode) == ("", first.returncode), other.stderr
    return first


def train_as_two(out: str, *arguments: str) -> subprocess.CompletedProcess:
    return run_as_two(*training(out, *arguments))


def only_run(out: str) -> dict:
    (path,) = Path(out).iterdir()
    return json.loads((path / "run.json").read_text())


def sentences(result: subprocess.CompletedProcess) -> list[str]:
    """What rnnviz itself says; torchrun adds a report of its own about a command that failed."""
    return re.findall(r"^rnnviz: .*", result.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--corpus", "recall", "--rnn-type", "GRU", "--layers", "2", "--batch-size", "18"),
        ("--hidden-size", "256"),  # its products may be in bfloat16
    ],
    ids=["every token", "after a cue in two layers", "wide"],
)
def test_two_processes_give_the_loss_curve_of_one(arguments):
    arguments = ("--steps", "60", *arguments)
    train_alone("one", *arguments)
    result = train_as_two("two", *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("saved: ") == 1  # rank 0 alone is heard
    assert len(re.findall(r"\d+%.*step 60 ", result.stderr.replace("\r", "\n"))) in (1, 2)
    one, two = only_run("one"), only_run("two")
    assert [r["step"] for r in two["history"]] == [r["step"] for r in one["history"]]
    for name in ("loss", "grad_norm", "clipped"):
        found, wanted = (torch.tensor([r[name] for r in run["history"]]) for run in (two, one))
        found, wanted = (x.view(-1, 20).mean(1).tolist() for x in (found, wanted))
        assert found == pytest.approx(wanted, abs=1e-4), name  # a step alone is noisy in bfloat16
    assert two["valid_loss"] == pytest.approx(one["valid_loss"], abs=1e-4)
    assert two["command"].startswith("torchrun --nproc-per-node 2 -m rnnviz train ")
    assert two["config"] == one["config"]


def test_interrupted_and_resumed_ends_as_uninterrupted(place):
    arguments = ("--steps", "240", "--dropout", "0.2")
    process = subprocess.Popen(
        in_two(*training("parts", *arguments)),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    seen = b""
    while b"step " not in seen:
        read = os.read(process.stderr.fileno(), 4096)
        assert read, seen
        seen += read
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
    _, rest = process.communicate(timeout=300)
    assert process.returncode != 0
    assert rest.count(b"--resume") == 1
    part = load_run(place / "parts" / "notes-lstm").info
    assert 0 < part.history[-1]["step"] < 240
    with safe_open(part.path / "resume.safetensors", "pt") as file:
        assert file.get_slice("hidden/0").get_shape() == [1, 6, 16]  # three rows of each rank

    for out in ("parts", "whole"):
        result = train_as_two(out, *arguments, "--resume")
        assert result.returncode == 0, result.stderr
    parts, whole = (load_run(place / out / "notes-lstm") for out in ("parts", "whole"))
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, parts.model.state_dict()[name])
    assert parts.info.valid_loss == whole.info.valid_loss
    assert "notes-lstm: complete" in train_as_two("parts", *arguments, "--resume").stdout


def test_a_command_that_cannot_be_shared_is_done_once(place):
    train_alone("one", "--steps", "1")
    file = place / "packed.safetensors"
    file.write_bytes(archive.pack(load_run(place / "one" / "notes-lstm").info))
    result = run_as_two("import", str(file), "--out", "two")
    assert result.returncode == 0, result.stderr
    assert [path.name for path in Path("two").iterdir()] == ["notes-lstm"]


def test_rank_0_has_the_clock():
    result = train_as_two("out", "--minutes", "0.02", "--rnn-type", "LSTM", "RNN_TANH")
    assert result.returncode == 0, result.stderr
    for path in Path("out").iterdir():
        last = json.loads((path / "run.json").read_text())["history"][-1]
        assert last["progress"] == 1.0
        assert last["seconds"] >= 1.2
        assert not (path / "resume.safetensors").exists()
    assert len(list(Path("out").iterdir())) == 2


WRONG = {
    "indivisible": (
        ("--steps", "1", "--batch-size", "5"),
        r"--batch-size must be a multiple of 2, the number of processes, not 5",
    ),
    "overflow": (
        ("--steps", "60", "--lr", "1e38", "--clip", "1e30", "--rnn-type", "RNN_RELU"),
        r"no longer finite.*weights are kept",
    ),
    "no number": (("--steps", "x"), "--steps"),
    "out is a file": (("--steps", "1", "--out", "notes.txt"), "cannot be written"),
}


@pytest.mark.parametrize(("arguments", "why"), WRONG.values(), ids=WRONG)
def test_an_error_is_said_once_and_ends_all(arguments, why):
    result = train_in_two("out", *arguments)
    assert result.returncode != 0
    (sentence,) = sentences(result)
    assert re.search(why, sentence)
    assert result.stderr.count("Traceback") == 1  # that of torchrun, which knows no better
    if "finite" in why:
        assert load_run(Path("out/notes-rnn-relu").absolute()).info.valid_loss is not None
    else:
        assert not Path("out").exists()
