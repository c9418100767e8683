"""Models that ship and are no runs: arrays in float16, with facts about them as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnviz._files import write

if TYPE_CHECKING:
    from torch import Tensor, nn


def save(path: Path, model: nn.Module, facts: dict[str, Any]) -> None:
    """Write a model. Raises OSError."""
    from safetensors.torch import save

    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, save(tensors, {"facts": json.dumps(facts)}))


def facts_of(path: Path) -> dict[str, Any]:
    """What is known of a model, without reading its weights. Raises OSError where it is gone."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["facts"])


def weights_of(path: Path) -> dict[str, Tensor]:
    """Its weights in float32. Raises OSError where it is gone."""
    from safetensors.torch import load

    return {name: tensor.float() for name, tensor in load(path.read_bytes()).items()}
