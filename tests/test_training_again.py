"""Training again: which run a command goes on with, with which budget, and what it says of it."""

import contextlib
import itertools
import json
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from rnnviz import TrainConfig, evaluate, load_corpus, load_run
from rnnviz.__main__ import main
from rnnviz.cli.parser import build_parser
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import Source
from rnnviz.jobs.plan import Plan
from rnnviz.jobs.queue import Job
from rnnviz.jobs.start import begun_from, new_run
from rnnviz.runs import library
from rnnviz.runs.identity import settings
from rnnviz.runs.info import RunError
from rnnviz.runs.lock import locked

pytestmark = pytest.mark.usefixtures("place")
SIZES = ("--hidden-size", "8", "--batch-size", "4", "--sequence-length", "8", "--device", "cpu")
STEPS = ("--steps", "20")


def train(*arguments: str) -> int:
    given = () if "--corpus" in arguments else ("--corpus", "notes.txt")
    return main(["train", *given, *SIZES, *arguments])


@pytest.fixture
def train_until(monkeypatch):
    """A training that is interrupted after so many steps."""

    def run(steps: int, *arguments: str) -> None:
        asked = itertools.count()
        with monkeypatch.context() as patch:
            stop = contextlib.nullcontext(lambda: next(asked) >= steps)
            patch.setattr("rnnviz.cli.train._interruptible", lambda: stop)
            assert train(*arguments) == 130

    return run


def info(name: str = "notes-lstm"):
    return load_run(name).info


def last_step(name: str = "notes-lstm") -> int:
    return info(name).history[-1]["step"]


def names(place: Path) -> list[str]:
    return sorted(path.name for path in (place / "runs").iterdir())


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def weights_equal(one: str, other: str) -> bool:
    pairs = [load_run(name).model.state_dict() for name in (one, other)]
    return all(torch.equal(tensor, pairs[1][key]) for key, tensor in pairs[0].items())


def test_of_two_texts_with_one_name_each_goes_on_with_its_own_run(place, train_until):
    for folder in ("a", "b"):
        (place / folder).mkdir()
        text = f"the cat of {folder} sat.\n" * 80
        (place / folder / "input.txt").write_text(text, encoding="utf-8")
        train_until(5, "--corpus", f"{folder}/input.txt", *STEPS)
    assert train("--corpus", "a/input.txt", *STEPS, "--resume") == 0
    assert [last_step(name) for name in ("input-lstm", "input-lstm-2")] == [20, 5]
    assert train("--corpus", "b/input.txt", *STEPS, "--resume") == 0
    assert [last_step(name) for name in ("input-lstm", "input-lstm-2")] == [20, 20]
    assert info("input-lstm").spec == str(place / "a" / "input.txt")


OTHER = {
    "--hidden-size": "9",
    "--embedding-size": "3",
    "--layers": "2",
    "--dropout": "0.3",
    "--tie-weights": "",
    "--optimizer": "sgd",
    "--lr": "0.5",
    "--clip": "1.0",
    "--batch-size": "5",
    "--sequence-length": "7",
    "--seed": "4",
    "--level": "word",
    "--min-count": "61",
    "--rnn-type": "GRU",
    "--forget-bias": "3",
}


@pytest.mark.parametrize(("option", "value"), OTHER.items(), ids=OTHER)
def test_another_setting_is_said_and_giving_it_goes_on(place, train_until, capsys, option, value):
    given = (option, value) if value else (option,)
    train_until(5, *STEPS, "--name", "mine", *given)
    before = content(place / "runs")
    capsys.readouterr()
    assert train(*STEPS, "--name", "mine", "--resume") == 2
    said = capsys.readouterr().err
    (told,) = re.findall(r"with (.*): give that to go on with it, or leave --resume out", said)
    assert option in told
    assert value in told or option == "--min-count"
    assert "," not in told or option == "--min-count"  # nothing that only follows from it
    assert content(place / "runs") == before
    assert train(*STEPS, "--name", "mine", "--resume", *given) == 0
    assert last_step("mine") == 20
    assert train(*STEPS, "--name", "mine") == 0  # the other half of the advice
    assert names(place) == ["mine", "mine-2"]


def test_every_setting_of_a_run_is_one_that_is_tried(place):
    assert train("--steps", "1") == 0
    assert settings(info()).keys() == OTHER.keys() | {"--from"}


