"""The recurrent module among the tensors of a file: its layers under the names of one nn.LSTM.

Read are one module of any name, one nn.LSTMCell a layer, and a list of modules one upon another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product, takewhile
from typing import TYPE_CHECKING

from rnnviz.runs.advice import GATES, flags, instead, shown
from rnnviz.runs.info import RunError

if TYPE_CHECKING:
    from torch import Tensor

NAME = re.compile(r"(?:(.*)\.)?((?:weight|bias)_(?:ih|hh|hr))(?:_l(\d+))?(_reverse)?")
BIASES = ("bias_ih", "bias_hh")


class Ambiguous(RunError):
    """Several tensors or modules could be one part of the model; the message says `--map`."""


class OneMatrix(Ambiguous):
    """One matrix could be both ends of the model, or one of them."""


@dataclass(frozen=True, eq=False)
class Recurrent:
    """Layers as RNNModel names them (`rnn.weight_ih_l0`, ...), and the names they had before.

    Biases that the file lacks are zeros. `place`: the name of the module, of a list of modules, or
    the names that a person gave in order; `above`: what all of these lie below.
    """

    tensors: dict[str, Tensor]
    names: dict[str, str]
    place: str
    above: str

    @property
    def input_size(self) -> int:
        return self.tensors["rnn.weight_ih_l0"].shape[1]

    @property
    def hidden_size(self) -> int:
        return self.tensors["rnn.weight_hh_l0"].shape[1]


def is_recurrent(name: str) -> bool:
    """Whether a tensor of this name is one of an nn.LSTM, nn.GRU, nn.RNN or a cell of these."""
    last = re.sub(r"parametrizations\.(\w+)\..*", r"\1", name)
    return NAME.fullmatch(re.sub(r"_(raw|orig|mask|g|v|u)$", "", last)) is not None


def choices(tensors: Mapping[str, Tensor]) -> list[str]:
    """What a person can choose among: recurrent modules, a list of them as one."""
    names = list(_by_module(tensors))
    stacks: dict[str, list[str]] = {}
    for name in names:
        stacks.setdefault(_kind(name), []).append(name)
    found = []
    for stack in stacks.values():
        below = [name for name in names if name.startswith(f"{_place(stack)}.")]
        alone = len(stacks) == 1 or len(stack) == 1 or below == stack
        found += [_place(stack)] if alone else stack
    return [name or next(iter(tensors)) for name in found]


def _kind(name: str) -> str:
    """A name without numbers: modules of one kind stand one upon another."""
    return re.sub(r"\d+", "", name)


def _by_module(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if parts := NAME.fullmatch(name):
            found.setdefault(parts[1] or "", {})[name] = tensor
    return found


def find_recurrent(tensors: Mapping[str, Tensor], file: str, chosen: str | None) -> Recurrent:
    """The recurrent module of a model, or the one that was `chosen`: of several with commas between
    them each reads what the one before it gives. Raises RunError."""
    modules = _by_module(tensors)
    in_order = split_names(chosen or "", tensors)
    if chosen is not None:
        modules = {k: m for name in in_order for k, m in _chosen(modules, file, name).items()}
    if not modules:
        raise RunError(
            f"{file} holds no LSTM, GRU or RNN of PyTorch, none of weight_hh_l0: {instead(file)}"
        )
    for name in (name for module in modules.values() for name in module):
        _check_name(name, file)
    stack = list(modules) if len(in_order) > 1 else sorted(modules, key=_numbers)
    if len({*map(_kind, stack)}) > 1 and len(in_order) < 2:
        raise Ambiguous(
            f"{file} has several recurrent modules at {shown(str(chosen))}, {_listed(stack)}: say "
            f"which, or all in order if each reads what the one before it gives: "
            f"{flags({'rnn': stack[0]})} or {flags({'rnn': ','.join(modules)})}"
        )
    layers = [layer for name in stack for layer in _layers(modules[name], file)]
    _check_stack(layers, file)
    found, names = {}, {}
    for number, layer in enumerate(layers):
        for kind, (name, tensor) in layer.items():
            found[f"rnn.{kind}_l{number}"], names[f"rnn.{kind}_l{number}"] = tensor, name
        for kind in BIASES:
            zeros = layer["weight_hh"][1].new_zeros(len(layer["weight_hh"][1]))
            found.setdefault(f"rnn.{kind}_l{number}", zeros)
    place = ",".join(in_order) if len(in_order) > 1 else _place(stack)
    return Recurrent(found, names, place, _above(stack if len(in_order) > 1 else [place]))


def split_names(text: str, tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of modules or tensors with commas between them, unless the whole is such a name."""
    is_one = any(name == text or name.startswith(f"{text}.") for name in tensors)
    return [text] if is_one else text.split(",")


