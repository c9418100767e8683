"""`record`: traces of the recurrent modules inside a model, which runs as it does without us."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnviz.analysis.cell_loops import CellLoop
from rnnviz.analysis.own_forward import check_own
from rnnviz.analysis.rnn_modules import (
    State,
    check_input,
    compiled_modules,
    drops_units,
    input_and_state,
    is_recurrent,
    overrides_forward,
    plain_copy,
    uncompiled,
    why_unseen,
)
from rnnviz.analysis.traces import Trace
from rnnviz.analysis.tracing import trace_layers

DROPPED = "units were dropped between layers in training mode; the trace is that of eval mode"
NONE_FOUND = "the model has no LSTM, GRU, RNN or cell of torch.nn whose calls can be seen"


@dataclass(frozen=True)
class Untraced:
    """Stands in a list of `record` for what could not be traced; `reason` is a sentence."""

    reason: str


Traces = dict[str, list[Trace | Untraced]]


@contextmanager
def record(model: nn.Module) -> Generator[Traces]:
    """Trace every recurrent module of a model at each call that this thread makes.

    Yields a dict: the module's qualified name (each one, if it has several) -> its Traces in the
    order of the calls. Calls of an LSTMCell, GRUCell or RNNCell whose state is what the last call
    gave are one sequence, which is traced when the next one begins or the block ends. The model
    gives the outputs, gradients, random numbers and errors that it gives without `record`; what
    cannot be traced leaves an Untraced in the list, the first of them with a warning. Example:
    `with rnnviz.record(model) as traces: model(batch)`, then `traces["rnn"][0]`.
    """
    recorder = _Recorder(model)
    try:
        yield recorder.traces
    finally:
        recorder.end()


@dataclass
class _Hook:
    """A forward hook; the copies that a copy of the model has, also by pickle, do nothing.

    torch calls it without the keywords of the call while another thread registers or removes it,
    and once more after its end, if that comes during a call: then there is nothing to record.
    """

    call: Callable[..., None] = lambda *_: None

    def __call__(self, *call: Any) -> None:
        if len(call) == 4:  # module, arguments, keywords, output
            self.call(*call)

    def __reduce__(self) -> tuple:
        return _Hook, ()


class _Recorder:
    """Forward hooks on the modules of one model. They raise nothing and change nothing."""

    def __init__(self, model: nn.Module) -> None:
        self.lists: dict[nn.Module, list[Trace | Untraced]] = {}
        self.traces: Traces = {}
        self.loops: dict[nn.Module, CellLoop] = {}
        self.hooks: list[Any] = []
        self.thread = threading.get_ident()
        self.ended = self.warned = False
        for name, module in model.named_modules(remove_duplicate=False):
            if is_recurrent(module):
                self.traces[name] = self.lists.setdefault(module, [])
        if not self.lists:
            self.traces[""] = self.lists[model] = []
        compiled = compiled_modules(model)
        for module in self.lists:
            reason = why_unseen(module, compiled) if is_recurrent(module) else NONE_FOUND
            if reason:
                self._leave(module, Untraced(reason))
            else:
                # First of all hooks: it sees what the module gave, not what others made of it.
                hook = module.register_forward_hook(
                    _Hook(uncompiled(module, self._after)), with_kwargs=True, prepend=True
                )
                self.hooks.append(hook)

    def end(self) -> None:
        self.ended = True
        for hook in self.hooks:
            hook.remove()
        for cell in list(self.loops):
            self._end_loop(cell)

    def _after(self, module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        if torch.compiler.is_compiling() or self.ended or threading.get_ident() != self.thread:
            return
        with self._safely(module):
            if torch.jit.is_tracing() or _is_captured():
                raise ValueError("the call is itself recorded, by torch.jit or a CUDA graph")
            x, state = input_and_state(module, args, kwargs)
            if isinstance(module, nn.RNNBase):
                self._leave(module, _call(module, x, state, output))
            else:
                self._add_to_loop(module, x, state, output)

    def _add_to_loop(self, cell: Any, x: Tensor, state: State, output: State) -> None:
        loop = self.loops.get(cell)
        if loop is None or not loop.goes_on(x, state):
            self._end_loop(cell)
            loop = CellLoop.begin(cell, state)
        loop.add(x, state, output)
        self.loops[cell] = loop

    def _end_loop(self, cell: nn.Module) -> None:
        loop = self.loops.pop(cell, None)
        if loop is not None:
            with self._safely(cell):
                self._leave(cell, loop.trace())

    @contextmanager
    def _safely(self, module: nn.Module) -> Generator[None]:
        """Whatever is wrong leaves an Untraced."""
        try:
            yield
        except Exception as error:  # of a model that may be anything
            self._leave(module, Untraced(_sentence(error)))

    def _leave(self, module: nn.Module, found: Trace | Untraced) -> None:
        self.lists[module].append(found)
        if isinstance(found, Untraced) and not self.warned:
            self.warned = True
            name = next(n for n, entries in self.traces.items() if entries is self.lists[module])
            with suppress(Warning):  # where warnings are errors, the model's call goes on
                warnings.warn(f"{name or 'the module'} is not traced: {found.reason}", stacklevel=2)


def _sentence(error: Exception) -> str:
    """Why a call is not traced."""
    text, name = " ".join(str(error).split())[:300], type(error).__name__
    if isinstance(error, ValueError) and text:
        return text
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "the call runs inside a transform of torch.func"
    if "INTERNAL ASSERT" in text or type(error).__module__.startswith("torch."):
        return f"{name} inside torch"  # the text is for those who develop it
    return f"{name}: {text}"


def _is_captured() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()


def _call(rnn: nn.RNNBase, x: Any, state: State, output: Any) -> Trace:
    """The trace of one call. Autocast gives inputs of another dtype; the trace has that of the
    weights. Raises ValueError, also for a forward that gave something else than torch's own."""
    used = [weight for weight in rnn._flat_weights if weight is not None]  # by this call
    plain, dtype = plain_copy(rnn, used), used[0].dtype
    x, state = _cast(x, dtype), _cast(state, dtype)
    if overrides_forward(rnn):
        check_own(rnn, plain, x, state, output)
    check_input(plain, x, state)
    if drops_units(rnn):
        return trace_layers(plain, x, state, note=DROPPED)
    return trace_layers(plain, x, state, output)


def _cast(given: Any, dtype: torch.dtype) -> Any:
    """An input or a state with its floating-point numbers in another dtype."""
    if isinstance(given, (Tensor, PackedSequence)):
        return given.to(dtype) if given.data.is_floating_point() else given
    if isinstance(given, (tuple, list)):
        return tuple(_cast(part, dtype) for part in given)
    return given
