"""torch's recurrent modules as users have them: subclassed, hooked, in training mode."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnviz.nn import cells
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.cpu_recurrence import TrainedOnCpu

State = Tensor | tuple[Tensor, Tensor] | None  # h, of an LSTM (h, c)
TORCH = "torch.nn.modules.rnn"
NAMES = {"LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"}
NO_VALUES = "the module is on the meta device: its weights have no values"


def base_of(module: nn.Module) -> Any:
    """torch's own class of a recurrent module or cell, which may be of a subclass."""
    return next(cls for cls in type(module).__mro__ if cls.__module__ == TORCH)


def overrides_forward(module: nn.Module) -> bool:
    """Whether it is neither torch's own nor that of our models, which computes the same."""
    known = base_of(module).forward, TrainedOnCpu.forward
    return type(module).forward not in known or "forward" in vars(module)


def is_recurrent(module: nn.Module) -> bool:
    """Whether it is a recurrent module or cell of torch, also one scripted or quantized."""
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return True
    from_torch = type(module).__module__.startswith("torch.")
    return from_torch and getattr(module, "original_name", type(module).__name__) in NAMES


def why_unseen(module: nn.Module, compiled: set[nn.Module]) -> str:
    """Why no call of a recurrent module can be traced, "" if each can."""
    if isinstance(module, torch.jit.ScriptModule):
        return "a scripted module runs outside Python: record the model that it was made from"
    if not isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return "a quantized module has no weights to compute with: record the float model"
    if module in compiled and not isinstance(module, nn.RNNBase):
        return "a compiled cell's calls are not seen: record the model that it was made from"
    return ""


def uncompiled(module: nn.Module, hook: Callable[..., None]) -> Callable[..., None]:
    """The hook as it is, or kept out of torch.compile, which runs recurrent modules in Python but
    would compile the hook."""
    if "torch._dynamo" in sys.modules and isinstance(module, nn.RNNBase):
        return torch.compiler.disable(hook)
    return hook


def compiled_modules(model: nn.Module) -> set[nn.Module]:
    """The modules inside of those that torch.compile has replaced."""
    found: set[nn.Module] = set()
    for module in model.modules():
        wrapped = type(module).__name__ == "OptimizedModule"
        if wrapped or getattr(module, "_compiled_call_impl", None) is not None:
            found.update(module.modules())
    return found


def drops_units(rnn: nn.RNNBase) -> bool:
    """Whether a call of the module drops units between its layers."""
    return rnn.training and rnn.dropout > 0 and rnn.num_layers > 1


def eval_copy(module: nn.Module) -> Any:
    """A copy in eval mode that shares the tensors; what is set on it does not reach the module."""
    copy = module.__new__(type(module))
    copy.__dict__ = module.__dict__ | {"training": False}
    for name in ("_parameters", "_buffers", "_modules"):
        copy.__dict__[name] = dict(module.__dict__[name])
    for name, child in module._modules.items():
        copy._modules[name] = child if child is None else eval_copy(child)
    if isinstance(module, nn.RNNBase):
        copy.__dict__["_flat_weights"] = list(module._flat_weights)
    return copy


def plain_copy(rnn: nn.RNNBase, weights: Sequence[Tensor]) -> nn.RNNBase:
    """A module of torch's own class in eval mode, with these weights in the order of its own: no
    hooks, no parametrizations, no forward of a subclass."""
    base = base_of(rnn)
    plain = base.__new__(base)
    plain.__dict__ = {
        **{name: value for name, value in vars(rnn).items() if name != "forward"},
        **{name: {} for name in ("_parameters", "_buffers", "_modules")},
        **dict(zip(rnn._flat_weights_names, weights, strict=True)),
        "_flat_weights": list(weights),
        "_flat_weight_refs": [None] * len(weights),  # which do not tell of changed weights
        "training": False,
    }
    return plain


def input_and_state(module: nn.Module, args: tuple, kwargs: dict) -> tuple[Any, State]:
    """Input and state among the arguments of a module's forward, by place or by name: the first
    two, whatever a subclass calls them, unless one of the others is called hx. Those that it
    takes as *args and **kwargs have the names that torch gives them."""
    names = [p.name for p in takewhile(_is_named, signature(module.forward).parameters.values())]
    names += ("input", "hx")[len(names) :]
    given = dict(zip(names, args, strict=False)) | kwargs
    return given.get(names[0]), given.get("hx" if "hx" in names else names[1])


def _is_named(parameter: Parameter) -> bool:
    return parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def after_pre_hooks(module: nn.RNNBase, x: Any, state: State) -> tuple[Any, State]:
    """The input and state that forward is given once the module's forward pre-hooks have run."""
    args: tuple = (x,) if state is None else (x, state)
    kwargs: dict[str, Any] = {}
    for key, hook in module._forward_pre_hooks.items():
        if key in module._forward_pre_hooks_with_kwargs:
            changed = hook(module, args, kwargs)
            args, kwargs = (args, kwargs) if changed is None else changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    return input_and_state(module, args, kwargs)


def check_input(rnn: nn.RNNBase, x: Tensor | PackedSequence, state: State) -> None:
    """Raises ValueError for an input or state that does not fit the module, naming the sizes."""
    order = "batch, steps" if rnn.batch_first else "steps, batch"
    wanted = (
        f"x must be a tensor ({order}, {rnn.input_size}) or (steps, {rnn.input_size}), "
        "or a PackedSequence of such rows"
    )
    packed = isinstance(x, PackedSequence)
    values = x.data if isinstance(x, PackedSequence) else x
    axes = (2,) if packed else (2, 3)
    if not isinstance(values, Tensor):
        raise ValueError(f"{wanted}, not {type(x).__name__}")
    if values.dim() not in axes or values.shape[-1] != rnn.input_size:
        raise ValueError(f"{wanted}, not {type(x).__name__} of {tuple(values.shape)}")
    if 0 in values.shape:
        raise ValueError(f"x {tuple(values.shape)} has no steps to trace")
    weight = rnn.all_weights[0][0]
    if weight.device.type == "meta":
        raise ValueError(NO_VALUES)
    if (values.dtype, values.device) != (weight.dtype, weight.device):
        raise ValueError(
            f"x is {values.dtype} on {values.device}, "
            f"where the weights are {weight.dtype} on {weight.device}"
        )
    if state is not None:
        _check_state(rnn, x, state)


def _check_state(rnn: nn.RNNBase, x: Tensor | PackedSequence, state: State) -> None:
    if isinstance(x, PackedSequence):
        rows = [int(x.batch_sizes[0])]
    else:
        rows = [] if x.dim() == 2 else [x.shape[0 if rnn.batch_first else 1]]
    count = rnn.num_layers * (2 if rnn.bidirectional else 1)
    has_c = CELL_TYPES[cells.kind_of(rnn)].has_cell_state
    sizes = [rnn.proj_size or rnn.hidden_size] + [rnn.hidden_size] * has_c
    wanted = [(count, *rows, size) for size in sizes]
    given = list(state) if has_c and isinstance(state, (tuple, list)) else [state]
    shapes = [tuple(s.shape) if isinstance(s, Tensor) else type(s).__name__ for s in given]
    if shapes != wanted:
        named = " and ".join(f"{name} {shape}" for name, shape in zip("hc", wanted, strict=False))
        raise ValueError(f"state must be {named}, not {' and '.join(map(str, shapes))}")
