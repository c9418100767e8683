"""The models of tasks that ship: arrays in float16, with what is known of them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz import _paths
from rnnviz.runs import fact_files

if TYPE_CHECKING:
    from rnnviz.tasks.models import TaskModel
    from rnnviz.tasks.task import Task


@dataclass(frozen=True)
class TaskFacts:
    """Which training gave a model. `rnn_type`: None for a model without time."""

    task: str
    rnn_type: str | None
    width: int
    steps: int
    seed: int


def model_file(task: Task, folder: Path = _paths.TASKS) -> Path:
    """Where the model of a task is."""
    return folder / f"{task.name}.safetensors"


def save_model(path: Path, model: TaskModel, facts: TaskFacts) -> None:
    """Write a model. Raises OSError."""
    fact_files.save(path, model, asdict(facts))


def load_model(task: Task, path: Path | None = None) -> TaskModel:
    """The model of a file, by default the one that ships, in float32 and eval mode. Raises OSError
    where it is gone."""
    from rnnviz.tasks.models import build

    path = path or model_file(task)
    facts = TaskFacts(**fact_files.facts_of(path))
    model = build(task, facts.rnn_type, facts.width)
    model.load_state_dict(fact_files.weights_of(path))
    return model.eval()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