def test_the_nearest_run_is_told_of(place, train_until, capsys):
    train_until(5, *STEPS, "--seed", "1", "--lr", "0.5")
    train_until(5, *STEPS, "--seed", "2")
    capsys.readouterr()
    assert train(*STEPS, "--resume") == 2
    assert "notes-lstm-2 was trained with --seed 2 (not 0): give" in capsys.readouterr().err
    (place / "notes.txt").write_text("another text of the same name.\n" * 60, encoding="utf-8")
    assert train(*STEPS, "--resume", "--seed", "2") == 2
    said = capsys.readouterr().err
    assert f"on another text than {place / 'notes.txt'} is now: leave --resume out" in said
    assert names(place) == ["notes-lstm", "notes-lstm-2"]
    assert train(*STEPS, "--seed", "3", "--clip", "0.5") == 0  # of this text, two settings away
    assert train(*STEPS, "--resume", "--seed", "2") == 2
    said = capsys.readouterr().err
    assert "notes-lstm-3 was trained with --clip 0.5 (not 0.25), --seed 3 (not 2): give" in said


def test_of_runs_of_the_same_settings_the_interrupted_one_goes_on(place, train_until):
    train_until(5, *STEPS)
    assert train(*STEPS) == 0
    assert train(*STEPS, "--resume") == 0
    assert [last_step(name) for name in names(place)] == [20, 20]


def test_a_run_is_found_under_any_name(place, train_until, capsys):
    train_until(5, *STEPS, "--name", "given")
    (place / "notes.txt").rename("renamed.txt")
    renamed = ("--corpus", "renamed.txt", *STEPS)
    assert train(*renamed, "--resume") == 0
    assert [last_step(name) for name in names(place)] == [20]
    assert info("given").spec == str(place / "renamed.txt")
    capsys.readouterr()
    assert train(*renamed, "--resume", "--seed", "4") == 2  # the nearest of the same text
    assert "given was trained with --seed 0 (not 4): give that" in capsys.readouterr().err
    assert train(*renamed, "--resume", "--name", "third") == 0
    assert train(*renamed, "--resume", "--rnn-type", "GRU") == 0
    said = capsys.readouterr().out
    assert "has no run third to go on with" in said
    assert "has no run renamed-gru to go on with" in said


def test_of_all_that_fit_the_interrupted_one_goes_on_then_that_of_the_usual_name(
    place, train_until
):
    assert train("--steps", "5") == 0
    train_until(6, *STEPS, "--name", "other")
    library.rename(info("other"), "again")
    assert train("--steps", "30", "--resume") == 0
    assert [last_step(name) for name in ("again", "notes-lstm")] == [30, 5]
    assert train("--steps", "31", "--resume") == 0
    assert [last_step(name) for name in ("again", "notes-lstm")] == [30, 31]


def test_one_process_alone_trains_a_run(place, train_until, capsys, monkeypatch):
    train_until(5, *STEPS)
    path = place / "runs" / "notes-lstm"
    hold = f"from rnnviz.runs.lock import *\nwith locked({str(path)!r}): print(1); input()"
    command = [sys.executable, "-uc", hold]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdin=-1, stdout=-1, env=environment) as other:
        assert other.stdout.readline() == b"1\n"
        before = content(place / "runs")
        capsys.readouterr()
        assert train(*STEPS, "--resume") == 2
        said = f"rnnviz: {path} is being trained already: wait until that ends, or leave --resume"
        assert said in capsys.readouterr().err
        assert content(place / "runs") == before
        other.kill()
    assert train(*STEPS, "--resume") == 0
    assert last_step() == 20
    monkeypatch.setattr("rnnviz.runs.lock.fcntl", None)  # as on Windows
    with locked(path), locked(path):
        assert train("--resume", "--steps", "21") == 0


@pytest.mark.parametrize("by", ["command", "app"])
def test_a_run_is_locked_from_its_beginning_to_its_end(place, monkeypatch, by):
    def fit(run, _, folder, *rest, **named):
        with pytest.raises(RunError, match="is being trained already"), locked(folder / run.name):
            pass
        yield from ()

    monkeypatch.setattr("rnnviz.jobs.fit.fit", fit)
    if by == "command":
        assert train(*STEPS, "--rnn-type", "LSTM", "LSTM") == 0
    else:
        source = Source("notes", ("abc" * 40, "abc", "abc"))
        model = {"rnn_type": "LSTM", "embedding_size": 2, "hidden_size": 2, "num_hidden_layers": 1}
        job = Job([Plan("notes-lstm", source, "char", 1, model, TrainConfig(steps=1))])
        job.run()
        assert (job.state, job.message) == ("done", "")
    with locked(place / "runs" / "notes-lstm"):
        pass


