"""The tensors, by name, in a .pt or .safetensors file of others. Nothing in the file is run.

Only tensors and stand-ins for a few module classes are unpickled, and every name in the pickle is
checked before torch reads it.
"""

from __future__ import annotations

import io
import pickletools
import threading
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs import archive
from rnnviz.runs.info import RunError

if TYPE_CHECKING:
    from torch import Tensor

CONVERT = 'torch.save(model.state_dict(), "model.pt")'
MAX_PICKLE = 2**20  # bytes; that of a model holds a few names and sizes
PARTS = {"embedding": "embedding", "rnn": "rnn", "projection": "projection"}
PARTS |= {"encoder": "embedding", "decoder": "projection"}  # word_language_model's names
MODULES = ("sparse.Embedding", "rnn.LSTM", "rnn.GRU", "rnn.RNN", "linear.Linear", "dropout.Dropout")
SHELLS = ("model.RNNModel", "__main__.RNNModel")  # of word_language_model
SHELLS += ("rnnviz.nn.model.RNNModel", "rnnviz.model.RNNModel")  # ours, and where it was before
SHELLS += tuple(f"torch.nn.modules.{name}" for name in MODULES)
PLAIN = {f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16")}
PLAIN |= {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"}
PLAIN |= {"collections.OrderedDict", "__builtin__.set", "builtins.set"}
TIED = ("embedding.weight", "projection.weight")
_loading = threading.Lock()  # torch keeps what may be unpickled in one global set


class _Shell:
    """Stands in for a module class: takes the attributes in the file, does nothing."""


@dataclass(frozen=True, eq=False)
class Found:
    """A model in a file: tensors under the names of RNNModel.

    `examples`: whether it is word_language_model's; `rnn_type`: None when the file does not say.
    """

    tensors: dict[str, Tensor]
    examples: bool
    rnn_type: str | None = None


def read_model(raw: bytes, file: str) -> Found:
    """The tensors in a .pt or .safetensors file. Raises RunError for anything else."""
    if raw[:2] == b"PK":
        held = _unpickle(raw, file)
    elif archive.header(raw):
        held = _safetensors(raw, file)
    else:
        raise RunError(
            f"{file} is no model: a .safetensors file, or a .pt file that torch.save of "
            "PyTorch 1.6 or newer wrote, is read"
        )
    rnn_type = None
    if isinstance(held, _Shell):
        held, rnn_type = _flat(held)
    tensors: dict[str, Tensor] = {}
    examples = False
    for key, tensor in _items(held):
        key = key if isinstance(key, str) else ""
        part, _, rest = key.partition(".")
        if part not in PARTS or not rest:
            what = repr(key[:80]) if key else "more than tensors by name"
            what = "a transformer" if part in ("input_emb", "pos_encoder") else what
            raise RunError(
                f"{file} holds {what}: an LSTM, GRU or RNN with encoder and decoder, or "
                "embedding and projection, is read"
            )
        tensors[f"{PARTS[part]}.{rest}"] = tensor
        examples |= part in ("encoder", "decoder")
    for here, there in (TIED, TIED[::-1]):  # a tied matrix may be stored once, under either name
        if here in tensors:
            tensors.setdefault(there, tensors[here])
    return Found(tensors, examples, rnn_type)


def _safetensors(raw: bytes, file: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(raw)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{file} is damaged ({error})"[:300]) from None


def _unpickle(raw: bytes, file: str) -> Any:
    """What torch.save wrote: tensors and shells. Refuses any other name before torch reads."""
    import torch

    _look(raw, file)
    shells: list[Any] = [(_Shell, name) for name in SHELLS]
    try:
        with _loading, torch.serialization.safe_globals(shells):
            return torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged pickle makes torch raise
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise RunError(f"{file} is damaged, or torch.save did not write it ({reason})") from None


def _look(raw: bytes, file: str) -> None:
    """Refuse a zip that grows when it is read, and a pickle that names what is not known."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            entries = parts.infolist()
            if sum(entry.file_size for entry in entries) > len(raw):
                raise RunError(f"{file} grows when it is read, which no file of torch.save does")
            pickles = [e for e in entries if e.filename.rpartition("/")[2] == "data.pkl"]
            if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE:
                raise RunError(f"{file} is a zip file, but none that torch.save wrote")
            held = parts.read(pickles[0])
        names = [_named(code.name, what) for code, what, _ in pickletools.genops(held)]
    except RunError:
        raise
    except Exception as error:  # whatever a damaged zip file makes zipfile raise
        raise RunError(f"{file} is damaged ({error})"[:300]) from None
    for name in filter(None, names):
        if "Transformer" in name:
            raise RunError(f"{file} holds a transformer: an LSTM, GRU or RNN is read")
        if name not in PLAIN and name not in SHELLS:
            raise RunError(
                f"{file} needs {name[:80]!r}, which is not read here; convert the file where "
                f"it was made: {CONVERT}"
            )


def _named(code: str, what: Any) -> str | None:
    """What a pickle's instruction imports."""
    if code in ("GLOBAL", "INST"):
        return what.replace(" ", ".", 1)
    return "a name put together at run time" if code == "STACK_GLOBAL" else None


def _flat(shell: _Shell) -> tuple[dict[str, Any], str | None]:
    """Tensors of a whole module by name, and its cell type as its own attributes give it."""
    modules = dict(_items(vars(shell).get("_modules")))
    parts = {part: vars(modules[part]) for part in PARTS if isinstance(modules.get(part), _Shell)}
    flat = {
        f"{part}.{name}": tensor
        for part, attributes in parts.items()
        for name, tensor in _items(attributes.get("_parameters"))
        if isinstance(name, str)
    }
    mode = parts.get("rnn", {}).get("mode")
    return flat, mode if isinstance(mode, str) and mode in RNN_TYPES else None


def _items(held: Any) -> Iterable[tuple[Any, Any]]:
    """Of a dict its items, whatever methods a pickle has hidden by attributes; else nothing."""
    return dict.items(held) if isinstance(held, dict) else ()
