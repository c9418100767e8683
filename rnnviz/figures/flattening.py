"""The distribution of the next token at every temperature up to infinity, as a figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.analysis.flattening import PLACES, NextToken, place_of, temperature_at
from rnnviz.figures.style import new_figure, plain, power_ticks

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

TICKS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, math.inf)
LOWEST = -7.0  # log10 of the smallest probability shown


def temperature_text(temperature: float) -> str:
    """A temperature for people to read."""
    return "∞" if math.isinf(temperature) else f"{temperature:g}"


def flattening(found: NextToken, temperature: float, dark: bool) -> Figure:
    """Above, the likeliest tokens at one temperature; below, how they and the least likely one go
    to 1/V as it grows."""
    first, muted = ("#56B4E9", "#7d8494") if dark else ("#0072B2", "#8a909c")
    uniform = math.log10(1 / len(found.logits))
    (now,) = found.probabilities([temperature])
    everywhere = found.probabilities([temperature_at(place) for place in PLACES])  # (K,V)
    figure = new_figure(
        [
            _bars(found, now, first, muted),
            *_lines(found, everywhere, first, muted),
        ],
        _layout(temperature, uniform),
    )
    return figure


def _bars(found: NextToken, now: np.ndarray, first: str, muted: str) -> dict[str, Any]:
    p = now[found.order[:-1]]
    return {
        "type": "bar",
        "x": [plain(token) for token in found.tokens[:-1]],
        "y": p,
        "text": [f"{one:.1%}" if one >= 0.001 else f"{one:.3%}" for one in p],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": [first, *[muted] * (len(p) - 1)]},
        "hovertemplate": "%{x}: %{y:.3%}",
        "showlegend": False,
        "yaxis": "y2",
        "xaxis": "x2",
        "name": "",
    }


def _lines(
    found: NextToken, everywhere: np.ndarray, first: str, muted: str
) -> list[dict[str, Any]]:
    """log10 of the probabilities (K,V) of the tokens shown, along the axis."""
    with np.errstate(divide="ignore"):
        logs = np.log10(everywhere[:, found.order])  # (K,11)
    names = [f"{plain(token)}" for token in found.tokens]
    lines = []
    for n, name in enumerate(names):
        is_last = n == len(names) - 1
        looks = {"color": first if n == 0 else muted, "width": 2.5 if n == 0 or is_last else 1}
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": PLACES,
                "y": np.where(logs[:, n] < 2 * LOWEST, np.nan, logs[:, n]),
                "name": name,
                "line": looks | {"dash": "dash" if is_last else "solid"},
                "hovertemplate": f"{name}: 10^%{{y:.2f}}",
                "showlegend": False,
            }
        )
    return lines


def _layout(temperature: float, uniform: float) -> dict[str, Any]:
    shown = temperature_text(temperature)
    place = place_of(temperature)
    grey = {"color": "#888888", "width": 1, "dash": "dot"}
    return {
        "title": {"text": f"The ten likeliest tokens at T = {shown}"},
        "height": 410,
        "margin": {"l": 70, "r": 20, "t": 40, "b": 50},
        "xaxis2": {"anchor": "y2", "showgrid": False, "fixedrange": True, "type": "category"},
        "yaxis2": {"domain": [0.6, 0.96], "tickformat": ".0%", "title": {"text": "probability"}}
        | {"rangemode": "tozero", "nticks": 4, "fixedrange": True},
        "xaxis": {
            "title": {"text": "temperature T"},
            "range": [0, 1.0],
            "tickvals": [place_of(t) for t in TICKS],
            "ticktext": [temperature_text(t) for t in TICKS],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "title": {"text": "probability (log)"},
            "domain": [0, 0.42],
            "range": [LOWEST, 0.2],
            "zeroline": False,
            "fixedrange": True,
            **power_ticks(np.array([LOWEST, 0.0])),
        },
        "shapes": [
            {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 0.42, "yref": "paper"}
            | {"line": {"color": "#888888", "width": 2}},
            {"type": "line", "x0": 0, "x1": 1, "y0": uniform, "y1": uniform, "line": grey},
        ],
        "annotations": [
            {"x": 0.52, "y": uniform, "xanchor": "left", "yanchor": "bottom", "showarrow": False}
            | {"text": "1/V, all equally likely", "opacity": 0.8}
        ],
    }
