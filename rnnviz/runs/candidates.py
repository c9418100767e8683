"""Which matrices could be embedding and projection: by shapes, then by names.

The recurrent module says how wide its input (D) and its state (H) are: an embedding is (V,D), a
projection (V,H); of a tied model both may be one. A matrix with a bias is no embedding, and one
that is called an embedding is no projection. Other names are asked only where this leaves a choice,
and a person where names do too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnviz.runs.advice import GATES, flags, shown
from rnnviz.runs.info import RunError
from rnnviz.runs.recurrent import Ambiguous, OneMatrix, is_recurrent

if TYPE_CHECKING:
    from torch import Tensor

ONE_HOT = "one-hot"  # what a person says for an embedding that is none
Pair = tuple[str | None, str]  # names of embedding and projection; none of one-hot inputs
# What the last word of a module's name says: `decoder.embedding` is an embedding.
EMBEDDING = re.compile(r"emb|enc|lookup|wte|word|tok|input|glove|vec", re.IGNORECASE)
PROJECTION = re.compile(
    r"proj|dec|out|fc|lin|head|logit|softmax|dense|pred|class|hidden", re.IGNORECASE
)
# An embedding of another part of the model, such as a decoder's.
NO_PROJECTION = re.compile(rf"^(?!.*({PROJECTION.pattern}|unemb)).*(emb|lookup|wte|glove)", re.I)


@dataclass(frozen=True, eq=False)
class Rest:
    """What a model has beside its recurrent module, and what a person said of it."""

    tensors: Mapping[str, Tensor]
    input_size: int
    hidden_size: int
    rnn: str
    chosen: Mapping[str, str]
    file: str
    is_whole: bool  # not only what lies beside a recurrent module that a person chose

    def wide(self, width: int) -> list[str]:
        """Matrices of so many columns."""
        return [
            name
            for name, tensor in self.tensors.items()
            if tensor.dim() == 2 and tensor.shape[1] == width and not is_recurrent(name)
        ]

    def matrices(self, part: str, width: int) -> list[str]:
        """Matrices that could be a part; of those named by a person, the one. Raises RunError."""
        if part not in self.chosen:
            return self.wide(width)
        name = self.chosen[part]
        if part == "embedding" and self.is_one_hot:
            return []
        name = name if name in self.tensors else f"{name}.weight"
        if name not in self.tensors:
            raise RunError(f"{self.file} has no {shown(self.chosen[part])}: it has {self.listed()}")
        if self.tensors[name].dim() != 2 or self.tensors[name].shape[1] != width:
            raise RunError(
                f"{self.file}: {shown(name)} is {tuple(self.tensors[name].shape)}, which is no "
                f"{part}: (vocabulary, {width}) was expected"
            )
        return [name]

    @property
    def is_one_hot(self) -> bool:
        """Whether a person said that the inputs are one-hot vectors."""
        return self.chosen.get("embedding") == ONE_HOT and ONE_HOT not in self.tensors

    def bias_of(self, name: str) -> str | None:
        bias = f"{name.removesuffix('weight')}bias"
        return bias if bias in self.tensors and bias != name else None

    def listed(self) -> str:
        shapes = [
            f"{shown(name)} {tuple(tensor.shape)}"
            for name, tensor in self.tensors.items()
            if not is_recurrent(name)
        ]
        more = f" and {len(shapes) - 5:,} more" if len(shapes) > 5 else ""
        return (", ".join(shapes[:5]) or "nothing else") + more


def find_pair(rest: Rest) -> Pair:
    """The names of embedding and projection; no embedding for one-hot inputs. Raises RunError."""
    tables = rest.matrices("embedding", rest.input_size)
    outs = rest.matrices("projection", rest.hidden_size)
    rows = {name: len(rest.tensors[name]) for name in (*tables, *outs)}
    plain = [name for name in tables if "embedding" in rest.chosen or rest.bias_of(name) is None]
    chosen = "projection" in rest.chosen
    ends = [p for p in outs if chosen or not NO_PROJECTION.search(module_name(p))]
    pairs = [(e, p) for e in plain for p in ends if e != p and rows[e] == rows[p]]
    if pairs:
        return _best(pairs, rest)
    one_hot = [(None, p) for p in outs if rows[p] == rest.input_size and not plain]
    if one_hot:
        return _best(one_hot, rest)
    alone = [(name, name) for name in tables if name in outs]  # tied, and stored once
    first = _first_copies({*tables, *outs, *rest.wide(rest.hidden_size)}, rest.tensors)
    if alone and rest.is_whole and len({*first.values()}) == 1:
        _check_is_tied(alone[0][1], rest)
        return alone[0]
    what = f"no embedding, (vocabulary, {rest.input_size}),"
    if rest.is_one_hot:
        what = f"no projection onto the tokens that it reads, {rest.input_size, rest.hidden_size},"
    if plain:
        counts = {rows[name] for name in plain}
        tokens = f"{counts.pop():,}" if len(counts) == 1 else "vocabulary"
        what = f"no projection onto the tokens that it reads, ({tokens}, {rest.hidden_size}),"
    raise RunError(
        f"{rest.file} is no language model that is read here: it has {what} beside its "
        f"recurrent module, but {rest.listed()}; {GATES}"
    )


def _check_is_tied(name: str, rest: Rest) -> None:
    """Raises OneMatrix where the only matrix is square: it may be both ends, or the projection of a
    model of one-hot inputs."""
    if "embedding" in rest.chosen or len(rest.tensors[name]) != rest.input_size:
        return
    raise OneMatrix(
        f"{rest.file} has one matrix for both ends, {shown(name)} {tuple(rest.tensors[name].shape)}"
        f": say whether it is the embedding, too, or the inputs are one-hot vectors: "
        f"{flags({'embedding': name})} or {flags({'embedding': ONE_HOT})}"
    )


def _best(pairs: Sequence[Pair], rest: Rest) -> Pair:
    """The pair whose names say most, of those that differ in their numbers. Raises Ambiguous."""
    scores = {pair: _score(pair) for pair in pairs}
    most = max(scores.values())
    best = [pair for pair in pairs if scores[pair] == most]
    first = _first_copies({name for pair in best for name in pair if name}, rest.tensors)
    different: dict[tuple, Pair] = {}
    for pair in best:
        different.setdefault(tuple(map(first.get, pair)), pair)
    if len(different) == 1:
        return best[0]
    part = 0 if len({table for table, _ in different}) > 1 else 1
    names = list(dict.fromkeys(str(pair[part]) for pair in different.values()))
    shapes = " and ".join(f"{shown(n)} {tuple(rest.tensors[n].shape)}" for n in names[:4])
    key = ("embedding", "projection")[part]
    raise Ambiguous(
        f"{rest.file} has {len(names)} matrices that could be the {key}, {shapes}: say which: "
        f"{flags({key: names[0]})}"
    )


def _score(pair: Pair) -> int:
    table, out = (module_name(name or "") for name in pair)
    tells = [EMBEDDING.search(table), PROJECTION.search(out)]
    denies = [PROJECTION.search(table), EMBEDDING.search(out)]
    return sum(map(bool, tells)) - sum(map(bool, denies))


def module_name(name: str) -> str:
    """The last word of a tensor's path that is no number, before `weight` or `bias`."""
    words = re.sub(r"\.?(weight|bias)$", "", name).split(".")
    return next((word for word in reversed(words) if not word.isdigit()), "")


def _first_copies(names: set[str], tensors: Mapping[str, Tensor]) -> dict[str | None, str]:
    """Of each matrix, the first one with the same numbers."""
    import torch

    first: dict[str | None, str] = {}
    alike: dict[tuple, list[str]] = {}  # by what is quick to compare
    for name in (name for name in tensors if name in names):
        matrix = tensors[name]
        total = matrix.sum(dtype=torch.promote_types(matrix.dtype, torch.float64)).item()
        near = alike.setdefault((matrix.shape, total), [])
        equal = [other for other in near if is_same(matrix, tensors[other])]
        first[name] = equal[0] if equal else name
        near += [] if equal else [name]
    return first


def is_same(one: Tensor, other: Tensor) -> bool:
    import torch

    return (one.shape, one.dtype) == (other.shape, other.dtype) and torch.equal(one, other)
