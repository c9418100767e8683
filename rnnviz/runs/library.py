"""The user's collection of runs: add, rename, delete."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from rnnviz.runs import names, snapshots, store
from rnnviz.runs.info import RunError, RunInfo
from rnnviz.runs.run import Run

FILES = ("run.json", "weights.safetensors", "resume.safetensors")  # without the first it is no run


def keep(run: Run, folder: Path) -> RunInfo:
    """Save a run below a folder as `save_run` does, under a name that is free. Raises RunError."""
    with staging(folder) as place:
        saved = store.save_run(run, place).info
        path = settle(place / saved.name, folder)
        return replace(saved, path=path, name=path.name)


@contextlib.contextmanager
def staging(folder: Path) -> Generator[Path]:
    """A hidden folder inside another in which a run is put together; it is removed afterwards.

    Lists of runs do not see it: they look one level above. Raises RunError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as place:
            yield Path(place)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from None


def settle(path: Path, folder: Path) -> Path:
    """Move a run out of `staging` to a name that is free below a folder. Raises OSError."""
    return names.take_free_name(path.name, folder, lambda target: _move(path, target))


def _move(path: Path, target: Path) -> Path:
    """Rename a folder, or a link to one. Raises FileExistsError for a name in use.

    First an empty folder is made under the new name and then replaced: a rename alone would
    replace the empty folder that a training has just claimed. A link cannot replace a folder.
    """
    if path.is_symlink():
        if target.exists():
            raise FileExistsError
        return path.rename(target)
    target.mkdir()
    try:
        return path.rename(target)
    except OSError:
        target.rmdir()
        raise


def is_own(info: RunInfo) -> bool:
    """Whether a run lies in the user's folder and may be renamed or deleted."""
    plain = info.folder.name not in ("", "..")
    return plain and info.folder.parent.resolve() == names.runs_folder().resolve()


def rename(info: RunInfo, name: str) -> RunInfo:
    """Give one of the user's runs another name, which no other run has. Raises RunError."""
    _check_own(info)
    name = names.safe_name(name)
    target = info.folder.with_name(name)
    try:
        if names.is_shipped(name):
            raise FileExistsError
        path = _move(info.folder, target)
    except FileExistsError:
        raise RunError(f"there is a run {name!r} already") from None
    except OSError as error:
        raise RunError(f"{info.name} cannot be renamed: {error.strerror}") from None
    return replace(info, name=name, path=path)


def delete(info: RunInfo) -> None:
    """Remove one of the user's runs; of a link, the link alone. Raises RunError.

    Only the files of a run are removed: if its folder holds anything else, that and the folder
    stay.
    """
    _check_own(info)
    try:
        if info.folder.is_symlink():
            info.folder.unlink()
            return
        (info.folder / FILES[0]).unlink()
        remove(info.folder)
    except OSError as error:
        raise RunError(f"{info.name} cannot be deleted: {error.strerror}") from None


def remove(path: Path) -> None:
    """Remove a run's files, temporary files of a killed training among them, and its folder if
    that is empty then. Raises OSError."""
    for name in FILES:
        for file in (path / name, *path.glob(f".{name}.*")):
            file.unlink(missing_ok=True)
    snapshots.delete(path)
    with contextlib.suppress(OSError):  # not empty
        path.rmdir()


def _check_own(info: RunInfo) -> None:
    if not is_own(info):
        raise RunError(f"{info.name} is not one of your runs, it stays as it is")
