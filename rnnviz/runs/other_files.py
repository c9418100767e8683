"""Files that are no state_dict: what each is, told by its first bytes or its parts, and what to
run to get one that is read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from rnnviz.runs.advice import STATE, save
from rnnviz.runs.info import RunError

BEGINNINGS = {
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF",
    b"\x93NUMPY": "an array of numpy",
    b"\x89HDF": "an HDF5 file, as Keras writes them",
    b"GGUF": "a GGUF file",
}
OTHERS = (".t7", ".h5", ".hdf5", ".keras", ".onnx", ".tflite", ".pb", ".msgpack", ".gguf")
PACKED = (b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"Rar!")
SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})(\.\w+)")


def _accepted(file: str) -> str:
    return (
        "a .safetensors file is read, or what torch.save of PyTorch wrote (.pt, .pth, .ckpt, "
        f".bin), such as {save(STATE, file)}"
    )


def _copy(file: str) -> str:
    return (
        "copy its weights into an nn.Embedding, an nn.LSTM and an nn.Linear of a PyTorch module, "
        f"then {save(STATE, file)}"
    )


def refuse_other(raw: bytes, file: str) -> RunError:
    """The error for a file that neither torch.save nor safetensors wrote."""
    start = raw[:200].lstrip().lower()
    if not raw:
        return RunError(f"{file} is no model: it is empty; {_accepted(file)}")
    if file.lower().endswith(OTHERS):
        return RunError(f"{file} is a model of another program than PyTorch: {_copy(file)}")
    for beginning, what in BEGINNINGS.items():
        if raw.startswith(beginning):
            return RunError(f"{file} is no model that is read but {what}: {_accepted(file)}")
    if raw.startswith(PACKED) or raw[257:262] == b"ustar":
        return RunError(f"{file} is compressed: unpack it and give the model in it")
    if start.startswith(b"version https://git-lfs"):
        return RunError(
            f"{file} is no model but what Git LFS puts in its place: run `git lfs pull` where it "
            "is, or download it anew"
        )
    if start.startswith((b"<!doctype", b"<html")):
        return RunError(f"{file} is a web page: download the model itself")
    if start.startswith(b"{") and (index := _index(raw)):
        return RunError(f"{file} lists the {len(index)} parts of a model: join them: {join(index)}")
    if raw.startswith(b"\x80"):
        return RunError(
            f"{file} is no model: it is a pickle, but none that torch.save wrote; save the model "
            f"as {save(STATE, file)}"
        )
    return RunError(f"{file} is no model: {_accepted(file)}")


def _index(raw: bytes) -> list[str]:
    """The files that an index of a model in parts names."""
    try:
        found = json.loads(raw)["weight_map"]
        return sorted({str(part) for part in dict.values(found)})
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def join(parts: Sequence[str]) -> str:
    """A line of Python that makes one file of the parts of a model."""
    kind = "safetensors.torch.load_file" if parts[0].endswith(".safetensors") else "torch.load"
    module = kind.rpartition(".")[0]
    pattern = SHARD.sub(r"\1-*-of-\2\3", parts[0])
    return (
        f"import glob, torch, {module}; "
        + save(f"{{k: v for f in glob.glob({pattern!r}) for k, v in {kind}(f).items()}}", parts[0])
    ).replace("torch, torch;", "torch;")


def refuse_part(file: str) -> None:
    """Raises RunError for one of several parts of a model, which its name tells."""
    found = SHARD.fullmatch(file)
    if found and int(found[2]) > 1:
        raise RunError(
            f"{file} is one of {int(found[2])} parts of a model: join them: {join([file])}"
        )


def refuse_zip(names: Sequence[str], file: str) -> None:
    """Raises RunError for a zip file that others than torch.save write, as far as it is known."""
    inner = [name.rpartition("/")[2] for name in names]
    if "constants.pkl" in inner and not any(re.match(r"[^/]+/data/\d", name) for name in names):
        raise RunError(
            f"{file} is TorchScript that was frozen, a program without names of weights: where it "
            f"was made, save the weights before torch.jit.freeze: {save(STATE, file)}"
        )
    if "constants.pkl" in inner:
        raise RunError(
            f"{file} is TorchScript, a program with weights; save the weights alone: "
            f"{save(f'torch.jit.load({file!r}).state_dict()', file)}"
        )
    if any("/models/" in name and name.endswith(".json") for name in names):
        raise RunError(
            f"{file} is a program of torch.export; save its weights alone: "
            f"{save(f'torch.export.load({file!r}).state_dict', file)}"
        )
    models = [name for name in inner if re.search(r"\.(pt|pth|ckpt|bin|safetensors)$", name)]
    if models and "data.pkl" not in inner:
        raise RunError(f"{file} is compressed: unpack it and give {models[0][:80]!r}")
    if any(name.endswith((".npy", ".weights.h5")) for name in inner):
        raise RunError(f"{file} holds arrays of numpy or Keras: {_copy(file)}")
