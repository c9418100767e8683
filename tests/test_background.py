"""Trainings in the background: in line, stopped, failed, and what is kept of each."""

import math
import threading
from pathlib import Path

import pytest
import torch

from rnnviz import RNNModel, TrainConfig, _paths, list_runs, load_run
from rnnviz.data.source import Source
from rnnviz.jobs.plan import Plan, measure_speed, prepare, why_not
from rnnviz.jobs.queue import Job, Jobs
from rnnviz.runs.names import claim
from tests.conftest import wait_until

LINE = "aabb\naaaabbbb\nab\n"
SOURCE = Source("made", (LINE * 200, LINE * 10, LINE * 10))
SIZES = {"embedding_size": 4, "hidden_size": 8, "num_hidden_layers": 1, "dropout": 0.0}


def plan(kind: str = "LSTM", name: str = "made", **config) -> Plan:
    settings = {"batch_size": 2, "sequence_length": 8, "log_every": 2, "eval_every": 10}
    settings |= config if config.keys() & {"steps", "minutes"} else {"steps": 20} | config
    return Plan(name, SOURCE, "char", 1, {"rnn_type": kind} | SIZES, TrainConfig(**settings))


def endless(**config) -> Plan:
    return plan(**{"minutes": 10.0} | config)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("RNNVIZ_JOBS", raising=False)
    return tmp_path / "runs"


@pytest.fixture
def jobs(folder):
    made = Jobs()
    yield made
    for job in made.list():
        job.stop()
    wait_until(lambda: not any(job.active for job in made.list()))
    wait_until(lambda: not any(t.name.startswith("training") for t in threading.enumerate()))


def test_several_cell_types_are_trained_in_turn_on_the_same_batches(jobs, folder):
    job = jobs.submit([plan(kind, kind.lower()) for kind in ("LSTM", "GRU", "RNN_TANH")])
    wait_until(lambda: not job.active)
    assert (job.state, job.message) == ("done", "")
    assert [p.run for p in job.progress] == ["lstm", "gru", "rnn_tanh"]
    for progress in job.progress:
        assert progress.saved
        assert not progress.active
        assert progress.records[-1].progress == 1.0
        assert [step for step, _ in progress.samples] == [10, 20]
        assert all(len(text) >= 300 for _, text in progress.samples)
        run = load_run(folder / progress.run)
        assert run.info.history[-1]["step"] == 20
        assert run.info.fingerprint == load_run(folder / "lstm").info.fingerprint
    assert len({p.records[-1].tokens for p in job.progress}) == 1


def test_a_further_job_waits_in_line_until_the_first_has_ended(jobs):
    first, second = jobs.submit([endless()]), jobs.submit([plan()])
    wait_until(lambda: bool(first.progress[0].records))
    assert (first.state, second.state) == ("running", "waiting")
    assert jobs.in_training(first.progress[0].run)
    first.stop()
    wait_until(lambda: second.state == "done")
    assert first.state == "stopped"
    assert not jobs.in_training(first.progress[0].run)
    assert [p.run for job in jobs.list() for p in job.progress] == ["made", "made-2"]


def test_as_many_run_at_once_as_are_allowed(jobs, monkeypatch):
    monkeypatch.setenv("RNNVIZ_JOBS", "2")
    made = [jobs.submit([endless()]) for _ in range(3)]
    assert [job.state for job in made] == ["running", "running", "waiting"]


def test_a_stopped_training_keeps_what_it_learnt_and_one_in_line_never_begins(jobs, folder):
    job, waiting = jobs.submit([endless(), plan()]), jobs.submit([plan()])
    wait_until(lambda: bool(job.progress[0].samples))
    waiting.stop()
    job.stop()
    wait_until(lambda: not job.active)
    assert (job.state, waiting.state) == ("stopped", "stopped")
    assert [p.saved for p in job.progress] == [True, False]
    assert [info.name for info in list_runs([folder])] == ["made"]
    run = load_run(folder / "made")
    assert run.info.valid_loss < job.progress[0].records[0].loss
    assert (folder / "made" / "resume.safetensors").exists()


