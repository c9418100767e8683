"""How often a model is right."""

from __future__ import annotations

import numpy as np
import torch

from rnnviz.tasks.models import TaskModel, input_tensors
from rnnviz.tasks.task import NOT_COUNTED, Examples, Task


@torch.no_grad()
def answers(model: TaskModel, examples: Examples) -> np.ndarray:
    """The likeliest outputs (N,S), without the truth."""
    return model.eval().answers(*input_tensors(examples)).numpy()


def right(task: Task, given: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which answers are right: of each example whether all that is written is, (N,), up to its END;
    else of each target that counts, (M,)."""
    counted = targets != NOT_COUNTED  # (N,S)
    if not task.writes:
        return given[counted] == targets[counted]
    filled = np.full_like(targets, NOT_COUNTED, shape=(len(targets), given.shape[1]))  # (N,longest)
    filled[:, : targets.shape[1]] = targets[:, : given.shape[1]]
    return ((given == filled) | (filled == NOT_COUNTED)).all(1)


def exact(task: Task, model: TaskModel, examples: Examples) -> float:
    """The share of right answers, 0..1."""
    return float(right(task, answers(model, examples), examples.targets).mean())
