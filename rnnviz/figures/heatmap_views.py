"""Heatmaps and coloured texts of views: which arrays, on which scale, in which order of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rnnviz.analysis.text_view import WINDOW, View, memory, unit_order
from rnnviz.figures import style
from rnnviz.figures.heatmap_message import Model, Panel, Text, pack
from rnnviz.nn.cell_types import CELL_TYPES, SIGMOIDS

MIN_LIMIT = 0.1  # of a colour scale: small values alone are not stretched over all colours


def gate_message(views: Sequence[View], order: str, first: int, dark: bool) -> bytes:
    """Heatmaps of all gates of some runs; of an RNN its pre-activation a and its h."""
    arrays = [
        v.gates | ({} if CELL_TYPES[v.info.rnn_type].sigmoids else {"h": v.states["h"]})
        for v in views
    ]
    return _message(views, arrays, order, first, dark, 4)


def state_message(views: Sequence[View], order: str, first: int, dark: bool) -> bytes:
    """Heatmaps of the states of some runs: c, where there is one, and h."""
    arrays = [dict(sorted(v.states.items())) for v in views]
    return _message(views, arrays, order, first, dark, 2)


def _message(
    views: Sequence[View],
    arrays: Sequence[Mapping[str, np.ndarray]],
    order: str,
    first: int,
    dark: bool,
    columns: int,
) -> bytes:
    """Heatmaps of arrays name -> (T,H) of each run.

    The window shown begins at token `first` of the run with the most tokens; every run shows the
    tokens it has at the same place in the text. Units are ordered by their memory gate.
    """
    limits = color_limits(views, arrays)
    texts: dict[tuple[str, ...], Text] = {}
    models = []
    for view, named, inside in zip(views, arrays, windows(views, first), strict=True):
        tokens = tuple(np.array(view.tokens, object)[inside])
        texts.setdefault(tokens, Text(tokens, view.spans[inside]))
        ordering = view.gates[CELL_TYPES[view.info.rnn_type].orders_units]
        models.append(
            Model(
                label=style.cell_name(view.info.rnn_type),
                title=f"{view.info.name}, {ordering.shape[1]} units",
                color=style.color(view.info.rnn_type, dark),
                text=list(texts).index(tokens),
                units=unit_order(ordering, order),
                panels=[
                    Panel(
                        name, values[inside], *color_scale(view, name, limits), by_tanh=name == "c"
                    )
                    for name, values in named.items()
                ],
            )
        )
    return pack(list(texts.values()), models, columns)


def windows(views: Sequence[View], first: int) -> list[np.ndarray]:
    """Of each run, whether a token is in the window that is shown (T,): it begins at token `first`
    of the run with the most tokens."""
    longest = max(views, key=lambda view: len(view.tokens))
    window = longest.spans[first : first + WINDOW]
    return [(v.spans[:, 1] > window[0, 0]) & (v.spans[:, 0] < window[-1, 1]) for v in views]


def color_scale(view: View, name: str, limits: Mapping[str, float]) -> tuple[str, float, float]:
    """Scale and limits of an array: gates 0..1, candidates, tanh(c) and bounded states -1..1, what
    has no bound -limit..limit."""
    if name in SIGMOIDS:
        return "sequential", 0.0, 1.0
    limit = limits[name] if _is_unbounded(view, name) else 1.0
    return "diverging", -limit, limit


def color_limits(
    views: Sequence[View], arrays: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, float]:
    """By name, the limit of colours of the arrays without a bound, shared by all runs.

    99% of each array's values are within it: a few units grow very large.
    """
    limits: dict[str, float] = {}
    for view, named in zip(views, arrays, strict=True):
        for name in filter(lambda name: _is_unbounded(view, name), named):
            most = float(np.percentile(np.abs(named[name]), 99))
            limits[name] = max(limits.get(name, MIN_LIMIT), most)
    return limits


def _is_unbounded(view: View, name: str) -> bool:
    """Whether the colours of an array have no bound: of a and of the h of a ReLU-RNN. c is coloured
    by tanh(c), the part of it that h reads: a few units grow so large that all others were pale."""
    return name == "a" or (name == "h" and not CELL_TYPES[view.info.rnn_type].bounded)


def coloured_text_message(view: View, unit: int) -> bytes:
    """The text coloured by what one unit holds after each token."""
    held = memory(view)[: 2 * WINDOW, unit]
    limit = max(1.0, float(np.abs(held).max()))
    text = Text(view.tokens[: len(held)], view.spans[: len(held)], held, lo=-limit, hi=limit)
    return pack([text], [])


def influence_message(views: Sequence[View], log10: Sequence[np.ndarray], dark: bool) -> bytes:
    """Matrices (T,T) of log10 influence, losses from top to bottom; those that do not count are
    left empty. Colours span six decades below the largest of each model: where losses are nearly
    0, so is every influence."""
    texts: dict[tuple[str, ...], Text] = {}
    models = []
    for view, matrix in zip(views, log10, strict=True):
        steps = len(matrix)
        counts = view.counts[1 : steps + 1, None]  # (T,1)
        matrix = np.where(counts, matrix, -np.inf)
        finite = matrix[np.isfinite(matrix)]
        hi = float(finite.max()) if finite.size else 0.0
        tokens = view.tokens[:steps]
        texts.setdefault(tokens, Text(tokens, view.spans[:steps]))
        models.append(
            Model(
                label=style.cell_name(view.info.rnn_type),
                title=view.info.name,
                color=style.color(view.info.rnn_type, dark),
                text=list(texts).index(tokens),
                units=np.arange(steps),
                panels=[Panel("\u2202L/\u2202x", matrix.T, "log", hi - 6, hi)],
                row="loss at token",
                count_from=1,
            )
        )
    return pack(list(texts.values()), models, columns=1, beside=2)
