"""Trained runs on disk: a folder with run.json, the weights, and what is needed to resume.

Every file is written to a temporary name and renamed, so that a reader sees the old file or the
new one, never a part.
"""

from __future__ import annotations

import contextlib
import platform
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz import __version__, _paths
from rnnviz._files import write
from rnnviz.runs.info import RunError, RunInfo, described, read_info
from rnnviz.runs.names import composed, run_path, runs_folder, safe_name
from rnnviz.runs.run import Run
from rnnviz.runs.weights import fill, flat, halved, new_model, read_tensors

if TYPE_CHECKING:
    from rnnviz.training.config import TrainState


def versions() -> dict[str, str]:
    """Versions of what makes a run, for its run.json."""
    import torch

    return {
        "rnnviz": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def list_runs(folders: Sequence[Path | str] | None = None) -> list[RunInfo]:
    """What is known of the runs below the folders (default: those that ship, without the recall
    group, then the user's).

    A folder that is no run, that cannot be read or whose name is not printable text is left out.
    Reads no weights. Raises RunError for a `~` without a home directory.
    """
    if folders is None:
        folders = (_paths.SHIPPED_RUNS, runs_folder())
    found: dict[str, RunInfo] = {}
    for folder in map(run_path, folders):
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted(folder.iterdir())
        for path in paths:
            with contextlib.suppress(RunError):
                found.setdefault(path.name, read_info(path))
    return list(found.values())


def find_run(name: str) -> Path:
    """Folder of a run by its path or its name. Raises RunError when there is none."""
    candidates = [run_path(name)]
    if re.fullmatch(r"[^/\\]+", name) and name not in (".", ".."):
        folders = (runs_folder(), _paths.SHIPPED_RUNS, _paths.RECALL_RUNS)
        candidates += [folder / one for one in (name, composed(name)) for folder in folders]
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
    file = info.folder / "weights.safetensors"
    model = new_model(info, file)
    tensors, _ = read_tensors(file, model)
    fill(model, tensors, info.folder)
    return Run(info, model.eval())


def save_run(run: Run, folder: Path | str, state: TrainState | None = None, half=False) -> Run:
    """Write a run to `folder`/name and return it with its path.

    With the `state` of a training that can go on, its best weights are written, and
    resume.safetensors beside them; else the model's own weights. With `half` weights are stored as
    float16, if that holds them all. Raises RunError when a file cannot be written.
    """
    from safetensors.torch import save

    from rnnviz.runs import resume

    name = safe_name(run.info.name)
    info = replace(run.info, name=name, path=run_path(folder) / name)
    going_on = state is not None and not state.done
    weights = state.best if going_on else run.model.state_dict()
    info, text = described(info)
    try:
        info.folder.mkdir(parents=True, exist_ok=True)
        weights = flat({"": weights}, run.model)
        weights = halved(weights) if half else weights
        write(info.folder / "weights.safetensors", save(weights))
        write(info.folder / "run.json", text.encode())
        left = info.folder / "resume.safetensors"
        if going_on:
            write(left, resume.pack(run.model, state))
        else:
            left.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{info.folder} cannot be written: {error.strerror}") from None
    return Run(info, run.model)
