"""The models of tasks that ship: arrays in float16, with what is known of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz import _paths
from rnnviz._files import write

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
    from safetensors.torch import save

    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, save(tensors, {"facts": json.dumps(asdict(facts))}))


def facts_of(path: Path) -> TaskFacts:
    """What is known of a model, without reading its weights. Raises OSError where it is gone."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return TaskFacts(**json.loads(header["__metadata__"]["facts"]))


def load_model(task: Task, path: Path | None = None) -> TaskModel:
    """The model of a file, by default the one that ships, in float32 and eval mode. Raises OSError
    where it is gone."""
    from safetensors.torch import load

    from rnnviz.tasks.models import build

    path = path or model_file(task)
    facts = facts_of(path)
    model = build(task, facts.rnn_type, facts.width)
    tensors = load(path.read_bytes())
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return model.eval()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
