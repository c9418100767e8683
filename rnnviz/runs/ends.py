"""The two ends of a language model, embedding and projection: a bias or none, an identity matrix
for one-hot inputs, and nothing else beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnviz.runs.advice import GATES, STATE, flags, save, shown
from rnnviz.runs.candidates import ONE_HOT, Rest, find_pair, is_same
from rnnviz.runs.info import RunError
from rnnviz.runs.recurrent import Ambiguous, Recurrent

if TYPE_CHECKING:
    from torch import Tensor

MAX_ONE_HOT = 8192  # of V: the identity matrix takes 4 V² bytes


@dataclass(frozen=True, eq=False)
class Ends:
    """`embedding.weight`, `projection.weight` and `projection.bias`, and the names they had."""

    tensors: dict[str, Tensor]
    names: dict[str, str]


def find_ends(
    tensors: Mapping[str, Tensor], rnn: Recurrent, chosen: Mapping[str, str], file: str
) -> Ends:
    """Embedding and projection among the tensors of a model.

    Raises RunError, where there is a choice the kind Ambiguous.
    """
    others = {k: v for k, v in tensors.items() if k not in rnn.names.values()}
    scopes = list(_scopes(others, chosen.get("rnn"), rnn))
    for scope in scopes:
        used = {k: v for k, v in scope.items() if _is_used(k, v)}
        sizes = rnn.input_size, rnn.hidden_size
        rest = Rest(used, *sizes, rnn.place, chosen, file, is_whole=scope is scopes[-1])
        try:
            table, out = find_pair(rest)
        except Ambiguous:
            raise
        except RunError:
            if rest.is_whole:
                raise
        else:
            return _ends(rest, table, out)
    raise AssertionError("there is always one scope")


def _is_used(name: str, tensor: Tensor) -> bool:
    """Whether outputs may depend on a tensor: not on counts of steps, positions, masks."""
    return bool(tensor.dim()) and (tensor.is_floating_point() or name.endswith("weight"))


def _scopes(
    tensors: Mapping[str, Tensor], chosen: str | None, rnn: Recurrent
) -> Iterator[Mapping[str, Tensor]]:
    """Where to look: of a recurrent module that a person chose, first what lies beside it."""
    above = rnn.above if chosen is not None else ""
    while above:
        yield {name: t for name, t in tensors.items() if name.startswith(f"{above}.")}
        above = above.rpartition(".")[0]
    yield tensors


def _ends(rest: Rest, table: str | None, out: str) -> Ends:
    import torch

    weight = rest.tensors[out]
    rows = len(weight)
    if not rows:
        raise RunError(
            f"{rest.file} was saved before it had a vocabulary, {shown(out)} is "
            f"{tuple(weight.shape)}: save the trained model: {save(STATE, rest.file)}"
        )
    if table is None and rows == 1:
        raise RunError(
            f"{rest.file} has no embedding and reads one number a step, as a forecast does, where "
            f"a language model reads tokens: {GATES}"
        )
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


def _lone_bias(rest: Rest, rows: int) -> str | None:
    """The only bias of V numbers: of a tied matrix that is stored under the embedding's name."""
    found = [n for n, t in rest.tensors.items() if n.endswith("bias") and t.shape == (rows,)]
    return found[0] if len(found) == 1 else None


def _check_nothing_else(rest: Rest, names: dict[str, str]) -> None:
    """Raises RunError for weights beside those of the model, unless a person named all parts."""
    used = [rest.tensors[name] for name in names.values()]
    more = [
        name
        for name, tensor in rest.tensors.items()
        if name not in names.values() and not any(is_same(tensor, one) for one in used)
    ]
    named = {"rnn": rest.rnn, "projection": names["projection.weight"]}
    named["embedding"] = names.get("embedding.weight", ONE_HOT)
    if more and not named.keys() <= rest.chosen.keys():
        raise Ambiguous(
            f"{rest.file} has more than an embedding, a recurrent module and a projection: "
            f"{', '.join(map(shown, more[:4]))}; {GATES}; if its outputs do not depend on that, "
            f"name the parts: {flags(named)}"
        )