def test_the_same_type_twice_is_the_same_run(train_until):
    train_until(5, *STEPS)
    assert train(*STEPS, "--resume", "--rnn-type", "LSTM", "LSTM") == 0


def test_without_such_a_run_a_new_one_begins_and_that_is_said(place, capsys):
    assert train(*STEPS, "--resume") == 0
    assert "has no run notes-lstm to go on with: a new one begins" in capsys.readouterr().out
    assert names(place) == ["notes-lstm"]


def test_what_cannot_go_on_is_said_before_anything_is_trained(place, capsys):
    assert train(*STEPS, "--rnn-type", "GRU", "--hidden-size", "9") == 0
    assert train(*STEPS, "--rnn-type", "LSTM", "GRU", "--resume") == 2
    assert "--hidden-size 9 (not 8)" in capsys.readouterr().err
    assert train(*STEPS, "--rnn-type", "LSTM", "GRU", "--batch-size", "999") == 2
    said = capsys.readouterr().err
    assert "notes has 1,296 tokens to train on, too few for one batch of --batch-size 999" in said
    assert "by --sequence-length 8: lower one of them" in said
    assert names(place) == ["notes-gru"]


def test_a_long_name_with_a_number_is_found(place, train_until):
    (place / "notes.txt").rename("x" * 90 + ".txt")
    long = ("--corpus", "x" * 90 + ".txt", "--name", "y" * 75, *STEPS)
    assert train(*long, "--seed", "1") == 0
    train_until(5, *long)
    assert train(*long, "--resume") == 0
    assert [last_step(name) for name in names(place)] == [20, 20]


def test_more_budget_is_recorded_in_config_command_and_history(train_until, capsys):
    train_until(5, *STEPS)
    capsys.readouterr()
    assert train("--resume", "--steps", "40") == 0
    assert "goes on at step 5; its budget is 40 steps, it was 20 steps" in capsys.readouterr().out
    now = info()
    assert now.config["steps"] == 40
    assert now.command.count(" train ") == 2
    assert now.command.endswith("--resume --steps 40")
    steps = [record["step"] for record in now.history]
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (1, 40)
    for record in now.history:
        assert record["progress"] == record["step"] / 40
    assert train("--resume", "--epochs", "2") == 0  # another kind of budget
    assert (info().config["steps"], info().config["epochs"]) == (None, 2)
    assert info().history[-1]["epoch"] == 1


def test_without_a_budget_a_run_keeps_its_own(train_until):
    train_until(5, *STEPS)
    assert train("--resume") == 0
    assert (last_step(), info().config["steps"], info().config["minutes"]) == (20, 20, None)
    assert info().command.count(" train ") == 1


def test_a_complete_run_goes_on_from_its_weights_with_a_new_warm_up(place, capsys):
    assert train(*STEPS, "--lr", "0.01") == 0
    for budget in (STEPS, ("--steps", "7"), ()):
        before = content(place / "runs")
        capsys.readouterr()
        assert train("--lr", "0.01", "--resume", *budget) == 0
        said = (
            "complete at step 20, with a budget of 20 steps; a larger one, like --steps 40, goes on"
        )
        assert f"notes-lstm: {said}" in capsys.readouterr().out
        assert content(place / "runs") == before
    assert train("--lr", "0.01", "--resume", "--steps", "60") == 0
    said = capsys.readouterr().out
    assert "goes on at step 20 from its weights, with new averages and a new warm-up" in said
    rates = {record["step"]: record["lr"] for record in info().history}
    for step, warmed, budget in ((20, 20, 20), (21, 1, 60), (30, 10, 60), (60, 40, 60)):
        cosine = (1 + math.cos(math.pi * (step - 1) / budget)) / 2
        assert rates[step] == pytest.approx(0.01 * warmed / 100 * (0.02 + 0.98 * cosine))


