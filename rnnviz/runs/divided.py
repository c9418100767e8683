"""The language model of a file: whole in one group of tensors, or divided among several that lie
side by side, such as `{"encoder": ..., "generator": ...}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnviz.runs.checkpoint import (
    Group,
    joined,
    recurrent_groups,
    several,
    tensors_of,
    with_tensors,
)
from rnnviz.runs.info import RunError
from rnnviz.runs.parts import Found, find_parts
from rnnviz.runs.recurrent import Ambiguous, OneMatrix
from rnnviz.runs.torch_file import Contents

Tried = Found | RunError  # what came of looking for a model among some tensors


def find_model(contents: Contents, file: str, chosen: Mapping[str, str]) -> Found:
    """The parts of the model in a file; `chosen`: the names of those that a person chose.

    Raises RunError, where there is a choice the kind Ambiguous.
    """
    groups = recurrent_groups(contents.held, file)
    alone = [_tried(group, contents, file, chosen) for group in groups]
    is_several = len(groups) > 1
    if is_several and not _may_be_parts(groups, alone):
        raise RunError(several(groups, file))
    best = alone[0]
    whole = joined(groups[0], with_tensors(contents.held))
    if _may_be_a_part(best, groups[0], whole, contents, file):
        together = _tried(whole, contents, file, chosen)
        is_asked = isinstance(best, Ambiguous) and not isinstance(best, OneMatrix)
        if isinstance(together, Ambiguous) or (isinstance(together, Found) and not is_asked):
            best, is_several = together, False
    if is_several:
        raise RunError(several(groups, file))
    if isinstance(best, RunError):
        raise best
    return best


def _tried(group: Group, contents: Contents, file: str, chosen: Mapping[str, str]) -> Tried:
    try:
        return find_parts(tensors_of(group, contents, file), file, chosen)
    except RunError as error:
        return error


def _may_be_parts(groups: Sequence[Group], alone: Sequence[Tried]) -> bool:
    """Whether groups could be parts of one model: side by side, none whole, and no copies."""
    if len({group.path[:-1] for group in groups}) > 1:
        return False
    is_whole = any(
        one.has_two_ends if isinstance(one, Found) else isinstance(one, Ambiguous) for one in alone
    )
    return not is_whole and (
        any(isinstance(one, RunError) for one in alone)
        or len({frozenset(group.entries) for group in groups}) > 1
    )


def _may_be_a_part(found: Tried, group: Group, whole: Group, contents: Contents, file: str) -> bool:
    """Whether what lies beside a group could be of its model: of one that may be whole, only where
    a matrix at both ends, one-hot inputs or a choice leave it open, and a matrix is there."""
    if isinstance(found, RunError) and not isinstance(found, Ambiguous):
        return True
    if isinstance(found, Found) and found.has_two_ends:
        return False
    own = {id(value) for value in group.entries.values()}
    others = {name: v for name, v in whole.entries.items() if id(v) not in own}
    beside = tensors_of(Group(whole.path, others), contents, file).values()
    rows = {len(matrix) for matrix in beside if matrix.dim() == 2}
    if isinstance(found, Found):
        return len(found.tensors["projection.weight"]) in rows
    return bool(rows)
