"""How runs learnt: their losses over training, runs that differ only in the seed as one curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnviz.analysis.comparison import groups, settings
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.runs.info import RunInfo

AXES = {"steps": "step", "tokens": "tokens", "seconds": "seconds"}  # fields of a StepRecord
LOSSES = {"valid_loss": "Validation loss", "loss": "Training loss"}


@dataclass(frozen=True, eq=False)
class Curve:
    """A loss over training of `seeds` runs that differ only in the seed.

    `x` (N,); `mean`, `low`, `high` (N,): mean, least and largest loss at each x. `info` is that
    of one of the runs.
    """

    info: RunInfo
    seeds: int
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def curves(infos: Sequence[RunInfo], axis: str, loss: str) -> list[Curve]:
    """Losses (`loss`: a key of LOSSES) against `axis` (a key of AXES), by cell type.

    Runs without a history are left out. Seeds are averaged at equal shares of their budgets, over
    the shares that all of them cover; x is averaged too, because seeds of equal minutes reach a
    share at different steps. Seeds without a common range become curves of their own.
    """
    names = [name for name in settings(infos[0]) if name != "seed"] if infos else []
    found = []
    for kind in RNN_TYPES:
        for seeds in groups([info for info in infos if info.rnn_type == kind], *names):
            found += _averaged(seeds, AXES[axis], loss)
    return found


# Of one run: its info; shares of the budget, x and losses, (N,) each.
_Line = tuple[RunInfo, np.ndarray, np.ndarray, np.ndarray]


def _averaged(infos: Sequence[RunInfo], field: str, loss: str) -> list[Curve]:
    """The curve of runs that differ only in the seed, or one for each without a common range."""
    lines = [(info, *_recorded(info, field, loss)) for info in infos]
    lines = [line for line in lines if len(line[1])]
    if not lines:
        return []
    first = max(shares[0] for _, shares, _, _ in lines)
    last = min(shares[-1] for _, shares, _, _ in lines)
    grid = np.unique(np.concatenate([shares for _, shares, _, _ in lines]))
    grid = grid[(grid >= first) & (grid <= last)]
    if not len(grid):
        return [_curve(line[1], [line]) for line in lines]
    return [_curve(grid, lines)]


def _recorded(info: RunInfo, field: str, loss: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the budget that are spent, x and losses, (N,) each. Where a record lacks the
    share, x stands in for it."""
    known = [r for r in info.history if r.get(loss) is not None and r.get(field) is not None]
    x, y = (np.array([r[name] for r in known], float) for name in (field, loss))
    shares = [r.get("progress") for r in known]
    return x if None in shares else np.array(shares, float), x, y


def _curve(grid: np.ndarray, lines: Sequence[_Line]) -> Curve:
    """Lines interpolated at some shares of the budget (N,) and averaged."""
    x = np.mean([np.interp(grid, shares, xs) for _, shares, xs, _ in lines], axis=0)
    y = np.stack([np.interp(grid, shares, ys) for _, shares, _, ys in lines])  # (seeds,N)
    return Curve(lines[0][0], len(lines), x, y.mean(0), y.min(0), y.max(0))


def clipped_share(history: Sequence[Mapping]) -> float:
    """The share of clipped steps of a training. A record stands for the steps since the last."""
    steps = np.diff([0, *(record["step"] for record in history)])
    return float(np.average([record["clipped"] for record in history], weights=steps))
