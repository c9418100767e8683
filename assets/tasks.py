"""Trains the models of tasks: `python assets/tasks.py FOLDER [TASK [CELL_TYPE [SEED]]]`.

Each task is trained with each cell type, with the one that ships from three seeds; the model of its
first seed ships. All scores go to tasks.csv; a row that is there is not trained again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from rnnviz import RNN_TYPES, _paths
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.files import TaskFacts, load_model, model_file, save_model, sha256
from rnnviz.tasks.results import SCORED, Score, read_scores, write_scores
from rnnviz.tasks.task import NEW, Task

SEEDS = 3  # of the cell type that ships


class Member(NamedTuple):
    """One training. `rnn_type`: "" for a model without time."""

    task: str
    rnn_type: str
    seed: int

    @property
    def command(self) -> str:
        return " ".join(["python assets/tasks.py FOLDER", *filter(None, map(str, self))])


def members(task: Task) -> Iterator[Member]:
    for rnn_type in RNN_TYPES if task.rnn_type else ("",):
        is_shipped = rnn_type == (task.rnn_type or "")
        for seed in range(SEEDS if is_shipped else 1):
            yield Member(task.name, rnn_type, seed)


def trained(member: Member, out: Path) -> list[Score]:
    """Train one member; its model is written into `out` if it is one that ships."""
    import torch

    from rnnviz.tasks.models import build
    from rnnviz.tasks.training import train

    torch.set_num_threads(1)
    torch.manual_seed(member.seed)
    task, rnn_type = TASKS[member.task], member.rnn_type or None
    ships = rnn_type == task.rnn_type and member.seed == 0
    model, begun = build(task, rnn_type), time.process_time()
    for record in train(task, model, member.seed):
        print(f"  {member}: step {record.step}, {record.score:.3f}", end="\r", flush=True)
    seconds = round(time.process_time() - begun, 1)
    facts = TaskFacts(task.name, rnn_type, task.recipe.width, task.recipe.steps, member.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = model_file(task, out if ships else Path(folder))
        save_model(path, model, facts)
        return scores(member, task, path, seconds, sha256(path) if ships else "")


def scores(member: Member, task: Task, path: Path, seconds: float, digest: str) -> list[Score]:
    """The scores of a file on all parts."""
    from rnnviz.tasks.scores import exact

    model, recipe = load_model(task, path), task.recipe
    parameters = sum(p.numel() for p in model.parameters())
    fixed = (*member, member.command, recipe.width, parameters, recipe.steps, seconds)
    return [
        Score(*fixed, part, round(exact(task, model, task.examples(0, SCORED, part)), 4), digest)
        for part in (NEW, *task.held_out)
    ]


def main(out: Path, *only: str) -> None:
    """Fill `out`/tasks and `out`/tasks.csv."""
    path = out / _paths.TASK_SCORES.name
    known = read_scores(path) if path.exists() else []
    done = {(one.task, one.rnn_type, one.seed) for one in known}
    every = [member for task in TASKS.values() for member in members(task)]
    wanted = [one for one in every if tuple(map(str, one))[: len(only)] == only]
    missing = [one for one in wanted if one not in done]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(trained, member, out / _paths.TASKS.name) for member in missing]
        for job in as_completed(jobs):
            known += job.result()
            known.sort(key=lambda one: every.index(Member(one.task, one.rnn_type, one.seed)))
            write_scores(path, known)
            for one in job.result():
                print(f"{one.task} {one.rnn_type} {one.seed}: {one.part} {one.exact}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