def test_a_run_that_ended_early_goes_on_with_a_larger_budget(place, capsys):
    wild = ("--rnn-type", "RNN_RELU", "--lr", "1e38", "--clip", "1e30")
    assert train(*STEPS, *wild) == 2
    step = last_step("notes-rnn-relu") if info("notes-rnn-relu").history else 0
    capsys.readouterr()
    assert train(*STEPS, *wild, "--resume") == 0
    assert (
        f"ended early at step {step}, with a budget of 20 steps; a larger one"
        in capsys.readouterr().out
    )
    assert train("--steps", "21", *wild, "--resume") == 2
    assert "no longer finite" in capsys.readouterr().err


def test_sgd_goes_on_with_the_rate_that_it_had(train_until):
    recipe = ("--optimizer", "sgd", "--lr", "1e-30")  # nothing improves: a quarter at each epoch
    assert train("--epochs", "3", *recipe) == 0
    before = info().history[-1]["lr"]
    assert before < 1e-30
    train_until(2, "--epochs", "9", *recipe, "--resume")
    assert info().history[-1]["lr"] == before


def test_a_complete_run_that_goes_on_can_be_interrupted_too(train_until):
    for out in ("runs", "whole"):
        assert train(*STEPS, "--out", out) == 0
    torch.set_num_threads(1)
    longer = ("--resume", "--steps", "50")
    assert train(*longer, "--out", "whole") == 0
    train_until(9, *longer)
    assert last_step() == 29
    assert train(*longer) == 0
    assert weights_equal("notes-lstm", "whole/notes-lstm")
    assert info().valid_loss == info("whole/notes-lstm").valid_loss


def test_a_budget_that_is_spent_already_leaves_an_interrupted_run_as_it_is(
    place, train_until, capsys
):
    train_until(5, *STEPS)
    before = content(place / "runs")
    capsys.readouterr()
    assert train("--resume", "--steps", "3") == 0
    assert "3 steps is spent already, at step 5; a larger one goes on" in capsys.readouterr().out
    assert content(place / "runs") == before
    assert train("--resume") == 0
    assert last_step() == 20


def test_a_run_killed_after_its_last_second_is_complete_when_resumed(place, train_until):
    train_until(5, "--minutes", "1")
    file = place / "runs" / "notes-lstm" / "run.json"
    raw = json.loads(file.read_text())
    raw["config"]["minutes"] = 1e-9
    file.write_text(json.dumps(raw))
    assert train("--resume") == 0
    assert not (file.parent / "resume.safetensors").exists()
    assert last_step() == 5


def test_a_run_begins_from_the_weights_of_another(place, train_until, capsys):
    assert train(*STEPS) == 0
    assert train("--steps", "1", "--lr", "1e-12", "--from", "notes-lstm", "--name", "fine") == 0
    assert "fine: begins with the weights of notes-lstm" in capsys.readouterr().out
    assert info("fine").valid_loss == pytest.approx(info().valid_loss, abs=1e-6)
    assert "--from notes-lstm" in info("fine").command
    train_until(5, *STEPS, "--from", "notes-lstm")
    assert train(*STEPS, "--from", "notes-lstm", "--resume") == 0
    assert last_step("notes-lstm-2") == 20
    assert train("--resume", "--steps", "30") == 0  # of the two, the one that began at random
    assert [last_step(name) for name in ("notes-lstm", "notes-lstm-2")] == [30, 20]


def test_weights_of_another_shape_or_vocabulary_are_refused_in_a_sentence(place, capsys):
    assert train(*STEPS, "--hidden-size", "9", "--layers", "2", "--name", "other") == 0
    capsys.readouterr()
    assert train(*STEPS, "--from", "other") == 2
    said = capsys.readouterr().err
    assert "of another shape, with --hidden-size 9 (not 8), --layers 2 (not 1): give these" in said
    assert train(*STEPS, "--from", "other", "--level", "word") == 2
    assert "give --level char" in capsys.readouterr().err
    (place / "more.txt").write_text("the cat sat on 2 mats!\n" * 60, encoding="utf-8")
    assert train(*STEPS, "--corpus", "more.txt", "--from", "other") == 2
    said = "it lacks 2 of the tokens of more and has 1 that more lacks ('!', '.', '2'); leave"
    assert said in capsys.readouterr().err
    (place / "less.txt").write_text("the cat sat on the mat\n" * 60, encoding="utf-8")
    assert train(*STEPS, "--corpus", "less.txt", "--from", "other") == 2
    assert "vocabulary: it has 1 that less lacks ('.'); leave" in capsys.readouterr().err
    assert train(*STEPS, "--from", "nothing") == 2
    assert names(place) == ["other"]


