"""A run as one file: its weights as safetensors, its run.json and name in the metadata.

A file that comes in is unpacked into a hidden folder and checked as any run on disk; only then is
it moved to its place.
"""

from __future__ import annotations

import json
from pathlib import Path

from rnnviz.nn.model_config import MAX_LAYERS
from rnnviz.runs import library
from rnnviz.runs.info import MAX_JSON, RunError, RunInfo, read_info
from rnnviz.runs.names import safe_name
from rnnviz.runs.store import load_run

MAX_HEADER = 2 * MAX_JSON  # JSON inside JSON: quotes and line ends take two bytes
MAX_TENSORS = 4 * MAX_LAYERS + 3


def pack(info: RunInfo) -> bytes:
    """A run on disk as one safetensors file, its weights as they are stored. Raises RunError."""
    from safetensors.torch import load, save

    load_run(info.folder)  # raises, should anything be wrong with it
    try:
        text = (info.folder / "run.json").read_text(encoding="utf-8")
        weights = load((info.folder / "weights.safetensors").read_bytes())
    except OSError as error:
        raise RunError(f"{info.folder} cannot be read: {error.strerror}") from None
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
    return found if isinstance(found, dict) else {}


def metadata(raw: bytes) -> dict:
    """What `pack` put beside the weights, {} for any other file."""
    entries = header(raw)
    found = entries.get("__metadata__")
    is_run = isinstance(found, dict) and "run" in found and len(entries) <= MAX_TENSORS + 1
    return found if is_run else {}


def unpack(raw: bytes, folder: Path, name: str = "") -> RunInfo:
    """Write a packed run below a folder, under its own name or `name`, made free (name-2, ...).

    Raises RunError, and then leaves nothing behind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, save

    found = metadata(raw)
    text, stored_name = found.get("run"), name or found.get("name")
    if not (isinstance(text, str) and isinstance(stored_name, str)):
        raise RunError("the file is damaged or is no run that was downloaded here")
    name = safe_name(stored_name)
    try:
        weights = save(load(raw))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"the weights in the file are damaged ({error})"[:300]) from None
    with library.staging(folder) as place:
        path = place / name
        path.mkdir()
        (path / "weights.safetensors").write_bytes(weights)
        (path / "run.json").write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            load_run(path)
        except RunError as error:
            raise RunError(str(error).replace(str(path), name)) from None
        return read_info(library.settle(path, folder))
