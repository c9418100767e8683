"""Whether a module of a user gave what torch's own class gives with its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnviz.analysis.rnn_modules import State, base_of, check_input, drops_units

OTHER = 0.02  # of the largest number: what differs by more was computed in another way,
ROUNDINGS = 8  # unless so many roundings of its dtype explain it: 0.06 in bfloat16


def check_own(rnn: nn.RNNBase, plain: nn.RNNBase, x: Any, state: State, gave: Any) -> None:
    """Raises ValueError unless a forward of its own gave what that of its `plain_copy` gives."""
    own = f"{type(rnn).__name__} has a forward of its own"
    if type(plain) is nn.RNNBase:
        raise ValueError(f"{own}: subclasses of LSTM, GRU and RNN are traced")
    if drops_units(rnn):  # run again in eval mode, it may draw numbers or change what it keeps
        raise ValueError(
            f"{own}, which cannot be compared with torch's where units are dropped: record it in "
            "eval mode"
        )
    try:
        check_input(plain, x, state)
    except ValueError as error:
        raise ValueError(f"{own}: {error}") from None
    check_same(rnn, gave, run_as_now(plain, x, state))


def run_as_now(plain: nn.Module, x: Any, state: State) -> Any:
    """What a module of torch gives, under autocast where its caller is. The casts of weights and
    inputs that autocast keeps are left alone: made here, they would have no gradients."""
    keeps = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        with torch.no_grad():
            return plain.forward(x, state)
    finally:
        torch.set_autocast_cache_enabled(keeps)


def check_same(module: nn.Module, gave: Any, own: Any) -> None:
    """Raises ValueError if a module gave something else than torch's own forward (`run_as_now`)."""
    for seen, its in compared(gave, own):
        bound = _share(seen, its) * _largest(its)
        dtype = torch.promote_types(seen.dtype, its.dtype)
        seen, its = seen.detach().to(dtype), its.detach().to(dtype)
        if not torch.allclose(seen, its, rtol=0, atol=bound, equal_nan=True):
            raise ValueError(
                f"{type(module).__name__} gives something else than torch's own "
                f"{base_of(module).__name__} with its weights "
                f"(they differ by {(seen - its).abs().max().item():.1g})"
            )


def compared(gave: Any, own: Any) -> list[tuple[Tensor, Tensor]]:
    """What a module gave, each tensor beside that of torch's own forward: output and last states,
    or the first of these alone. Raises ValueError where the shapes differ."""
    found, wanted = _tensors(gave), _tensors(own)
    where = "where torch's gives"
    if not 1 <= len(found) <= len(wanted):
        given = f"{len(found) or 'no'} tensors {where} {len(wanted)}"
        raise ValueError(f"its own forward gives {given}: what it did cannot be compared")
    for part, its in zip(found, wanted, strict=False):
        if not isinstance(part, Tensor) or part.shape != its.shape:
            given = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            given = f"{given} {where} {tuple(its.shape)}"
            raise ValueError(f"its own forward gives {given}: what it did cannot be compared")
    return list(zip(found, wanted, strict=False))


def _tensors(given: Any) -> list[Any]:
    """(output, (h, c)) as [output, h, c], without what is None; packed sequences as their rows."""
    if isinstance(given, PackedSequence):
        return [given.data]
    if isinstance(given, (tuple, list)):
        return [tensor for part in given for tensor in _tensors(part)]
    return [] if given is None else [given]


def _share(*tensors: Tensor) -> float:
    """How far the numbers may differ, in units of the largest."""
    dtypes = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]
    return max(OTHER, *(ROUNDINGS * torch.finfo(dtype).eps for dtype in dtypes))


def _largest(tensor: Tensor) -> float:
    """The largest number that is finite, without its sign."""
    return tensor.detach().abs().nan_to_num(0, 0, 0).max().item() if tensor.numel() else 0.0
