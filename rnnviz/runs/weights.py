"""Weights as safetensors: read within bounds, checked against the model, written without pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnviz.runs.info import RunError, RunInfo

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import RNNModel


def new_model(info: RunInfo, file: Path) -> RNNModel:
    """An untrained model of a run's sizes. Raises RunError, before any memory is taken, when the
    weight file is too small to hold such a model."""
    from rnnviz.nn.model import RNNModel

    try:
        size = file.stat().st_size
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    if size < 2 * info.parameters:  # float16
        raise RunError(f"{file} is damaged or of another model: {size:,} bytes are too few")
    return RNNModel(**info.model)


def read_tensors(path: Path, model: RNNModel, copies: int = 1, more: int = 0) -> tuple[dict, dict]:
    """Tensors and metadata of a safetensors file no larger than `copies` of the model and `more`
    bytes."""
    from safetensors import SafetensorError, safe_open

    expected = copies * 4 * sum(p.numel() for p in model.parameters()) + 2**20 + more
    try:
        size = path.stat().st_size
        if size > expected:
            raise RunError(f"{path} is too large for this model: {size:,} bytes")
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} is damaged or is no safetensors file ({error})") from None


def fill(model: RNNModel, tensors: dict[str, Any], path: Path) -> None:
    """Put weights into a model; they must be its own by name, shape and be finite."""
    if model.tie_weights and "embedding.weight" in tensors:
        tensors = {**tensors, "projection.weight": tensors["embedding.weight"]}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if given != wanted:
        odd = sorted(set(wanted.items()) ^ set(given.items()))[0][0]
        raise RunError(f"{path} holds the weights of another model ({odd} does not fit)")
    if not all(
        tensor.dtype.is_floating_point and tensor.itemsize > 1 for tensor in tensors.values()
    ):
        raise RunError(f"{path} holds weights that are no float16, float32 or float64")
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise RunError(f"{path} holds weights that are not finite")
    model.load_state_dict(tensors)


def flat(groups: dict[str, dict[str, Any]], model: RNNModel) -> dict[str, Any]:
    """Tensors by prefixed name, a tied matrix once."""
    return {
        prefix + name: tensor.detach().cpu().contiguous()
        for prefix, tensors in groups.items()
        for name, tensor in tensors.items()
        if not (model.tie_weights and name == "projection.weight")
    }


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in float16, or as they are where that would not hold them all."""
    half = {name: tensor.half() for name, tensor in weights.items()}
    return half if all(tensor.isfinite().all() for tensor in half.values()) else weights
