"""Where in a file a model's tensors lie: at the top, inside a checkpoint, in a whole module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnviz.runs.advice import STATE, instead, save, shown
from rnnviz.runs.info import RunError
from rnnviz.runs.recurrent import is_recurrent
from rnnviz.runs.torch_file import Contents, tensor
from rnnviz.runs.unpickle import Stand, is_tensor

if TYPE_CHECKING:
    from torch import Tensor

DEPTH, MOST = 8, 100_000  # of what is looked through: levels, and things on them
Path = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class Group:
    """What lies at one place of a file: names and what they stand for."""

    path: Path
    entries: dict[str, Any]
    is_module: bool = False

    @property
    def is_optimizer(self) -> bool:
        return any(isinstance(key, str) and key.startswith("optim") for key in self.path)


def groups(held: Any) -> list[Group]:
    """Every dict with names, every object with attributes and every module of a file, once each."""
    return list(_groups(held, (), set()))


def _groups(held: Any, path: Path, seen: set[int]) -> Iterator[Group]:
    if id(held) in seen or len(path) > DEPTH or len(seen) > MOST:
        return
    seen.add(id(held))
    if isinstance(held, (list, tuple)):
        children: list[tuple[str | int, Any]] = list(enumerate(held[:DEPTH]))
    elif is_module(held):
        yield Group(path, _flat(held, "", seen), is_module=True)
        children = []
    elif isinstance(held, dict) and not is_tensor(held):
        entries = _named(held) | (_named(held.attributes) if isinstance(held, Stand) else {})
        yield Group(path, entries)
        children = list(entries.items())
    else:
        return
    for key, child in children:
        if isinstance(child, (dict, list, tuple)):
            yield from _groups(child, (*path, key), seen)


def _named(held: Any) -> dict[str, Any]:
    """Items of a dict that have a name; of anything else none."""
    items = held.items() if isinstance(held, dict) else ()
    return {key: value for key, value in items if isinstance(key, str)}


def is_module(held: Any) -> bool:
    return isinstance(held, Stand) and "_modules" in held.attributes


def _flat(module: Stand, prefix: str, seen: set[int]) -> dict[str, Any]:
    """The state_dict of a whole module, and its own attributes by name; a module that is there
    twice once."""
    seen.add(id(module))
    if prefix.count(".") > DEPTH:
        return {}
    told = module.attributes
    flat = {f"{prefix}{k}": v for k, v in _named(told).items() if not k.startswith("_")}
    for part in ("_parameters", "_buffers"):
        flat |= {f"{prefix}{k}": v for k, v in _named(told.get(part)).items() if is_tensor(v)}
    for name, child in _named(told.get("_modules")).items():
        if is_module(child) and id(child) not in seen:
            flat |= _flat(child, f"{prefix}{name}.", seen)
    return flat


def recurrent_groups(held: Any, file: str) -> list[Group]:
    """The groups of a file that have recurrent weights. Raises RunError where there are none."""
    found = with_tensors(held)
    recurrent = [group for group in found if any(map(is_recurrent, group.entries))]
    if not recurrent:
        raise RunError(f"{file} {_what_else(found, file)}")
    return recurrent


def tensors_of(group: Group, contents: Contents, file: str) -> dict[str, Tensor]:
    """The tensors of a group, by name. Raises RunError."""
    return {name: tensor(value, contents, file) for name, value in group.entries.items()}


def with_tensors(held: Any) -> list[Group]:
    """The groups of a file that hold tensors, with nothing but these, and no optimizer's."""
    return [group for group in _with_tensors(held) if not group.is_optimizer]


def _with_tensors(held: Any) -> Iterator[Group]:
    """The groups of a file that hold tensors, with nothing but these."""
    import torch

    for group in groups(held):
        tensors = {
            name: value
            for name, value in group.entries.items()
            if is_tensor(value) or isinstance(value, torch.Tensor)
        }
        if tensors:
            yield Group(group.path, tensors, group.is_module)


def joined(one: Group, found: list[Group]) -> Group:
    """A group and all beside and below it as one, each name with the keys of its group before."""
    above = one.path[:-1]
    beside = [group for group in found if group.path[: len(above)] == above]
    return Group(
        above,
        {
            ".".join((*map(str, group.path[len(above) :]), name)): value
            for group in beside
            for name, value in group.entries.items()
        },
    )


def several(found: list[Group], file: str) -> str:
    places = ["".join(f"[{key!r}]" for key in group.path) for group in found]
    some = [place if len(place) < 60 else f"...{place[-57:]}" for place in places[:4]]
    loaded, others = f"torch.load({file!r}, weights_only=False)", [g.path[0] for g in found[1:]]
    one = f"{loaded}{places[0]}{'.state_dict()' * found[0].is_module}"
    if all(len(group.path) == 1 and isinstance(group.path[0], str) for group in found):
        one = f"{{k: v for k, v in {loaded}.items() if k not in {others}}}"  # with its vocabulary
    return (
        f"{file} holds several models, at {' and '.join(some)}; save the one that you mean, such "
        f"as the first: {save(one, file)}"
    )


def _what_else(found: list[Group], file: str) -> str:
    """What a file without recurrent weights holds."""
    names = [name for group in found for name in group.entries]
    if not names:
        return (
            "is no recurrent language model: it holds no tensors by name; save the model as "
            f"{save(STATE, file)}"
        )
    text = " ".join(names).lower()
    kinds = {"attn": "transformer", "attention": "transformer", "transformer": "transformer"}
    kinds |= {"in_proj": "transformer", "input_emb": "transformer", "pos_encoder": "transformer"}
    kinds |= {"conv": "convolutional net"}
    kind = next((kind for part, kind in kinds.items() if part in text), "")
    what = f"holds a {kind}" if kind else "holds no LSTM, GRU or RNN of PyTorch"
    some = ", ".join(shown(name, 40) for name in names[:4])
    more = f" and {len(names) - 4:,} more" if len(names) > 4 else ""
    return (
        f"{what} (its tensors are {some}{more}), and nothing called weight_ih_l0 and weight_hh_l0: "
        f"{instead(file)}"
    )