def _above(names: list[str]) -> str:
    """The path that all modules of these names lie below."""
    paths = zip(*(name.split(".")[:-1] for name in names), strict=False)
    return ".".join(words[0] for words in takewhile(lambda words: len({*words}) == 1, paths))


def _chosen(modules: dict, file: str, chosen: str) -> dict:
    kept = {name: m for name, m in modules.items() if name == chosen or chosen in m}
    # A name above several is that of a list of modules.
    kept = kept or {name: m for name, m in modules.items() if name.startswith(f"{chosen}.")}
    if not kept:
        raise RunError(
            f"{file} has no recurrent module {shown(chosen)}: it has {_listed(sorted(modules))}"
        )
    return kept


def _check_name(name: str, file: str) -> None:
    """Raises RunError for what RNNModel has not: a second direction, a projection of h."""
    what = ""
    if name.endswith("_reverse"):
        what = "is bidirectional, where a language model reads from left to right alone"
    elif "_hr" in name:
        what = "projects its states (proj_size), which no model here does"
    if what:
        raise RunError(f"{file} {what} ({shown(name)}): {GATES}")


def _place(stack: list[str]) -> str:
    """What names a module, or all of a list of modules."""
    return stack[0] if len(stack) == 1 else stack[0].rpartition(".")[0]


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names[:6])


def _layers(module: dict[str, Tensor], file: str) -> list[dict[str, tuple[str, Tensor]]]:
    """A module's layers in turn: kind -> (name, tensor). Raises RunError for one with gaps."""
    found: dict[int, dict[str, tuple[str, Tensor]]] = {}
    for name, tensor in module.items():
        parts = NAME.fullmatch(name)
        assert parts is not None
        found.setdefault(int(parts[3] or 0), {})[parts[2]] = (name, tensor)
    for number in range(max(found) + 1):
        for kind in ("weight_ih", "weight_hh"):
            held = found.get(number, {}).get(kind)
            if held is None:
                raise RunError(
                    f"{file} is no whole model: layer {number} of its recurrent module has no "
                    f"{kind} beside {shown(next(iter(module)))}; save all of it"
                )
            if held[1].dim() != 2 or 0 in held[1].shape:
                raise RunError(
                    f"{file} is no recurrent language model: {shown(held[0])} is "
                    f"{tuple(held[1].shape)}, where a matrix was expected: {instead(file)}"
                )
    return [found[number] for number in sorted(found)]


def _check_stack(layers: list[dict[str, tuple[str, Tensor]]], file: str) -> None:
    """Raises RunError unless each layer has the sizes of the first and reads what that gives."""
    first = layers[0]["weight_hh"]
    for layer, kind in product(layers[1:], ("weight_hh", "weight_ih")):
        if layer[kind][1].shape != first[1].shape:
            two = [f"{shown(name)} {tuple(one.shape)}" for name, one in (first, layer[kind])]
            raise RunError(
                f"{file} has layers of different sizes, {' and '.join(two)}, where all layers of a "
                f"model here are alike: {GATES}"
            )
