"""Trained runs on disk: a folder with weights, what is needed to go on, and run.json.

Nothing here unpickles, and every file is written to a temporary name and renamed, so a
reader sees the old file or the new one, never half of one. torch is imported only where
weights are touched: listing runs does not wait for it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rnnviz
from rnnviz import _paths
from rnnviz._files import write
from rnnviz.data.corpus import Vocab
from rnnviz.runs.info import RunError, RunInfo, described, read_info

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import RNNModel
    from rnnviz.training.loop import TrainState


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model with all that is known about it."""

    info: RunInfo
    model: RNNModel

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def vocab(self) -> Vocab:
        return self.info.vocab

    def ids(self, text: str) -> Tensor:
        """Ids of a text (T,), int64."""
        import torch

        return torch.from_numpy(self.vocab.encode(text))


def versions() -> dict[str, str]:
    import torch

    return {
        "rnnviz": rnnviz.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def runs_folder() -> Path:
    """Where runs of this user are kept: RNNVIZ_RUNS, else runs/ in the current folder."""
    return Path(os.environ.get("RNNVIZ_RUNS") or "runs")


def safe_name(name: str) -> str:
    """A name that is one plain folder. Raises RunError for anything else."""
    if not re.fullmatch(r"\w[\w.+ -]{0,79}", name) or name.endswith((".", " ")):
        raise RunError(
            f"{name!r} is no name for a run: "
            "use up to 80 letters, digits, spaces, '-', '_', '.', '+'"
        )
    return name


def run_name(corpus: str, rnn_type: str) -> str:
    """A plain folder name: python-source-rnn-tanh."""
    name = re.sub(r"[^\w.+-]+", "-", corpus)[:60].strip(".+-") or "run"
    return f"{name}-{rnn_type}".lower().replace("_", "-")


def list_runs(folders: Sequence[Path | str] | None = None) -> list[RunInfo]:
    """Runs below the folders (default: those that ship, then the user's), without weights.

    A folder that is no run, that cannot be read or whose name no page could show, is left out.
    """
    if folders is None:
        folders = (_paths.SHIPPED_RUNS, runs_folder())
    found: dict[str, RunInfo] = {}
    for folder in map(Path, folders):
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted(folder.iterdir())
        for path in paths:
            with contextlib.suppress(RunError):
                found.setdefault(path.name, read_info(path))
    return list(found.values())


def find_run(name: str) -> Path:
    """Folder of a run by its path or its name. Raises RunError when there is none."""
    candidates = [Path(name)]
    if re.fullmatch(r"[^/\\]+", name) and name not in (".", ".."):
        candidates += [runs_folder() / name, _paths.SHIPPED_RUNS / name]
    for path in candidates:
        with contextlib.suppress(OSError):  # a name too long for the file system
            if (path / "run.json").is_file():
                return path
    raise RunError(f"there is no run {name!r}; `python -m rnnviz runs` lists those there are")


def load_run(path: Path | str) -> Run:
    """Load a run by its folder or its name, its model on the CPU, in float32 and eval mode.

    Raises RunError for files that are missing, truncated, oversized or of another model.
    """
    info = read_info(find_run(str(path)))
    file = info.path / "weights.safetensors"
    model = new_model(info, file)
    tensors, _ = read_tensors(file, model)
    fill(model, tensors, info.path)
    return Run(info, model.eval())


def new_model(info: RunInfo, file: Path) -> RNNModel:
    """The model of a run; no memory is taken for sizes that its weight file does not hold."""
    from rnnviz.nn.model import RNNModel

    try:
        size = file.stat().st_size
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    if size < 2 * info.parameters:  # float16
        raise RunError(f"{file} is damaged or of another model: {size:,} bytes are too few")
    return RNNModel(**info.model)


def save_run(run: Run, folder: Path | str, state: TrainState | None = None, half=False) -> Run:
    """Write a run to `folder`/name and return it with its path.

    With the `state` of a training that can go on, the weights written are its best ones,
    and what is needed to resume stands beside them; without, the model's own. `half`
    stores float16 where it holds every weight. Raises RunError when the disk or the folder refuses.
    """
    from safetensors.torch import save

    from rnnviz.runs import resume

    info = replace(run.info, path=Path(folder) / safe_name(run.info.name))
    going_on = state is not None and not state.done
    weights = state.best if going_on else run.model.state_dict()
    info, text = described(info)
    try:
        info.path.mkdir(parents=True, exist_ok=True)
        weights = flat({"": weights}, run.model)
        weights = halved(weights) if half else weights
        write(info.path / "weights.safetensors", save(weights))
        write(info.path / "run.json", text.encode())
        left = info.path / "resume.safetensors"
        if going_on:
            write(left, resume.pack(run.model, state))
        else:
            left.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{info.path} cannot be written: {error.strerror}") from None
    return Run(info, run.model)


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in float16, or as they are where that would not hold them all."""
    half = {name: tensor.half() for name, tensor in weights.items()}
    return half if all(tensor.isfinite().all() for tensor in half.values()) else weights


def flat(groups: dict[str, dict[str, Any]], model: RNNModel) -> dict[str, Any]:
    """Tensors by prefixed name, a tied matrix once."""
    return {
        prefix + name: tensor.detach().cpu().contiguous()
        for prefix, tensors in groups.items()
        for name, tensor in tensors.items()
        if not (model.tie_weights and name == "projection.weight")
    }


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
