"""A language model among the tensors of a file, whatever their names: embedding, recurrent module,
projection, as RNNModel names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnviz.runs.candidates import module_name
from rnnviz.runs.ends import find_ends
from rnnviz.runs.folding import bare_name, fold
from rnnviz.runs.info import RunError
from rnnviz.runs.recurrent import find_recurrent
from rnnviz.runs.unpickle import FLOATS

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("embedding", "rnn", "projection")


@dataclass(frozen=True, eq=False)
class Found:
    """A model in a file: tensors under the names of RNNModel, and their names in the file.

    `examples`: whether embedding and projection are called as in word_language_model.
    """

    tensors: dict[str, Tensor]
    names: dict[str, str]
    examples: bool

    def theirs(self, name: str) -> str:
        """A tensor's name as it stands in the file."""
        return repr(self.names.get(name, name)[:80])


def read_map(texts: Iterable[str]) -> dict[str, str]:
    """`embedding=embed.weight` and the like as a dict. Raises RunError."""
    found = {}
    for text in texts:
        part, _, name = text.partition("=")
        if part not in PARTS or not name:
            raise RunError(
                f"{text[:80]!r} maps nothing: give embedding=NAME, rnn=NAME or projection=NAME, "
                "with a name in the file"
            )
        found[part] = name
    return found


def find_parts(tensors: dict[str, Tensor], file: str, mapping: Mapping[str, str]) -> Found:
    """The parts of a language model among tensors; `mapping` names those that a person chose.

    Raises RunError, where there is a choice the kind Ambiguous.
    """
    _check_dense(tensors, file)
    folded = fold(tensors, file)
    bare = {theirs: bare for bare, theirs in folded.names.items()}
    chosen = {part: bare.get(name) or bare_name(name) for part, name in mapping.items()}
    rnn = find_recurrent(folded.tensors, file, chosen.get("rnn"))
    rest = {k: v for k, v in folded.tensors.items() if k not in rnn.names.values()}
    ends = find_ends(rest, rnn, chosen, file)
    names = {ours: folded.names[theirs] for ours, theirs in (rnn.names | ends.names).items()}
    found = Found(
        rnn.tensors | ends.tensors,
        names,
        examples={*map(module_name, ends.names.values())} <= {"encoder", "decoder"},
    )
    for name, tensor in found.tensors.items():
        if not tensor.is_floating_point():
            raise RunError(
                f"{file} holds {tensor.dtype} numbers at {found.theirs(name)}, where weights are "
                f"float16, bfloat16, float32 or float64: {FLOATS}"
            )
        if not tensor.isfinite().all():
            raise RunError(
                f"{file} holds numbers that are not finite at {found.theirs(name)}: its training "
                "went wrong, import an earlier checkpoint of it"
            )
    return found


def _check_dense(tensors: Mapping[str, Tensor], file: str) -> None:
    """Raises RunError for a tensor that claims more numbers than the file has."""
    for name, tensor in tensors.items():
        if tensor.nbytes > tensor.untyped_storage().nbytes():  # expanded
            raise RunError(
                f"{file} has no plain numbers at {name[:80]!r}: save it with .contiguous()"
            )
