"""Texts and whole numbers that a pickle holds in objects of numpy, torch or older Pythons.

Their bytes are read; nothing of the pickle is run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rnnviz.runs.torch_file import Contents, tensor
from rnnviz.runs.unpickle import Stand, is_tensor

if TYPE_CHECKING:
    import numpy as np

KINDS = re.compile(r"[SU]\d{1,4}|[iu][1248]")  # texts and whole numbers of numpy


def plain(value: Any, contents: Contents) -> Any:
    """A text, bytes, number or list for a stand-in of one; anything else as it is."""
    try:
        return _plain(value, contents)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # a damaged stand-in
        return value


def _plain(value: Any, contents: Contents) -> Any:
    import torch

    if isinstance(value, torch.Tensor) or is_tensor(value):
        made = tensor(value, contents, "")
        whole = not made.is_floating_point() and not made.is_complex() and made.dim() < 2
        return made.tolist() if whole else value
    if not isinstance(value, Stand):
        return value
    name = type(value).path.rpartition(".")[2]
    if name in ("encode", "bytes"):
        return _bytes(value)
    if name == "scalar":
        return _row(value.args[0], _bytes(value.args[1]))[0].item()
    if name == "_reconstruct":
        _, shape, dtype, _, content = value.state
        if len(shape) == 1:
            return content if isinstance(content, list) else _row(dtype, _bytes(content)).tolist()
    return value


def _bytes(value: Any) -> bytes:
    """Bytes, which pickles of protocol 2 hold as a text that is to be encoded."""
    if isinstance(value, bytes):
        return value
    return value.args[0].encode("latin1") if value.args else b""


def _row(dtype: Stand, content: bytes) -> np.ndarray:
    """A row of texts or whole numbers (N,). Raises ValueError for other numbers."""
    import numpy as np

    kind, order = dtype.args[0], dtype.state[1]
    if not KINDS.fullmatch(kind) or order not in ("<", ">", "|", "="):
        raise ValueError("neither texts nor whole numbers")
    return np.frombuffer(content, np.dtype(order + kind))
