"""The two ends of a language model, embedding and projection, told by their shapes.

The recurrent module says how wide its input (D) and its state (H) are: an embedding is (V,D), a
projection (V,H) with perhaps a bias (V,). A matrix with a bias is no embedding. Names are asked
only where this leaves a choice, and a person where names do too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnviz.runs.info import RunError
from rnnviz.runs.recurrent import Ambiguous, Recurrent
from rnnviz.runs.unpickle import FLOATS

if TYPE_CHECKING:
    from torch import Tensor

MAX_ONE_HOT = 8192  # of V: the identity matrix takes 4 V² bytes
# What the last word of a module's name says: `decoder.embedding` is an embedding.
EMBEDDING = re.compile(r"emb|enc|lookup|wte|word|tok|input|glove|vec", re.IGNORECASE)
PROJECTION = re.compile(
    r"proj|dec|out|fc|lin|head|logit|softmax|dense|pred|class|hidden", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Ends:
    """`embedding.weight`, `projection.weight` and `projection.bias`, and the names they had."""

    tensors: dict[str, Tensor]
    names: dict[str, str]


@dataclass(frozen=True, eq=False)
class _Rest:
    """What a model has beside its recurrent module, and what a person said of it."""

    tensors: Mapping[str, Tensor]
    input_size: int
    hidden_size: int
    rnn: str
    chosen: Mapping[str, str]
    file: str

    def matrices(self, part: str, width: int) -> list[str]:
        """Matrices that could be a part; of those named by a person, the one. Raises RunError."""
        if part not in self.chosen:
            return [n for n, t in self.tensors.items() if t.dim() == 2 and t.shape[1] == width]
        name = self.chosen[part]
        name = name if name in self.tensors else f"{name}.weight"
        if name not in self.tensors:
            raise RunError(f"{self.file} has no {self.chosen[part][:80]!r}: it has {self.listed()}")
        if self.tensors[name].dim() != 2 or self.tensors[name].shape[1] != width:
            raise RunError(
                f"{self.file}: {name[:80]!r} is {tuple(self.tensors[name].shape)}, which is no "
                f"{part}: (vocabulary, {width}) was expected"
            )
        return [name]

    def bias_of(self, name: str) -> str | None:
        bias = f"{name.removesuffix('weight')}bias"
        return bias if bias in self.tensors and bias != name else None

    def listed(self) -> str:
        shapes = [f"{n[:60]!r} {tuple(t.shape)}" for n, t in self.tensors.items()]
        more = f" and {len(shapes) - 5:,} more" if len(shapes) > 5 else ""
        return (", ".join(shapes[:5]) or "nothing else") + more


def find_ends(
    tensors: Mapping[str, Tensor], rnn: Recurrent, chosen: Mapping[str, str], file: str
) -> Ends:
    """Embedding and projection among what a model has beside its recurrent module.

    Raises RunError, where there is a choice the kind Ambiguous.
    """
    scopes = list(_scopes(tensors, chosen.get("rnn"), rnn))
    for scope in scopes:
        floats = {k: v for k, v in scope.items() if v.is_floating_point() and v.dim()}
        rest = _Rest(floats, rnn.input_size, rnn.hidden_size, rnn.place, chosen, file)
        try:
            table, out = _pair(rest)
        except Ambiguous:
            raise
        except RunError:
            if scope is scopes[-1]:
                _check_whole_numbers(scope, rest)
                raise
        else:
            return _ends(rest, table, out)
    raise AssertionError("there is always one scope")


def _scopes(
    tensors: Mapping[str, Tensor], chosen: str | None, rnn: Recurrent
) -> Iterator[Mapping[str, Tensor]]:
    """Where to look: of a recurrent module that a person chose, first what lies beside it."""
    above = rnn.place if chosen is not None else ""
    while above := above.rpartition(".")[0]:
        yield {name: t for name, t in tensors.items() if name.startswith(f"{above}.")}
    yield tensors


def _pair(rest: _Rest) -> tuple[str | None, str]:
    """The names of embedding and projection; no embedding for one-hot inputs. Raises RunError."""
    tables = rest.matrices("embedding", rest.input_size)
    outs = rest.matrices("projection", rest.hidden_size)
    rows = {name: len(rest.tensors[name]) for name in (*tables, *outs)}
    plain = [name for name in tables if "embedding" in rest.chosen or rest.bias_of(name) is None]
    pairs = [(e, p) for e in plain for p in outs if e != p and rows[e] == rows[p]]
    if pairs:
        return _best(pairs, rest)
    one_hot = [(None, p) for p in outs if rows[p] == rest.input_size and not plain]
    alone = [(name, name) for name in tables if name in outs]  # tied, and stored once
    if one_hot or alone:
        return _best(one_hot or alone, rest)
    if len(plain) == len(outs) == 1:
        raise RunError(
            f"{rest.file}: {outs[0][:80]!r} is {tuple(rest.tensors[outs[0]].shape)}, "
            f"{(rows[plain[0]], rest.hidden_size)} was expected: a language model predicts the "
            f"{rows[plain[0]]:,} tokens that it reads"
        )
    what = "no embedding" if outs else "no projection"
    width = rest.input_size if outs else rest.hidden_size
    raise RunError(
        f"{rest.file} is no language model: it has {what}, (vocabulary, {width}), beside its "
        f"recurrent module, but {rest.listed()}; rnnviz.trace(module, inputs) shows its gates"
    )


def _best(pairs: list, rest: _Rest) -> tuple[str | None, str]:
    """The pair whose names say most, of those that differ in their numbers. Raises Ambiguous."""
    scores = {pair: _score(pair) for pair in pairs}
    best = [pair for pair in pairs if scores[pair] == max(scores.values())]
    different = [pair for n, pair in enumerate(best) if not _has_equal(pair, best[:n], rest)]
    if len(different) == 1:
        return different[0]
    part = 0 if len({table for table, _ in different}) > 1 else 1
    names = list(dict.fromkeys(pair[part] for pair in different))
    shapes = " and ".join(f"{n[:60]!r} {tuple(rest.tensors[n].shape)}" for n in names[:5])
    key = ("embedding", "projection")[part]
    raise Ambiguous(
        f"{rest.file} has {len(names)} matrices that could be the {key}, {shapes}: say which: "
        f"--map {key}={names[0]}"
    )


def _score(pair: tuple[str | None, str]) -> int:
    table, out = (module_name(name or "") for name in pair)
    tells = [EMBEDDING.search(table), PROJECTION.search(out)]
    denies = [PROJECTION.search(table), EMBEDDING.search(out)]
    return sum(map(bool, tells)) - sum(map(bool, denies))


def module_name(name: str) -> str:
    """The last word of a tensor's path that is no number, before `weight` or `bias`."""
    words = re.sub(r"\.?(weight|bias)$", "", name).split(".")
    return next((word for word in reversed(words) if not word.isdigit()), "")


