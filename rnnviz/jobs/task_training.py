"""A training of a task's model in the background of the app; nothing of it is kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnviz.jobs.queue import Job
from rnnviz.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np

    from rnnviz.tasks.models import TaskModel
    from rnnviz.tasks.task import Examples
    from rnnviz.tasks.training import TaskRecord


class TaskTraining(Job):
    """`records` so far, and at each of them what the model then said of one new example, `example`:
    output numbers (S,). `model` is whole once the job is done."""

    def __init__(self, task: Task, rnn_type: str | None, width: int, seed: int = 0) -> None:
        super().__init__(())
        self.task, self.rnn_type, self.width, self.seed = task, rnn_type, width, seed
        self.records: list[TaskRecord] = []
        self.said: list[np.ndarray] = []
        self.model: TaskModel | None = None

    @property
    def example(self) -> Examples:
        """One new example."""
        return self.task.examples("example", 1)

    def train(self) -> None:
        import torch

        from rnnviz.tasks.models import build
        from rnnviz.tasks.scores import answers
        from rnnviz.tasks.training import train

        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.seed)
            model = build(self.task, self.rnn_type, self.width)
        for record in train(self.task, model, self.seed, stop=self.must_stop):
            self.said.append(answers(model, self.example)[0])
            self.records.append(record)
        self.model = model.eval()
