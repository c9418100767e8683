"""The loss after one step of training against the learning rate of the step, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.figures.style import across, color, new_figure

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

HEIGHT = 300
TOP = 2.6  # of the axis, times the loss before the step
ABOVE = 0.96  # where a loss that is above the axis is marked, as a share of it
TICKS = (0.01, 1, 100, 10_000)


def loss_by_rate(
    rnn_type: str,
    rates: Sequence[float],
    losses: np.ndarray | None,
    before: float,
    chosen: float,
    dark: bool,
) -> Figure:
    """Losses (R,) in nats after a step at each rate, and the loss before it; None: no step yet, so
    the axes are empty. Losses above the axis and those that are no number are marks at its top."""
    top = TOP * before
    title = "Loss after one step, nats"
    if losses is None:
        return new_figure([], _layout(title, before, top, "after update: 21 rates"))
    is_number, ink = np.isfinite(losses), color(rnn_type, dark)
    inside = is_number & (losses <= top)
    lines = [
        _line(rates, losses, is_number, ink),
        _marks(rates, losses, inside, "circle", ink, top),
        _marks(rates, losses, is_number & ~inside, "triangle-up", ink, top),
        _marks(rates, losses, ~is_number, "x", ink, top),
        _chosen(rates.index(chosen), rates, losses, inside, ink, top),
    ]
    note = "▲ above the axis" + ("" if is_number.all() else ", ✕ not a number")
    return new_figure(lines, _layout(title, before, top, "" if inside.all() else note))


def _line(rates: Sequence[float], losses: np.ndarray, shown: np.ndarray, ink: str) -> dict:
    at = np.array(rates)[shown]
    look = {"color": ink, "width": 2}
    return {"type": "scatter", "mode": "lines", "x": at, "y": losses[shown], "line": look} | {
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _marks(
    rates: Sequence[float],
    losses: np.ndarray,
    shown: np.ndarray,
    symbol: str,
    ink: str,
    top: float,
) -> dict[str, Any]:
    """Points at their losses, or at the top of the axis for what lies above it."""
    heights = losses[shown] if symbol == "circle" else np.full(int(shown.sum()), ABOVE * top)
    words = [f"{loss:.4g} nats" if np.isfinite(loss) else "not a number" for loss in losses[shown]]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": np.array(rates)[shown],
        "y": heights,
        "marker": {"color": ink, "size": 7, "symbol": symbol},
        "text": words,
        "hovertemplate": "lr %{x:g}: %{text}",
        "name": "",
        "showlegend": False,
    }


def _chosen(
    at: int, rates: Sequence[float], losses: np.ndarray, inside: np.ndarray, ink: str, top: float
) -> dict[str, Any]:
    """A ring around the chosen rate's point, with its loss."""
    loss = losses[at]
    words = f"{loss:.4g}" if np.isfinite(loss) else "not a number"
    third = 3 * at // len(rates)  # of the axis, whose ends leave no room beyond them
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [rates[at]],
        "y": [loss if inside[at] else ABOVE * top],
        "marker": {"color": "rgba(0,0,0,0)", "size": 15, "line": {"color": ink, "width": 3}},
        "text": [words],
        "textposition": f"bottom {('right', 'center', 'left')[third]}",
        "textfont": {"size": 15},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _layout(title: str, before: float, top: float, note: str) -> dict[str, Any]:
    said = {"showarrow": False, "xref": "paper", "opacity": 0.85}
    return {
        "title": {"text": title},
        "height": HEIGHT,
        "margin": {"l": 40, "r": 12, "t": 36, "b": 44},
        "xaxis": {
            "type": "log",
            "title": {"text": "learning rate (log)"},
            "range": [-2.15, 4.85],
            "tickvals": TICKS,
            "ticktext": [f"{tick:,}" for tick in TICKS],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {"range": [0, top], "nticks": 6, "fixedrange": True, "zeroline": False},
        "shapes": [across(before)],
        "annotations": [
            {"x": 0.01, "y": before, "xanchor": "left", "yanchor": "bottom", "text": "before"}
            | said,
            {"x": 1, "y": 0.02, "yref": "paper", "xanchor": "right", "yanchor": "bottom"}
            | {"text": note}
            | said,
        ],
    }
