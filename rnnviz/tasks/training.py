"""Training of a task's model on fresh examples, as a generator of records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from rnnviz.tasks.models import TaskModel
from rnnviz.tasks.scores import exact
from rnnviz.tasks.task import NEW, TRAIN, Task
from rnnviz.training.config import TrainingError
from rnnviz.training.optimizers import AdamW, schedule

RECORDS, SCORED = 20, 200  # records of a training; new examples of a score


@dataclass(frozen=True)
class TaskRecord:
    """`loss`: mean nats since the last record. `score`: share of right answers on new inputs."""

    step: int
    steps: int
    loss: float
    score: float
    seconds: float


def train(
    task: Task,
    model: TaskModel,
    seed: int = 0,
    steps: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[TaskRecord]:
    """Train a model in place by AdamW with warm-up and cosine decay (see `optimizers`), each batch
    made anew; `steps`: None for the recipe's. Raises TrainingError when the loss is not finite."""
    recipe, steps = task.recipe, steps or task.recipe.steps
    adamw = AdamW(model, {})
    new = task.examples("record", SCORED, NEW)
    begun, losses = time.perf_counter(), []
    for step in range(steps):
        if stop():
            return
        batch = task.examples(f"{seed} {step}", recipe.batch_size, TRAIN)
        loss = model.train().loss(batch)
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        adamw.step(recipe.lr * schedule(step, step / steps))
        losses.append(loss.detach())
        if (step + 1) * RECORDS // steps > step * RECORDS // steps:
            mean = float(torch.stack(losses).mean())
            losses.clear()
            if not math.isfinite(mean):
                raise TrainingError(f"the loss is no longer finite at step {step + 1}")
            seconds = time.perf_counter() - begun
            yield TaskRecord(step + 1, steps, mean, exact(task, model, new), seconds)
    model.eval()