def test_a_loss_that_is_not_finite_ends_one_model_with_a_sentence_and_the_next_is_trained(
    jobs, folder
):
    job = jobs.submit(
        [plan("RNN_RELU", "bad", optimizer="sgd", lr=1e5, clip=1e5, steps=50), plan(name="good")]
    )
    wait_until(lambda: not job.active)
    assert job.state == "failed"
    assert job.message.startswith("bad: the loss is no longer finite")
    assert job.message.endswith(".")
    assert [p.saved for p in job.progress] == [True, True]
    weights = load_run(folder / "bad").model.parameters()
    assert all(p.isfinite().all() for p in weights)
    assert math.isfinite(load_run(folder / "good").info.valid_loss)


def test_a_folder_that_cannot_be_written_is_one_sentence(jobs, folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file")
    job = jobs.submit([plan()])
    wait_until(lambda: not job.active)
    assert job.state == "failed"
    assert "cannot be written" in job.message
    assert folder.read_text() == "a file"


def test_a_text_that_is_too_short_is_one_sentence(jobs, folder):
    job = jobs.submit([plan(batch_size=500)])
    wait_until(lambda: not job.active)
    assert job.state == "failed"
    assert job.message.count(".") == 1
    assert list_runs([folder]) == []
    assert list(folder.iterdir()) == []


def test_a_run_whose_folder_is_deleted_in_training_is_saved_all_the_same(jobs, folder):
    job = jobs.submit([endless()])
    wait_until(lambda: bool(job.progress[0].samples))
    (folder / "made").rename(folder.parent / "gone")
    job.stop()
    wait_until(lambda: not job.active)
    # A file that was being written just then ends the training, with a sentence.
    assert job.state == "stopped" or "cannot be written" in job.message
    assert load_run(folder / "made").info.history


def test_an_error_of_the_app_ends_the_job_and_not_the_line(jobs, monkeypatch):
    def broken(*_):
        raise KeyError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("rnnviz.jobs.queue._train", broken)
        job = jobs.submit([plan()])
        wait_until(lambda: not job.active)
    assert "its log says which" in job.message
    again = jobs.submit([plan()])
    wait_until(lambda: again.state == "done")


def test_only_the_last_jobs_are_remembered(jobs):
    made = [jobs.submit([plan(steps=1)]) for _ in range(9)]
    wait_until(lambda: not any(job.active for job in made))
    jobs.submit([plan(steps=1)])
    assert jobs.list()[0] is made[4]
    with pytest.raises(ValueError, match="at least one"):
        jobs.submit([])


def test_names_are_made_free_where_the_app_would_list_two(folder):
    shipped = list_runs([_paths.SHIPPED_RUNS])[0].name
    assert claim(shipped, folder).name == f"{shipped}-2"
    assert claim("a", folder).name == "a"
    assert claim("a", folder).name == "a-2"
    assert claim(shipped, folder / "elsewhere").name == shipped
    assert len(claim("a" * 80, folder).name) == 80
    assert len(claim("a" * 80, folder).name) < 80


def test_what_cannot_be_trained_is_said_before_it_begins():
    prepared = prepare(SOURCE, "char", 1)
    model, config = {"rnn_type": "LSTM"} | SIZES, plan().config
    assert prepared.unknown == 0.0
    line_ends = prepare(SOURCE, "char", 601).unknown
    assert line_ends == pytest.approx(600 / 3400)
    assert why_not(prepared.corpus, [model], config) == ""
    assert "one cell type" in why_not(prepared.corpus, [], config)
    short = TrainConfig(steps=1, batch_size=100, sequence_length=100)
    assert "too short" in why_not(prepared.corpus, [model], short)
    huge = model | {"hidden_size": 8000, "num_hidden_layers": 4}
    assert "GB" in why_not(prepared.corpus, [huge], config)


def test_speed_is_that_of_real_steps_and_threads_are_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    prepared = prepare(SOURCE, "char", 1)
    speed = measure_speed(prepared.corpus, {"rnn_type": "GRU"} | SIZES, plan().config, 0.1)
    assert speed.tokens_per_second == speed.steps_per_second * 16
    model = RNNModel(rnn_type="GRU", vocab_size=len(prepared.corpus.vocab), **SIZES)
    assert sum(speed.parameters.values()) == sum(p.numel() for p in model.parameters())
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_a_job_that_was_stopped_before_its_first_step_has_no_model(folder):
    job = Job([plan()])
    job.stop()
    assert job.state == "stopped"
    assert not folder.exists()
