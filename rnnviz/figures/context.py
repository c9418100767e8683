"""How much of the past models use: losses against visible context, and two measures of memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnviz.analysis.context_use import LONGEST, ContextUse
from rnnviz.figures.style import BELOW, new_figure, plain

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

STEPS = "#888888"  # of windows: no cell type's colour
UPPER, ROW, AROUND = 270, 26, 150  # pixels: of the curves, a model below them, all else


@dataclass(frozen=True, eq=False)
class ModelUse:
    """What a model uses of the past, and how it is drawn."""

    label: str
    color: str
    dash: str
    use: ContextUse


def context(
    models: Sequence[ModelUse], windows: Mapping[int, float], rows: Sequence[str]
) -> Figure:
    """Losses by how many tokens of the past are known, over a panel with two measures of each
    model's memory. `windows`: the loss of models that see a window of so many tokens. `rows`: the
    labels of all models, of which some may not be measured yet."""
    data, longest = [_curve(model) for model in models], _longest(models)
    data.append({"type": "scatter", "x": [1], "y": [None], "yaxis": "y2", "showlegend": False})
    for place, model in enumerate(models):
        data += _memories(model, list(rows).index(model.label), longest, place == 0)
    lower = 24 + ROW * len(rows)
    share = lower / (UPPER + lower)
    names = {"tickvals": list(range(len(rows))), "ticktext": [plain(row) for row in rows]}
    layout: dict[str, Any] = _layout(windows, longest, data) | {
        "height": UPPER + lower + AROUND,
        "yaxis2": {"domain": [0, share], "range": [len(rows) - 0.4, -0.6], "showgrid": False}
        | {"zeroline": False, "automargin": True, **names},
    }
    layout["xaxis"]["anchor"] = "y2"
    layout["yaxis"]["domain"] = [share + 0.05, 1]
    return new_figure(data, layout)


def losses(models: Sequence[ModelUse], windows: Mapping[int, float]) -> Figure:
    """The upper panel alone."""
    data = [_curve(model) for model in models]
    return new_figure(data, _layout(windows, _longest(models), data) | {"height": 220})


def _longest(models: Sequence[ModelUse]) -> int:
    return max((max(model.use.loss.distances) for model in models), default=LONGEST)


def _layout(
    windows: Mapping[int, float], longest: int, data: list[dict[str, Any]]
) -> dict[str, Any]:
    """What both figures share; the line of the windows is added to `data`."""
    if windows:
        data.append(_steps(windows, longest))
    powers = [2**n for n in range(longest.bit_length())]
    return {
        "title": {"text": "Loss by what is known of the past"},
        "margin": {"l": 60, "r": 12, "t": 40, "b": 50},
        "legend": BELOW,
        "xaxis": {"type": "log", "tickvals": powers, "showgrid": False}
        | {"range": [-0.06, math.log10(longest) + 0.06]}
        | {"title": {"text": "tokens that are known (log)"}},
        "yaxis": {"title": {"text": "loss, nats a token"}, "rangemode": "nonnegative"},
    }


def _curve(model: ModelUse) -> dict[str, Any]:
    loss = model.use.loss
    return {
        "type": "scatter",
        "x": list(loss.distances),
        "y": loss.mean,
        "error_y": {"array": loss.standard_error, "thickness": 1, "width": 3},
        "mode": "lines+markers",
        "name": plain(model.label),
        "line": {"color": model.color, "dash": model.dash, "width": 2},
        "hovertemplate": "%{x} tokens: %{y:.3f} nats",
    }


def _steps(windows: Mapping[int, float], longest: int) -> dict[str, Any]:
    """More of the past than its window changes nothing for a model without a state."""
    sizes = [*windows, longest]
    return {
        "type": "scatter",
        "x": sizes,
        "y": [*windows.values(), list(windows.values())[-1]],
        "mode": "lines+markers",
        "line": {"color": STEPS, "shape": "hv", "width": 2, "dash": "dot"},
        "marker": {"symbol": "square", "size": [8] * len(windows) + [0]},
        "name": "no state: a window of so many tokens",
        "hovertemplate": "a window of %{x}: %{y:.3f} nats",
    }


def _memories(model: ModelUse, row: int, longest: int, in_legend: bool) -> list[dict[str, Any]]:
    """A dot where the loss gains no more, a diamond at the half-life of the gradient."""
    enough, half = model.use.loss.enough, model.use.half_life
    shown = min(max(half, 1.0), longest) if not math.isnan(half) else None
    told = "longer than the axis" if half > longest else f"{half:.3g} tokens"
    name = plain(model.label)
    common = {"type": "scatter", "yaxis": "y2", "showlegend": in_legend}
    dot = common | {
        "x": [enough],
        "y": [row],
        "mode": "markers",
        "legendgroup": "enough",
        "name": "gains no more",
        "marker": {"color": model.color, "size": 11},
        "hovertemplate": f"{name} gains no more beyond %{{x}} tokens<extra></extra>",
    }
    if shown is None:
        return [dot]
    diamond = common | {
        "x": [shown],
        "y": [row],
        "mode": "markers",
        "legendgroup": "half",
        "name": "half-life of its gradient",
        "marker": {
            "color": model.color,
            "size": 12,
            "symbol": "triangle-right" if half > longest else "diamond-open",
            "line": {"width": 2},
        },
        "hovertemplate": f"{name}: half of a gradient is left after {told}<extra></extra>",
    }
    line = {"color": model.color, "width": 1}
    between = common | {"x": [enough, shown], "y": [row, row], "mode": "lines", "line": line}
    return [between | {"hoverinfo": "skip", "showlegend": False}, dot, diamond]
