"""A run as one file: its weights as safetensors, its run.json and name in the metadata.

What comes in is checked as runs on disk are, in a folder that no list shows, and is renamed
into its place when it is whole.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from rnnviz import _paths
from rnnviz.runs import info, snapshots, store
from rnnviz.runs.info import RunError, RunInfo
from rnnviz.runs.store import Run

MAX_HEADER = 2 * info.MAX_JSON  # JSON inside JSON: quotes and line ends take two bytes
MAX_TENSORS = 4 * info.MAX_LAYERS + 3
FILES = ("run.json", "weights.safetensors", "resume.safetensors")  # without the first it is no run


def pack(info: RunInfo) -> bytes:
    """A run on disk as one safetensors file, its weights as they are stored. Raises RunError."""
    from safetensors.torch import load, save

    store.load_run(info.path)  # says what is wrong with it
    try:
        text = (info.path / "run.json").read_text(encoding="utf-8")
        weights = load((info.path / "weights.safetensors").read_bytes())
    except OSError as error:
        raise RunError(f"{info.path} cannot be read: {error.strerror}") from None
    return save(weights, {"run": text, "name": info.name})


def header(raw: bytes) -> dict:
    """The header of a safetensors file, {} when it is none or a header too large to be read."""
    size = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or size > min(MAX_HEADER, len(raw) - 8):
        return {}
    try:
        found = json.loads(raw[8 : 8 + size])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and len(found) <= MAX_TENSORS + 1 else {}


def metadata(raw: bytes) -> dict:
    """What `pack` put beside the weights, {} for any other file."""
    found = header(raw).get("__metadata__")
    return found if isinstance(found, dict) and "run" in found else {}


def unpack(raw: bytes, folder: Path, name: str = "") -> RunInfo:
    """Write a packed run below a folder, under its own name or another; one in use gets -2.

    Raises RunError, and then leaves nothing behind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, save

    told = metadata(raw)
    text, name = told.get("run"), name or told.get("name")
    if not (isinstance(text, str) and isinstance(name, str)):
        raise RunError("the file is damaged or is no run that was downloaded here")
    name = store.safe_name(name)
    try:
        weights = save(load(raw))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"the weights in the file are damaged ({error})"[:300]) from None
    with _incoming(folder) as place:
        path = place / name
        path.mkdir()
        (path / "weights.safetensors").write_bytes(weights)
        (path / "run.json").write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            store.load_run(path)
        except RunError as error:
            raise RunError(str(error).replace(str(path), name)) from None
        return info.read_info(_settle(path, folder))


def keep(run: Run, folder: Path) -> RunInfo:
    """Save a run below a folder as `save_run` does, under a name that is not in use."""
    with _incoming(folder) as place:
        saved = store.save_run(run, place)
        return replace(saved.info, path=(path := _settle(saved.info.path, folder)), name=path.name)


@contextlib.contextmanager
def _incoming(folder: Path):
    """A hidden folder inside another, gone afterwards; lists look one level above its runs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as place:
            yield Path(place)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from None


def _settle(path: Path, folder: Path) -> Path:
    """Rename a run's folder into another, as name, name-2, ...: the first that no run has."""
    for number in itertools.count(1):
        target = folder / (path.name if number == 1 else f"{path.name[:70]}-{number}")
        if not (_paths.SHIPPED_RUNS / target.name).exists():
            with contextlib.suppress(FileExistsError):
                return _move(path, target)


def _move(path: Path, target: Path) -> Path:
    """Rename a folder. Raises FileExistsError for a name in use.

    The name is made a folder of ours first: a rename alone would take an empty folder that a
    training has just claimed. A link goes over no folder.
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
    plain = info.path.name not in ("", "..")
    return plain and info.path.parent.resolve() == store.runs_folder().resolve()


def rename(info: RunInfo, name: str) -> RunInfo:
    """Give one of the user's runs another name, which no run has. Raises RunError."""
    _own(info)
    target = info.path.with_name(store.safe_name(name))
    try:
        if (_paths.SHIPPED_RUNS / name).exists():
            raise FileExistsError
        path = _move(info.path, target)
    except FileExistsError:
        raise RunError(f"there is a run {name!r} already") from None
    except OSError as error:
        raise RunError(f"{info.name} cannot be renamed: {error.strerror}") from None
    return replace(info, name=name, path=path)


def delete(info: RunInfo) -> None:
    """Remove one of the user's runs; a link goes, not what it points to. Raises RunError.

    Only the files of a run go: whatever else lies in its folder stays, and the folder with it.
    """
    _own(info)
    try:
        if info.path.is_symlink():
            info.path.unlink()
            return
        (info.path / FILES[0]).unlink()
        remove(info.path)
    except OSError as error:
        raise RunError(f"{info.name} cannot be deleted: {error.strerror}") from None


def remove(path: Path) -> None:
    """Take a run's files out of its folder, those that a killed training had half written too, and
    the folder if it holds nothing else. Raises OSError."""
    for name in FILES:
        for file in (path / name, *path.glob(f".{name}.*")):
            file.unlink(missing_ok=True)
    snapshots.delete(path)
    with contextlib.suppress(OSError):  # not empty
        path.rmdir()


def _own(info: RunInfo) -> None:
    if not is_own(info):
        raise RunError(f"{info.name} is not one of your runs, it stays as it is")
