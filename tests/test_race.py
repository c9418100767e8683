"""The race: four models take turns, seconds are a model's own, and nothing is left behind."""

import math
from collections.abc import Iterator

import pytest

from rnnviz import list_runs
from rnnviz.data.made import SYMBOLS
from rnnviz.jobs import race
from rnnviz.jobs.queue import Jobs
from rnnviz.jobs.race import Race
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.names import runs_folder
from tests.conftest import wait_until

NAMES = dict(zip(RNN_TYPES, ("LSTM", "GRU", "tanh RNN", "ReLU RNN"), strict=True))


def ended(begun: Race) -> Race:
    wait_until(lambda: not begun.active)
    return begun


@pytest.fixture(scope="module")
def raced(tmp_path_factory) -> Iterator[Race]:
    """A race of 40 steps over 3 letters, with a folder of runs that was empty before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNVIZ_RUNS", str(tmp_path_factory.mktemp("race") / "runs"))
        patch.setattr(race, "STEPS", 40)
        yield ended(Jobs().add(Race(3, 2.0)))


def test_all_four_are_trained_and_no_run_is_left(raced):
    assert (raced.state, raced.message) == ("done", "")
    for progress in raced.progress:
        assert [record.step for record in progress.records] == [10, 20, 30, 40]
        seconds = [record.seconds for record in progress.records]
        assert seconds == sorted(seconds)
        assert seconds[0] > 0
    assert [run.model.forget_bias for run in raced.runs] == [2.0, 2.0, None, None]
    assert list_runs([runs_folder()]) == []


def test_no_model_computes_much_longer_than_the_others(raced):
    """At each record the model that made it had computed for the shortest time."""
    one = raced
    turns = sorted(
        (record.seconds - (before.seconds if before else 0), i, record.seconds)
        for i, progress in enumerate(one.progress)
        for before, record in zip([None, *progress.records], progress.records, strict=False)
    )
    longest = turns[-1][0]
    seconds = [[record.seconds for record in progress.records] for progress in one.progress]
    for mine in seconds:
        for at in mine[:-1]:  # all others had come as far as one turn before it, or had ended
            for other in seconds:
                assert other[-1] <= at or any(abs(s - at) <= 2 * longest for s in other)


def test_kept_models_are_runs_like_others(raced):
    raced.keep()
    infos = {info.name: info for info in list_runs([runs_folder()])}
    assert set(infos) == set(raced.kept) == {f"race-recall-3-{k}" for k in
                                           ("lstm", "gru", "rnn-tanh", "rnn-relu")}  # fmt: skip
    for info in infos.values():
        assert len(info.history) == 4
        assert 0 <= info.accuracy <= 1
        assert info.valid_loss > 0


def test_a_race_can_be_stopped(place):
    one = Jobs().add(Race(30, 4.0))
    wait_until(lambda: any(progress.records for progress in one.progress))
    one.stop()
    assert ended(one).state == "stopped"
    assert max(len(progress.records) for progress in one.progress) < race.STEPS / race.LOG_EVERY
    assert list_runs() == []


def test_the_verdict_is_made_of_the_records(place, monkeypatch):
    monkeypatch.setattr(race, "STEPS", 10)
    one = ended(Jobs().add(Race(3, 2.0)))
    assert race.verdict(one, NAMES) == (
        "Over 3 letters, within 10 steps: the LSTM, the GRU, the tanh RNN and the ReLU RNN did not."
    )


def test_over_one_letter_all_four_learn_it(place, monkeypatch):
    monkeypatch.setattr(race, "STEPS", 300)
    one = ended(Jobs().add(Race(1, 0.0)))
    assert race.verdict(one, NAMES).endswith("learned it.")
    for progress in one.progress:
        first = race.learned_at(progress)
        last = [record.loss for record in progress.records[-race.SURE_AFTER :]]
        assert max(last) <= race.LEARNED  # it has finished
        assert first.step <= progress.records[-race.SURE_AFTER].step
    assert race.share_done(one) == 1


def test_the_lines_of_the_figure_are_losses_of_guessing_and_of_being_right():
    assert math.exp(-race.GUESSING) == pytest.approx(1 / len(SYMBOLS))
    assert math.exp(-race.LEARNED) == pytest.approx(0.9)
