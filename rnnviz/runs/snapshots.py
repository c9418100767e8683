"""Weights of a run at some steps of its training, in float16: what a time-lapse shows.

`<run folder>/snapshots/<step>.safetensors`, at most MAX_SNAPSHOTS files and MAX_BYTES a run,
evenly spaced in log(step + 1); the first and the last stay.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

from rnnviz._files import write
from rnnviz.runs.info import RunError, RunInfo
from rnnviz.runs.names import safe_name
from rnnviz.runs.run import Run
from rnnviz.runs.weights import fill, flat, new_model, read_tensors

MAX_SNAPSHOTS = 20
MAX_BYTES = 20_000_000
PER_DOUBLING = 2  # snapshots while the number of steps doubles, before thinning


def due(step: int) -> bool:
    """Whether a step gets a snapshot: 0, 1, 2, 3, 5, 7, 11, 15, ..., two in each doubling of
    step + 1."""
    place = PER_DOUBLING * math.log2(step + 1)
    return step == 0 or math.floor(place) > math.floor(PER_DOUBLING * math.log2(step))


def keep(run: Run, folder: Path | str, step: int) -> None:
    """Write the model's weights of now, and thin out the older snapshots. Raises RunError.

    Does nothing for weights that float16 cannot hold, and for a model of which less than two
    snapshots fit into MAX_BYTES.
    """
    from safetensors.torch import save

    path = Path(folder) / safe_name(run.info.name) / "snapshots"
    weights = flat({"": run.model.state_dict()}, run.model)
    weights = {name: tensor.half() for name, tensor in weights.items()}
    content = save(weights)
    room = min(MAX_SNAPSHOTS, MAX_BYTES // len(content))
    if room < 2 or not all(tensor.isfinite().all() for tensor in weights.values()):
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
        there = _steps(path)
        before = [
            old for old in there if old < step
        ]  # later ones are left from an earlier training
        for old in set(there) - set(thinned([*before, step], room)):
            _file(path, old).unlink(missing_ok=True)
        write(_file(path, step), content)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None


def thinned(steps: Sequence[int], room: int) -> list[int]:
    """At most `room` of the steps, evenly spaced in log(step + 1): the step that leaves the
    smallest gap is removed, again and again."""
    left = sorted(set(steps))
    while len(left) > max(room, 2):
        places = [math.log(step + 1) for step in left]
        gaps = [after - before for before, after in zip(places, places[2:], strict=False)]
        del left[1 + gaps.index(min(gaps))]
    return left


def steps(info: RunInfo) -> tuple[int, ...]:
    """The steps at which a run has snapshots, in rising order; none for a run that is gone."""
    return () if info.path is None else _steps(info.folder / "snapshots")


def delete(path: Path) -> None:
    """Remove all snapshots in a run's folder, temporary files too. Raises OSError."""
    path = path / "snapshots"
    for file in (*(_file(path, step) for step in _steps(path)), *path.glob(".*.safetensors.*")):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there is none, or it holds other files
        path.rmdir()


def load(info: RunInfo, step: int) -> Run:
    """The run as it was after a step. Raises RunError as `load_run` does."""
    file = _file(info.folder / "snapshots", step)
    model = new_model(info, file)
    tensors, _ = read_tensors(file, model)
    fill(model, tensors, file)
    return Run(info, model.eval())


def _steps(path: Path) -> tuple[int, ...]:
    names = [file.stem for file in path.glob("*.safetensors")]
    return tuple(sorted(int(name) for name in names if name.isascii() and name.isdecimal()))


def _file(path: Path, step: int) -> Path:
    return path / f"{step}.safetensors"
