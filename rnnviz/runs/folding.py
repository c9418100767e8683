"""Weights as their module computes them in eval mode, of those that training keeps in pieces.

AWD-LSTM keeps `weight_hh_l0_raw`, weight norm a length and a direction, spectral norm two vectors,
pruning a mask; torch keeps the same under `parametrizations` since 1.9. Wrappers (DataParallel,
torch.compile, FSDP) put words of their own into names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from rnnviz.runs.advice import STATE, save, shown
from rnnviz.runs.info import RunError

if TYPE_CHECKING:
    from torch import Tensor

BAKE = (
    "from torch.nn.utils import parametrize as p; model.eval(); [p.remove_parametrizations(m, n) "
    "for m in list(model.modules()) if p.is_parametrized(m) for n in list(m.parametrizations)]; "
)
BAKE_OLD = (
    "from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm; model.eval(); "
    "[remove_spectral_norm(m, h.name) for m in model.modules() "
    "for h in list(m._forward_pre_hooks.values()) if isinstance(h, SpectralNorm)]; "
)

WRAPPERS = {
    *("module", "_orig_mod", "_forward_module"),
    *("_fsdp_wrapped_module", "_checkpoint_wrapped_module"),
}
# Names under `parametrizations` -> those of the older ways to the same.
PIECES = {"original": "orig", "original0": "g", "original1": "v", "0._u": "u", "0._v": "v"}
WEIGHT = re.compile(r"(^|\.)(weight|bias)\w*$")
PIECE = re.compile(r"(.*)_(raw|orig|mask|g|v|u)")
ALIGNED = 0.9  # least cosine of u and what a matrix makes of v, of the one they belong to


@dataclass(frozen=True, eq=False)
class Folded:
    """Whole weights by name without wrappers, and the name of each as it stands in the file.

    `prefix`: what all names without wrappers began with, which is left out.
    """

    tensors: dict[str, Tensor]
    names: dict[str, str]
    prefix: str


def fold(tensors: dict[str, Tensor], file: str) -> Folded:
    """The weights of a model, put together where the file has them in pieces.

    Raises RunError for one that is computed in a way that the file does not tell.
    """
    pieces: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for name in tensors:
        bare = bare_name(name)
        if "parametrizations." in bare:
            raise _computed(name, file, is_alone=False)
        found = PIECE.fullmatch(bare)
        if found:
            pieces.setdefault(found[1], {})[found[2]] = name
        elif bare in plain:  # a name that only wrappers told apart
            plain[name] = name
        else:
            plain[bare] = name
    whole = {bare: tensors[name] for bare, name in plain.items()}
    names = dict(plain)
    for stem, parts in pieces.items():
        made = _made({piece: tensors[name] for piece, name in parts.items()})
        if made is None and "orig" in parts and WEIGHT.search(stem):
            raise _computed(parts["orig"], file, is_alone=len(parts) == 1)
        if made is None:  # a name that only looks like that of a piece
            whole |= {f"{stem}_{piece}": tensors[name] for piece, name in parts.items()}
            names |= {f"{stem}_{piece}": name for piece, name in parts.items()}
        else:
            whole[stem], names[stem] = made, next(iter(parts.values()))
    paths = zip(*(name.split(".")[:-1] for name in whole), strict=False)
    prefix = "".join(f"{words[0]}." for words in takewhile(lambda words: len({*words}) == 1, paths))
    return Folded(
        {name.removeprefix(prefix): tensor for name, tensor in whole.items()},
        {name.removeprefix(prefix): theirs for name, theirs in names.items()},
        prefix,
    )


def _computed(name: str, file: str, is_alone: bool) -> RunError:
    """The error for a weight of which the file does not tell how it is computed."""
    what = f"{file} has a weight that is computed from others ({shown(name)})"
    if "parametrizations." in name:
        return RunError(f"{what}; save it as it is computed: {BAKE}{save(STATE, file)}")
    if is_alone:
        return RunError(f"{what}, which it lacks: save all of them: {save(STATE, file)}")
    return RunError(f"{what}; save it as it is computed: {BAKE_OLD}{save(STATE, file)}")


def bare_name(name: str) -> str:
    """A name without wrappers, and in the older form where it is that of a parametrization."""
    name = ".".join(part for part in name.split(".") if part not in WRAPPERS)
    found = re.fullmatch(r"(.*?)parametrizations\.(\w+)\.(.+)", name)
    if found and found[3] in PIECES:
        return f"{found[1]}{found[2]}_{PIECES[found[3]]}"
    return name


def _made(pieces: dict[str, Tensor]) -> Tensor | None:
    """The weight of which these are all pieces, None if they are none of one weight."""
    import torch

    if not all(piece.is_floating_point() or piece.dtype == torch.bool for piece in pieces.values()):
        return None
    get = {name: piece.float() for name, piece in pieces.items()}
    kinds = set(get)
    if kinds == {"raw"}:
        return pieces["raw"]
    if kinds == {"orig", "mask"} and get["orig"].shape == get["mask"].shape:
        return get["orig"] * get["mask"]
    if kinds == {"g", "v"}:
        return _of_length(get["g"], get["v"])
    if kinds == {"orig", "u", "v"} and get["orig"].dim() == 2:
        return _of_norm_one(get["orig"], get["u"], get["v"])
    return None


def _of_norm_one(weight: Tensor, u: Tensor, v: Tensor) -> Tensor | None:
    """The weight of spectral norm: by its largest singular value, u W v, or u Wᵀ v where the norm
    was taken along the other dimension.

    Of a square matrix it is that of the two for which u is what the matrix makes of v; None where
    this does not tell.
    """
    import torch

    ways = [w for w in (weight, weight.t()) if w.shape == (*u.shape, *v.shape)]
    values = [u @ (w @ v) for w in ways]
    if not ways:
        return None
    if len(ways) == 1 or torch.isclose(*values, rtol=1e-6):
        return weight / values[0]
    near = [torch.cosine_similarity(w @ v, u, 0).item() for w in ways]
    clear = max(near) > ALIGNED > min(near)
    return weight / values[near.index(max(near))] if clear else None


def _of_length(length: Tensor, direction: Tensor) -> Tensor | None:
    """The weight of weight norm: g v / |v|, where each slice of v along one dimension, or all of
    v, has a length g."""
    if not length.dim():
        return direction * (length / direction.norm())
    sizes = zip(length.shape, direction.shape, strict=False)
    if length.dim() != direction.dim() or any(n not in (1, whole) for n, whole in sizes):
        return None
    across = [dim for dim, n in enumerate(length.shape) if n == 1]
    return direction * (length / direction.norm(dim=across, keepdim=True)) if across else None
