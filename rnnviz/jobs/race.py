"""A race: the four cell types learn to recall over one distance, side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rnnviz.data import made
from rnnviz.jobs.plan import Plan
from rnnviz.jobs.queue import Job, Progress, sentence
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.model_config import ModelShape, usable_forget_bias
from rnnviz.runs.names import run_name, runs_folder
from rnnviz.training import recipes

if TYPE_CHECKING:
    from rnnviz.runs.run import Run
    from rnnviz.training.config import StepRecord

STEPS, LOG_EVERY = 600, 10
LEARNED = -math.log(0.9)  # nats: the right letter has a probability of 0.9 in the mean
SURE_AFTER = 5  # records in a row that are as good: the model has finished
GUESSING = math.log(len(made.SYMBOLS))  # nats


class Race(Job):
    """Its four models take turns, so that at any time each has computed for as long as the others,
    until it has learned the task or made its steps.

    The `seconds` of a record are those of its own model. `runs`: the models, once they began; they
    stay in memory until the server forgets the race.
    """

    def __init__(self, distance: int, forget_bias: float) -> None:
        super().__init__([_plan(distance, forget_bias, rnn_type) for rnn_type in RNN_TYPES])
        self.distance, self.forget_bias = distance, forget_bias
        self.runs: list[Run] = []
        self.kept: list[str] = []  # names of the runs that were saved

    def train(self) -> None:
        """Always go on with the model that computed for the shortest time."""
        lanes = [self._lane(*of) for of in zip(self.plans, self.progress, strict=True)]
        seconds = dict.fromkeys(lanes, 0.0)
        while seconds and not self.must_stop():
            lane = min(seconds, key=lambda one: seconds[one])
            begun = time.perf_counter()
            if next(lane, None) is None:
                del seconds[lane]
            else:
                seconds[lane] += time.perf_counter() - begun
        for lane in lanes:
            lane.close()

    def _lane(self, plan: Plan, progress: Progress) -> Generator[StepRecord]:
        """Train one model; its records count the seconds in which it computed."""
        from rnnviz.data.corpus import make_corpus
        from rnnviz.jobs.start import new_run, pick_device
        from rnnviz.training.config import TrainingError
        from rnnviz.training.loop import train

        corpus = make_corpus(plan.source, spec=plan.spec)
        run, device = new_run(plan.name, corpus, plan.config, **plan.model), pick_device("auto")
        run.model.to(device)
        self.runs.append(run)
        progress.run, progress.device, progress.active = plan.name, str(device), True
        seconds, begun = 0.0, time.perf_counter()
        try:
            for record in train(run.model, corpus, plan.config, stop=self.must_stop):
                seconds += time.perf_counter() - begun
                progress.records.append(replace(record, seconds=seconds))
                yield progress.records[-1]
                last = [one.loss for one in progress.records[-SURE_AFTER:]]
                if len(last) == SURE_AFTER and max(last) <= LEARNED:
                    break
                begun = time.perf_counter()
        except TrainingError as error:
            progress.message = f"{progress.run}: {sentence(error)}"
        finally:
            progress.active = False

    def keep(self) -> None:
        """Save its models as runs. Raises RunError."""
        from rnnviz.data.corpus import make_corpus
        from rnnviz.jobs.fit import losses
        from rnnviz.runs.library import keep

        corpus = make_corpus(self.plans[0].source, spec=self.plans[0].spec)
        for run, progress in zip(self.runs, self.progress, strict=True):
            history = tuple(asdict(record) for record in progress.records)
            info = replace(run.info, history=history, **losses(run, corpus))
            self.kept.append(keep(replace(run, info=info), runs_folder()).name)


def _plan(distance: int, forget_bias: float, rnn_type: str) -> Plan:
    from rnnviz.training.config import TrainConfig

    task, recipe = made.recall(distance, distance), recipes.TASK
    config = TrainConfig(
        lr=recipe.lr,
        clip=recipe.clip,
        batch_size=recipe.batch_size,
        steps=STEPS,
        log_every=LOG_EVERY,
        eval_every=STEPS,
    )
    model = ModelShape(
        rnn_type=rnn_type,
        embedding_size=recipe.hidden_size,
        hidden_size=recipe.hidden_size,
        num_hidden_layers=1,
        dropout=recipe.dropout,
        tie_weights=False,
        forget_bias=usable_forget_bias(rnn_type, forget_bias),
    )
    name = f"race-{run_name(task.name, rnn_type)}"
    return Plan(name, made.source(task), "char", 1, model, config, task.spec)


def share_done(race: Race) -> float:
    """Of all steps; a model that has learned it counts as done."""
    shares = [
        p.records[-1].progress if p.active and p.records else float(bool(p.records))
        for p in race.progress
    ]
    return sum(shares) / len(shares)


def learned_at(progress: Progress) -> StepRecord | None:
    """The first record whose batches were answered right (see LEARNED)."""
    return next((r for r in list(progress.records) if r.loss <= LEARNED), None)


def verdict(race: Race, names: dict[str, str]) -> str:
    """What the race showed, in one sentence made of its records."""
    learned, others = [], []
    for plan, progress in zip(race.plans, race.progress, strict=True):
        name = names[plan.model["rnn_type"]]
        if record := learned_at(progress):
            learned.append(f"the {name} after {record.step:,} ({record.seconds:.1f} s)")
        else:
            others.append(f"the {name}")
    steps = max((r.step for p in race.progress for r in p.records[-1:]), default=0)
    text = f"Over {race.distance} letters, within {steps:,} steps: "
    parts = [", ".join(learned) + " learned it"] if learned else []
    parts += [f"{_listed(others)} did not"] if others else []
    return f"{text}{'; '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    """a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
