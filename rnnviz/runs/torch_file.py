"""What torch.save wrote, as plain data and tensors: zip files, and those of before PyTorch 1.6."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnviz.runs.advice import save
from rnnviz.runs.info import RunError
from rnnviz.runs.other_files import refuse_zip
from rnnviz.runs.unpickle import TYPED, WRAPPED, Stand, Stored, is_tensor, outline

if TYPE_CHECKING:
    from torch import Tensor

MAX_PICKLE = 2**24  # bytes; that of a model holds names, sizes and perhaps a vocabulary
MAX_GROWTH, MAX_COMPRESSED = 16, 2**28  # times its size, bytes: what a compressed file may hold
OLD = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # how a file of before 1.6 begins


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds: dicts, lists, texts, numbers, and tensors or stand-ins of them.

    `read` gives the bytes of numbers that lie beside the pickle, `numbers` keeps what was read.
    """

    held: Any
    read: Callable[[Stored], bytes] = field(default=lambda stored: b"")
    numbers: dict[str, Tensor] = field(default_factory=dict)


def is_torch_file(raw: bytes) -> bool:
    return raw[:2] == b"PK" or raw.startswith(OLD)


def read_torch(raw: bytes, file: str) -> Contents:
    """What torch.save wrote; nothing in it is run. Raises RunError."""
    try:
        return _zipped(raw, file) if raw[:2] == b"PK" else _old(raw, file)
    except RunError:
        raise
    except Exception as error:  # whatever a damaged file makes zipfile and pickle raise
        raise damaged(file, error) from None


def damaged(file: str, error: Exception) -> RunError:
    reason = " ".join(str(error).split())[:150] or type(error).__name__
    return RunError(
        f"{file} is damaged, or torch.save did not write it ({reason}): fetch or save it again"
    )


def _zipped(raw: bytes, file: str) -> Contents:
    parts = zipfile.ZipFile(io.BytesIO(raw))
    entries = {entry.filename: entry for entry in parts.infolist()}
    refuse_zip(list(entries), file)
    most = max(len(raw), min(MAX_GROWTH * len(raw), MAX_COMPRESSED))
    if sum(entry.file_size for entry in parts.infolist()) > most:
        raise RunError(
            f"{file} grows beyond {most >> 10:,} KB when it is read, as it was compressed after "
            "torch.save wrote it: write it anew: "
            f"{save(f'torch.load({file!r}, weights_only=True)', file)}"
        )
    pickles = [name for name in entries if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1 or entries[pickles[0]].file_size > MAX_PICKLE:
        raise RunError(
            f"{file} is a zip file, but none that torch.save wrote: give a file of torch.save"
        )
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in entries and _part(parts, f"{folder}byteorder") != b"little":
        raise RunError(f"{file} was written on a big-endian machine: save it as .safetensors there")
    held, _ = outline(io.BytesIO(_part(parts, pickles[0])), file)
    return Contents(held, lambda stored: _part(parts, f"{folder}data/{stored.key}"))


def _part(parts: zipfile.ZipFile, name: str) -> bytes:
    """A part of a zip file, of which no more is unpacked than it says that it holds."""
    entry = parts.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("compressed in a way that is not read")
    with parts.open(entry) as part:
        return part.read(entry.file_size)  # without a size it would unpack all


def _old(raw: bytes, file: str) -> Contents:
    """A file of before PyTorch 1.6: five pickles, of which the fourth is what was saved and the
    last the keys of what follows: for each a count of numbers (8 bytes) and the numbers."""
    import torch

    stream = io.BytesIO(raw)
    stream.seek(len(OLD))
    protocol, system, (held, stored), keys = (outline(stream, file) for _ in range(4))
    if protocol[0] != 1001 or not system[0]["little_endian"]:
        raise ValueError("an unknown version")
    place, places = stream.tell(), {}
    for key in map(str, keys[0]):
        count = int.from_bytes(raw[place : place + 8], "little")
        end = place + 8 + count * getattr(torch, stored[key].dtype).itemsize
        places[key], place = slice(place + 8, end), end
    return Contents(held, lambda stored: raw[places[stored.key]])


def tensor(value: Any, contents: Contents, file: str) -> Tensor:
    """The tensor that a stand-in of a file stands for; a tensor is given back. Raises RunError."""
    import torch

    try:
        return value if isinstance(value, torch.Tensor) else _made(value, contents)
    except Exception as error:  # whatever sizes that do not fit make torch raise
        raise damaged(file, error) from None


def _made(value: Any, contents: Contents) -> Tensor:
    """The tensor of a stand-in. Raises ValueError, TypeError, KeyError or RuntimeError."""
    import torch

    if not is_tensor(value):
        raise TypeError("what should be a tensor is none")
    path, args = type(value).path, value.args
    if path in WRAPPED:
        return _made(args[0], contents)
    if path == TYPED:
        make, _, inner, *_ = args
        if not (isinstance(make, type) and issubclass(make, Stand)):
            raise TypeError("what should be a tensor is none")
        return _made(make(*inner), contents)
    stored, offset, size, stride = args[:4]
    numbers = _numbers(stored, contents)
    if 0 not in size:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if min((offset, *size, *stride)) < 0 or last >= len(numbers):
            raise ValueError("a tensor is larger than its numbers")
    return torch.as_strided(numbers, size, stride, offset)


def _numbers(stored: Stored, contents: Contents) -> Tensor:
    """The numbers of a file under one key, as one row."""
    import torch

    if stored.key not in contents.numbers:
        dtype, raw = getattr(torch, stored.dtype), bytearray(contents.read(stored))
        if len(raw) < stored.count * dtype.itemsize:
            raise ValueError("fewer numbers than it says")
        row = torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        contents.numbers[stored.key] = row
    return contents.numbers[stored.key]
