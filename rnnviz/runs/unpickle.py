"""What a pickle says, as plain data: nothing that it names is imported, called or made.

Each class and function becomes a `Stand`, which holds what the pickle would have given it. A name
that is not on the list is refused before anything is made of the pickle, so that a person hears of
it: nobody can know what its class would have done to the weights.
"""

from __future__ import annotations

import pickle
import pickletools
from dataclasses import dataclass
from typing import Any, BinaryIO

from rnnviz.runs.advice import FLOATS, STATE, instead, save
from rnnviz.runs.info import RunError

MAX_STEPS = 2**20  # instructions of a pickle; each may take a few hundred bytes of memory

STORAGES = {
    f"torch.{name}Storage": dtype
    for name, dtype in {
        "Float": "float32",
        "Double": "float64",
        "Half": "float16",
        "BFloat16": "bfloat16",
        "Long": "int64",
        "Int": "int32",
        "Short": "int16",
        "Char": "int8",
        "Byte": "uint8",
        "Bool": "bool",
        "ComplexFloat": "complex64",
        "ComplexDouble": "complex128",
    }.items()
}
VIEWS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
WRAPPED = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
TYPED = "torch._tensor._rebuild_from_type_v2"
TENSORS = {*VIEWS, *WRAPPED, TYPED}
MODULES = {
    *("sparse.Embedding", "rnn.LSTM", "rnn.GRU", "rnn.RNN", "linear.Linear", "dropout.Dropout"),
    *("rnn.LSTMCell", "rnn.GRUCell", "rnn.RNNCell", "activation.LogSoftmax", "activation.Softmax"),
    *("container.Sequential", "container.ModuleList", "container.ModuleDict"),
    *("loss.CrossEntropyLoss", "loss.NLLLoss"),
}
MODULES = {f"torch.nn.modules.{name}" for name in MODULES}
MODULES |= {"torch.nn.parallel.data_parallel.DataParallel"}
MODULES |= {"model.RNNModel", "__main__.RNNModel"}  # of word_language_model
MODULES |= {"rnnviz.nn.model.RNNModel", "rnnviz.model.RNNModel"}  # ours, and where it was before
MODULES |= {"rnnviz.nn.cpu_recurrence.GRU", "rnnviz.nn.cpu_recurrence.RNN"}
MODULES |= {"rnnviz.nn.dropout.Dropout"}
BUILTINS = ("set", "frozenset", "list", "dict", "tuple", "int", "float", "str", "bool", "complex")
BUILTINS += ("bytes", "object", "long", "unicode")
PLAIN = {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in BUILTINS}
PLAIN |= {f"collections.{name}" for name in ("OrderedDict", "defaultdict", "Counter", "deque")}
PLAIN |= {"argparse.Namespace", "types.SimpleNamespace", "datetime.datetime", "typing.Any"}
PLAIN |= {
    f"{module}.{name}"
    for module in ("pathlib", "pathlib._local")
    for name in ("Path", "PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")
}
PLAIN |= {"torch.Size", "torch.device", "torch.Tensor", "torch.nn.parameter.Parameter"}
PLAIN |= {"torch.nn.parameter.Buffer"}
PLAIN |= {f"torch.{dtype}" for dtype in STORAGES.values()}
PLAIN |= {"numpy.dtype", "numpy.ndarray", "_codecs.encode"}
PLAIN |= {
    f"numpy.{module}.multiarray.{name}"
    for module in ("core", "_core")
    for name in ("scalar", "_reconstruct")
}
# What programs keep beside the weights.
PACKAGES = ("lightning.", "pytorch_lightning.", "lightning_fabric.", "torch.optim.")
PACKAGES += ("omegaconf.", "torchtext.")
# A part of a name that is not on the list -> what such a file holds, what to save instead.
REASONS = {
    **dict.fromkeys(
        ("quantiz", "qtensor", ".QInt", ".QUInt", ".per_", "ScriptObject", "PackedParams", "qint8"),
        ("holds quantized weights: take the model as it was before that", STATE),
    ),
    "sparse": ("holds a sparse tensor: save its numbers as they are", FLOATS),
    "_meta_": ("holds tensors without numbers (device meta): save the trained model", STATE),
    **dict.fromkeys(
        ("_rebuild_tensor_v3", "UntypedStorage"),
        ("holds numbers of a kind that is not read, such as float8: save them as floats", FLOATS),
    ),
    "torch.distributed": (
        "holds weights that are divided among processes: gather them in one, then",
        STATE,
    ),
}


