"""How often a model is right."""

from __future__ import annotations

import numpy as np
import torch

from rnnviz.tasks.models import TaskModel, input_tensors
from rnnviz.tasks.task import Examples, Task

LEAST = 10  # examples of one length, of which a share says something


@torch.no_grad()
def answers(model: TaskModel, examples: Examples) -> np.ndarray:
    """The likeliest outputs (N,S), without the truth."""
    return model.eval().answers(*input_tensors(examples)).numpy()


def exact(task: Task, model: TaskModel, examples: Examples) -> float:
    """The share of right answers, 0..1."""
    return float(task.right(answers(model, examples), examples.targets).mean())


@torch.no_grad()
def tokens_right(model: TaskModel, given: np.ndarray, examples: Examples) -> tuple[float, float]:
    """The share of the tokens of what is written that are right, 0..1: in `given`, the `answers` of
    a model, which reads back what it wrote itself; and when each token is chosen after the true
    ones (teacher forcing). As a whole the same examples are right in both: an error counts more
    where others follow from it."""
    inputs, targets = input_tensors(examples), torch.from_numpy(examples.targets)
    counted = examples.targets >= 0  # (N,S)
    forced = model.eval().logits(*inputs, targets).argmax(-1).numpy()  # (N,S)
    both = given[:, : counted.shape[1]], forced
    free_share, forced_share = (float((of == examples.targets)[counted].mean()) for of in both)
    return free_share, forced_share


def by_length(task: Task, given: np.ndarray, examples: Examples) -> dict[int, float]:
    """The share of right `answers` of what is written, by length of the input; of lengths with at
    least LEAST examples."""
    is_right = task.right(given, examples.targets)  # (N,)
    found = {int(n): is_right[examples.lengths == n] for n in np.unique(examples.lengths)}
    return {n: float(those.mean()) for n, those in found.items() if len(those) >= LEAST}
