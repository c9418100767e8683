"""A language model among the tensors of a file, whatever their names: embedding, recurrent module,
projection, as RNNModel names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnviz.runs.advice import FLOATS, GATES, flags, save, shown
from rnnviz.runs.candidates import module_name
from rnnviz.runs.ends import Ends, find_ends
from rnnviz.runs.folding import bare_name, fold
from rnnviz.runs.info import RunError
from rnnviz.runs.recurrent import Ambiguous, Recurrent, choices, find_recurrent, split_names

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

    @property
    def is_one_hot(self) -> bool:
        return "embedding.weight" not in self.names

    @property
    def has_two_ends(self) -> bool:
        """Whether embedding and projection have names of their own."""
        return self.names.get("embedding.weight") not in (None, self.names["projection.weight"])

    def theirs(self, name: str) -> str:
        """A tensor's name as it stands in the file."""
        return shown(self.names.get(name, name))


def read_map(texts: Iterable[str]) -> dict[str, str]:
    """`embedding=embed.weight` and the like as a dict. Raises RunError."""
    found = {}
    for text in texts:
        part, _, name = text.partition("=")
        if part not in PARTS or not name:
            raise RunError(
                f"{text[:80]!r} maps nothing: give embedding=NAME, rnn=NAME or projection=NAME, "
                "with a name in the file, rnn=NAME,NAME of layers in order, or embedding=one-hot"
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

    def ours(name: str) -> str:
        return bare.get(name) or bare_name(name).removeprefix(folded.prefix)

    chosen = {part: ours(name) for part, name in mapping.items()}
    if "rnn" in mapping and len(split_names(chosen["rnn"], folded.tensors)) > 1:
        chosen["rnn"] = ",".join(map(ours, mapping["rnn"].split(",")))
    rnn, ends = _chain(folded.tensors, file, chosen)
    names = {ours: folded.names[theirs] for ours, theirs in (rnn.names | ends.names).items()}
    found = Found(
        rnn.tensors | ends.tensors,
        names,
        examples={*map(module_name, ends.names.values())} <= {"encoder", "decoder"},
    )
    for name, tensor in found.tensors.items():
        _check_floats(found.theirs(name), tensor, file)
        if not tensor.isfinite().all():
            raise RunError(
                f"{file} holds numbers that are not finite at {found.theirs(name)}: its training "
                "went wrong, import an earlier checkpoint of it"
            )
    return found


def _chain(
    tensors: Mapping[str, Tensor], file: str, chosen: Mapping[str, str]
) -> tuple[Recurrent, Ends]:
    """The recurrent module and what stands before and after it.

    Of several recurrent modules those are said that lead to a language model. Raises RunError.
    """
    places = choices(tensors)
    if "rnn" in chosen or len(places) < 2:
        rnn = find_recurrent(tensors, file, chosen.get("rnn"))
        return rnn, find_ends(tensors, rnn, chosen, file)

    def is_able(place: str) -> bool:
        try:
            _chain(tensors, file, {**chosen, "rnn": place})
        except Ambiguous:
            return True
        except RunError:
            return False
        return True

    able = list(filter(is_able, places))
    in_order = ",".join(places)
    what = f"{file} has {len(places)} recurrent modules, {', '.join(map(shown, places[:6]))}"
    if is_able(in_order):
        ways = [flags({"rnn": place}) for place in (in_order, *able[:3])]
        raise Ambiguous(
            f"{what}: name all in order if each reads what the one before it gives, or the one "
            f"that alone is the language model: {' or '.join(ways)}"
        )
    if not able:
        raise RunError(
            f"{what}, none of which is between an embedding and a projection of its own: {GATES}"
        )
    ways = " or ".join(flags({"rnn": place}) for place in able[:3])
    raise Ambiguous(
        f"{what}, where one is read: say which, if it alone is the language model: {ways}"
    )


def _check_dense(tensors: Mapping[str, Tensor], file: str) -> None:
    """Raises RunError for a tensor that claims more numbers than the file has."""
    for name, tensor in tensors.items():
        if tensor.nbytes > tensor.untyped_storage().nbytes():  # expanded
            raise RunError(
                f"{file} has no plain numbers at {shown(name)}: save them: {save(FLOATS, file)}"
            )


def _check_floats(name: str, tensor: Tensor, file: str) -> None:
    """Raises RunError for whole and complex numbers."""
    what = f"{file} holds {tensor.dtype} numbers at {name}, where weights are float16, bfloat16, "
    if tensor.is_complex():
        raise RunError(f"{what}float32 or float64: {GATES}")
    if not tensor.is_floating_point():
        raise RunError(f"{what}float32 or float64: {save(FLOATS, file)}")