def test_the_order_of_the_tokens_is_that_of_the_new_text():
    corpora = [make_corpus(Source(t, (t * 40, t, t)), "char") for t in ("aaabbc", "cccbba")]
    assert corpora[0].vocab != corpora[1].vocab
    shape = {"rnn_type": "LSTM", "embedding_size": 4, "hidden_size": 4, "num_hidden_layers": 1}
    for tied in (False, True):
        config = TrainConfig(steps=1)
        old, new = (new_run("x", c, config, **shape, tie_weights=tied) for c in corpora)
        begun = begun_from(new, old)
        for text in ("abcabcaab", "ccb"):
            was, now = evaluate(old.model, old.ids(text)), evaluate(begun.model, begun.ids(text))
            assert now == pytest.approx(was, abs=1e-6)


def test_an_imported_run_is_none_to_go_on_with(place, capsys):
    assert train("--steps", "1", "--name", "made") == 0
    file = place / "runs" / "made" / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"config": {}}))
    assert train(*STEPS, "--name", "made", "--resume") == 2
    assert "was imported: --from made begins a new run" in capsys.readouterr().err
    assert train(*STEPS, "--name", "new", "--from", "made") == 0


def test_a_name_is_given_and_found_again(place, train_until, capsys):
    both = ("--rnn-type", "LSTM", "RNN_TANH", "--name", "My run")
    train_until(5, *STEPS, *both)
    assert train(*STEPS, *both, "--resume") == 0
    assert names(place) == ["My run-lstm", "My run-rnn-tanh"]
    assert [last_step(name) for name in names(place)] == [20, 20]
    assert train(*STEPS, "--name", "a/b") == 2
    assert "is no name for a run" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["main", "train"])
def test_a_training_runs_in_any_thread(how):
    command = ["train", "--corpus", "notes.txt", *SIZES, *STEPS]
    codes: list[int] = []

    def work() -> None:
        if how == "main":
            codes.append(main(command))
        else:
            options = build_parser().parse_args(command)
            codes.append(options.run(options))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert codes == [0]
    assert last_step() == 20


def test_a_vocabulary_of_more_than_65_536_tokens_is_trained_and_read(place):
    (place / "many").mkdir()
    words = [f"w{n}" for n in range(66_000)]
    for part, count in (("train", 66_000), ("valid", 40)):
        (place / "many" / f"{part}.txt").write_text(" ".join(words[:count]), encoding="utf-8")
    assert train("--corpus", "many", "--level", "word", "--steps", "1") == 0
    run = load_run("many-lstm")
    assert len(run.vocab) == len(load_corpus("many", "word").vocab) == 66_002


TOO_LARGE = {"tokens": ("rnnviz.jobs.start.MAX_VOCABULARY", 5)}
TOO_LARGE |= {"bytes": ("rnnviz.runs.info.MAX_JSON", 100)}


@pytest.mark.parametrize("bound", TOO_LARGE)
def test_a_vocabulary_too_large_for_a_run_is_said_before_training(
    place, capsys, monkeypatch, bound
):
    where, most = TOO_LARGE[bound]
    monkeypatch.setattr(where, most)
    assert train(*STEPS) == 2
    assert "raise --min-count" in capsys.readouterr().err
    assert not (place / "runs").exists()


def test_weights_are_refused_by_the_library_too():
    corpus = make_corpus(Source("t", ("abc" * 40, "abc", "abc")), "char")
    shape = {"rnn_type": "LSTM", "embedding_size": 4, "num_hidden_layers": 1}
    one, two = (new_run("x", corpus, TrainConfig(steps=1), hidden_size=h, **shape) for h in (3, 4))
    with pytest.raises(RunError, match="--hidden-size 3"):
        begun_from(two, one)


def test_a_forget_bias_is_kept_and_ignored_aloud_by_types_without_the_gate(place, capsys):
    (place / "input.txt").write_text("the cat sat.\n" * 80)
    types = "LSTM", "RNN_TANH"
    assert train("--corpus", "input.txt", *STEPS, "--rnn-type", *types, "--forget-bias", "3") == 0
    assert "RNN_TANH has no gate that keeps its state: --forget-bias is ignored" in (
        capsys.readouterr().out
    )
    found = [info(f"input-{kind}").model["forget_bias"] for kind in ("lstm", "rnn-tanh")]
    assert found == [3.0, None]
