"""How much of the past a run uses on a text, by two measures that know nothing of each other."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnviz import _paths
from rnnviz.analysis.context_curve import ContextLoss
from rnnviz.analysis.counted import counted
from rnnviz.analysis.gradient_decay import influence_log10, mean_half_life

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import LanguageModel
    from rnnviz.runs.run import Run

LONGEST, POSITIONS = 512, 500
LEAST = 4  # lengths of the longest past that a text must have
FEWEST = 8 * LEAST  # tokens


@dataclass(frozen=True, eq=False)
class ContextUse:
    """`loss`: by how many tokens of the past are as they were. `half_life`: in tokens, of the
    gradient of losses with respect to the embeddings of earlier tokens; nan where there is none."""

    loss: ContextLoss
    half_life: float


def context_use(
    run: Run, text: str, beyond: str, on_progress: Callable[[float], None] = lambda share: None
) -> ContextUse:
    """Both measures, the first in one of the modes of `context_loss`. Raises ValueError for a text
    of fewer than FEWEST tokens."""
    ids = run.ids(text)
    loss = measured(run.model, ids, beyond, run.info.cue, on_progress)
    log10 = influence_log10(run, text, 0)
    return ContextUse(loss, mean_half_life(log10, counted(run.info.cue, ids.numpy())[1:]))


def of_window(
    model: LanguageModel, ids: Tensor, on_progress: Callable[[float], None] = lambda share: None
) -> ContextUse:
    """The loss of a model of a window, on the positions of `context_use`; a gradient has nothing to
    go back through."""
    return ContextUse(measured(model, ids, "cut", None, on_progress), math.nan)


def measured(
    model: LanguageModel,
    ids: Tensor,
    beyond: str,
    cue: int | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> ContextLoss:
    """`context_loss` at 1, 2, 4, ... tokens, up to LONGEST or what the text allows; in a task with
    a cue up to the beginning of an item, at which its models start with a state of zeros."""
    from rnnviz.analysis.context import context_loss

    if len(ids) < FEWEST:
        raise ValueError(f"a text of at least {FEWEST} tokens is needed here, not of {len(ids)}")
    longest = min(LONGEST, len(ids) // LEAST)
    if cue is not None:
        cues = (ids == cue).nonzero()[:, 0]
        if len(cues) < LEAST:
            raise ValueError(f"a text with at least {LEAST} cues is needed here, not {len(cues)}")
        longest = min(longest, int(cues.diff().min()) - 1)
    powers = [2**n for n in range(longest.bit_length())]
    distances = [*powers, *([] if powers[-1] == longest else [longest])]
    return context_loss(
        model, ids, distances, beyond, longest, POSITIONS, cue=cue, on_progress=on_progress
    )


def key_of(weights: Path, text: str, beyond: str) -> str:
    """Names what was measured by its content: weights, text and mode."""
    parts = hashlib.sha256(weights.read_bytes()), hashlib.sha256(text.encode())
    return "-".join([*(part.hexdigest()[:16] for part in parts), beyond])


def shipped_use(key: str) -> ContextUse | None:
    """What ships of a measurement, None where nothing does."""
    try:
        return _read(_paths.CONTEXT_USES, _paths.CONTEXT_USES.stat().st_mtime_ns).get(key)
    except OSError:
        return None


@cache
def _read(path: Path, changed: int) -> Mapping[str, ContextUse]:
    return read_uses(path)


def read_uses(path: Path) -> dict[str, ContextUse]:
    """What `pack` wrote, by key. Raises OSError where the file is gone."""
    from safetensors.numpy import load

    arrays, found = load(path.read_bytes()), {}
    for key in (name.removesuffix(".nats") for name in arrays if name.endswith(".nats")):
        distances = tuple(map(int, arrays[f"{key}.distances"]))
        loss = ContextLoss(distances, arrays[f"{key}.nats"].astype(np.float64))
        found[key] = ContextUse(loss, float(arrays[f"{key}.half_life"][0]))
    return found


def pack(uses: Mapping[str, ContextUse]) -> bytes:
    """A file that `read_uses` reads."""
    from safetensors.numpy import save

    arrays = {}
    for key, use in uses.items():
        arrays[f"{key}.distances"] = np.array(use.loss.distances)
        arrays[f"{key}.nats"] = use.loss.nats.astype(np.float16)
        arrays[f"{key}.half_life"] = np.array([use.half_life])
    return save(arrays)