class Stand(dict):
    """Stands in for an object of a pickle: `args` that made it, its items, its state, and those
    items of the state that are attributes."""

    __slots__ = ("args", "attributes", "listed", "state")
    path = ""  # the name in the pickle

    def __new__(cls, *args: Any, **_: Any):
        made = super().__new__(cls)
        made.args, made.attributes, made.listed, made.state = args, {}, [], None
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        """The arguments of a dict-like class are no items of this dict."""

    def __setstate__(self, state: Any) -> None:
        self.state = state
        state = state[0] if isinstance(state, tuple) and len(state) == 2 else state
        self.attributes = state if isinstance(state, dict) else {}

    def append(self, item: Any) -> None:
        self.listed.append(item)

    add = append

    __hash__ = object.__hash__  # it may be an item of a set
    __eq__ = object.__eq__


@dataclass(frozen=True)
class Stored:
    """Numbers that lie beside the pickle: torch's name of their type, their key, how many."""

    dtype: str
    key: str
    count: int


class _Outline(pickle.Unpickler):
    """Reads a pickle with stand-ins for whatever it names."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        super().__init__(stream, encoding="utf-8", errors="replace")
        self.file = file
        self.stands: dict[str, type[Stand]] = {}
        self.stored: dict[str, Stored] = {}

    def find_class(self, module: str, name: str) -> type[Stand]:
        path = f"{module}.{name}"
        if path not in self.stands:
            _check_name(path, self.file)
            self.stands[path] = type("Stand", (Stand,), {"path": path, "__slots__": ()})
        return self.stands[path]

    def persistent_load(self, pid: Any) -> Any:
        kind, what, *more = pid
        if kind == "module":  # of a file of before PyTorch 1.6: its class and that one's source
            return what
        key, _, count, *view = more
        if kind != "storage" or view not in ([], [None]) or what.path not in STORAGES:
            raise ValueError("numbers that are stored in an unknown way")
        stored = Stored(STORAGES[what.path], str(key), int(count))
        return self.stored.setdefault(stored.key, stored)


def _check_name(path: str, file: str) -> None:
    known = {*STORAGES, *TENSORS, *MODULES, *PLAIN}
    if path in known or path.startswith(PACKAGES):
        return
    if "Transformer" in path:
        raise RunError(f"{file} holds a transformer, where RNNs are read: {instead(file)}")
    for part, (reason, what) in REASONS.items():
        if part in path:
            raise RunError(f"{file} {reason}: {save(what, file)}")
    raise RunError(
        f"{file} needs {path[:80]!r}, which is not read here: convert the file where it was made: "
        f"{save(STATE, file)}"
    )


def outline(stream: BinaryIO, file: str) -> tuple[Any, dict[str, Stored]]:
    """The next pickle of a stream, with a `Stand` for each object, and all `Stored` in it by key.

    Raises RunError for a name that is not on the list, ValueError for a pickle that is too large,
    and whatever a damaged one makes Python raise.
    """
    start = stream.tell()
    for step, (code, what, _) in enumerate(pickletools.genops(stream)):
        # What is kept at place n of the memo makes Python reserve n places.
        far = code.name in ("PUT", "LONG_BINPUT") and (what or 0) > MAX_STEPS
        if step > MAX_STEPS or far:
            raise ValueError("its pickle is too large")
    stream.seek(start)
    reader = _Outline(stream, file)
    return reader.load(), reader.stored


def is_tensor(value: Any) -> bool:
    """Whether a stand-in is that of a tensor."""
    return isinstance(value, Stand) and type(value).path in TENSORS