def _has_equal(pair: tuple, others: list, rest: _Rest) -> bool:
    return any(
        all(
            a == b or _same(rest.tensors[a], rest.tensors[b])
            for a, b in zip(pair, other, strict=True)
        )
        for other in others
    )


def _same(one: Tensor, other: Tensor) -> bool:
    import torch

    return one.shape == other.shape and torch.equal(one, other)


def _ends(rest: _Rest, table: str | None, out: str) -> Ends:
    import torch

    weight = rest.tensors[out]
    rows = len(weight)
    if not rows:
        raise RunError(f"{rest.file} has no vocabulary: {out[:80]!r} is {tuple(weight.shape)}")
    bias = rest.bias_of(out) or _lone_bias(rest, rows)
    names = {"projection.weight": out}
    names |= {} if table is None else {"embedding.weight": table}
    names |= {} if bias is None else {"projection.bias": bias}
    _check_nothing_else(rest, names)
    if table is None and rows > MAX_ONE_HOT:
        raise RunError(
            f"{rest.file} reads one-hot vectors of {rows:,} tokens, of which {MAX_ONE_HOT:,} are "
            "the most: train it with an nn.Embedding"
        )
    tensors = {ours: rest.tensors[name] for ours, name in names.items()}
    if table is None:
        tensors["embedding.weight"] = torch.eye(rows)
    tensors.setdefault("projection.bias", weight.new_zeros(rows))
    return Ends(tensors, names)


def _lone_bias(rest: _Rest, rows: int) -> str | None:
    """The only row of V numbers: a bias that lies apart from its matrix."""
    found = [name for name, t in rest.tensors.items() if t.shape == (rows,)]
    return found[0] if len(found) == 1 else None


def _check_nothing_else(rest: _Rest, names: dict[str, str]) -> None:
    """Raises RunError for weights beside those of the model, unless a person named all parts."""
    used = [rest.tensors[name] for name in names.values()]
    more = [
        name
        for name, tensor in rest.tensors.items()
        if name not in names.values() and not any(_same(tensor, one) for one in used)
    ]
    parts = {"rnn": rest.rnn, "projection": names["projection.weight"]}
    if "embedding.weight" in names:
        parts["embedding"] = names["embedding.weight"]
    if more and not parts.keys() <= rest.chosen.keys():
        flags = " ".join(f"--map {part}={name}" for part, name in parts.items())
        raise Ambiguous(
            f"{rest.file} has more than an embedding, a recurrent module and a projection: "
            f"{', '.join(repr(name[:60]) for name in more[:4])}; rnnviz.record(model) shows the "
            "gates of such a model; if its outputs do not depend on that, name the parts: "
            f"{flags}"
        )


def _check_whole_numbers(scope: Mapping[str, Tensor], rest: _Rest) -> None:
    """Raises RunError where what is missing is there in whole numbers."""
    for name, tensor in scope.items():
        fits = tensor.dim() == 2 and tensor.shape[1] in (rest.input_size, rest.hidden_size)
        if fits and not tensor.is_floating_point():
            raise RunError(
                f"{rest.file} holds {tensor.dtype} numbers at {name[:80]!r}, where weights are "
                f"float16, bfloat16, float32 or float64: {FLOATS}"
            )
