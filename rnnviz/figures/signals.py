"""Arrays in, plotly figure out. This module never sees a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

# One colour a cell type on every page (Okabe and Ito 2008), lightened for the dark theme.
COLORS = {"LSTM": "#0072B2", "GRU": "#E69F00", "RNN_TANH": "#009E73", "RNN_RELU": "#CC79A7"}
DARK_COLORS = COLORS | {"LSTM": "#56B4E9", "RNN_TANH": "#35C79A"}

SYMBOLS = {
    "i": "input gate",
    "f": "forget gate",
    "g": "candidate",
    "o": "output gate",
    "r": "reset gate",
    "z": "update gate",
    "n": "candidate",
    "a": "pre-activation",
    "h": "hidden state",
    "c": "cell state",
    "∂L/∂x": "influence of each token",
}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MARKERS = dict(zip(DASHES, ("circle", "square", "diamond", "cross", "x"), strict=True))
_DARK_DIVERGING = ["#7CC4FF", "#3A8BD6", "#1F4F86", "#1A1C24", "#7F2B1E", "#D5573A", "#FFA27A"]


def scale(name: str, stops: int = 33) -> list[list[int]]:
    """RGB stops of a colour scale: sequential (0..1), diverging (around 0), diverging_dark, log."""
    colors = {
        "sequential": "Cividis",
        "diverging": "RdBu_r",
        "diverging_dark": _DARK_DIVERGING,
        "log": "Viridis",
    }[name]
    sampled = sample_colorscale(colors, list(np.linspace(0, 1, stops)), colortype="tuple")
    return [[round(255 * part) for part in rgb] for rgb in sampled]


def color(kind: str, dark: bool = False) -> str:
    return (DARK_COLORS if dark else COLORS)[kind]


def dashes(kinds: Sequence[str]) -> list[str]:
    """A dash a line: cell types have their colour, lines of one type are told apart by this."""
    return [DASHES[kinds[:i].count(kind) % len(DASHES)] for i, kind in enumerate(kinds)]


def log_axis(low: float, high: float, form: str) -> dict[str, Any]:
    """A logarithmic axis from low to high with at least three round numbers, written in full:
    plotly's own ticks are digits without their zeros."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1, max(1, (last - first) // 6))
    ticks: list[float] = []
    for digits in ((1,), (1, 3), (1, 2, 5)):
        if len(ticks) < 3:
            numbers = [float(f"{digit}e{power}") for power in powers for digit in digits]
            ticks = [number for number in numbers if low <= number <= high]
    top = math.floor(math.log10(high - low))  # within a decade: equal steps
    for step in (digit * 10.0**power for power in (top, top - 1) for digit in (5, 2, 1)):
        if len(ticks) < 3:
            places = range(math.ceil(low / step), math.floor(high / step) + 1)
            ticks = [float(f"{place * step:.10g}") for place in places]
    shown = {"tickvals": ticks, "tickformat": form, "tickangle": 0}
    return {"type": "log", "range": [math.log10(low), math.log10(high)], **shown}


def around(values: np.ndarray) -> tuple[float, float]:
    """The range of a logarithmic axis for these values: those above zero, and a margin."""
    values = values[values > 0]
    if not len(values):
        return 0.1, 10.0
    low, high = float(values.min()), float(values.max())
    margin = max(1.02, (high / low) ** 0.05)
    return low / margin, high * margin


def signals(
    lines: Mapping[str, np.ndarray],
    text: Sequence[str],
    title: str,
    color: str,
    ranges: Mapping[str, tuple[float, float]],
) -> go.Figure:
    """One row a signal (T,) over the same tokens, `text` (T,) what hover calls each token.

    Signals named in `ranges` keep that range, the others fit their row.
    """
    # The layout is built whole: plotly's own subplots, changed axis by axis, take six times as long
    rows = len(lines)
    height = (1 - 0.02 * (rows - 1)) / rows
    layout: dict[str, Any] = {
        "title": {"text": title},
        "height": 100 + 72 * rows,
        "margin": {"l": 60, "r": 10, "t": 40, "b": 45},
        "hovermode": "x",
        "hoversubplots": "axis",
    }
    data = []
    for row, (name, values) in enumerate(lines.items(), start=1):
        values, number = np.asarray(values, np.float32), str(row) if row > 1 else ""
        data.append(
            go.Scatter(
                x=np.arange(1, len(values) + 1, dtype=np.int32),
                y=values,
                text=text,
                mode="lines" if len(values) > 1 else "markers",
                line={"color": color, "width": 1.4},
                hovertemplate=f"%{{text}}   <i>{name}</i> = %{{y:.3f}}<extra></extra>",
                showlegend=False,
                xaxis=f"x{number}",
                yaxis=f"y{number}",
            )
        )
        bottom = (rows - row) * (height + 0.02)
        layout[f"yaxis{number}"] = {
            "anchor": f"x{number}",
            "domain": [bottom, bottom + height],
            "title": {"text": f"<i>{name}</i>", "font": {"size": 15}},
            "nticks": 3,
            "range": ranges.get(name),
            "zeroline": True,
        }
        shared = {"matches": f"x{rows}", "showticklabels": False}
        last = {"title": {"text": "token"}}
        layout[f"xaxis{number}"] = {
            "anchor": f"y{number}",
            "domain": [0, 1],
            "showgrid": False,
            **(shared if row < rows else last),
        }
    return go.Figure(data, layout)


@dataclass(frozen=True)
class Saturation:
    """Of one gate of one model: shares of time (H,) below 0.1 and above 0.9, a point a unit."""

    gate: str
    label: str
    color: str
    below: np.ndarray
    above: np.ndarray


def saturation(points: Sequence[Saturation]) -> go.Figure:
    """Of one gate: share of time above 0.9 against share below 0.1 (Karpathy et al. 2015)."""
    figure = go.Figure()
    for point in points:
        figure.add_scatter(
            x=point.below.astype(np.float32),
            y=point.above.astype(np.float32),
            mode="markers",
            name=point.label,
            showlegend=len(points) > 1,
            marker={"color": point.color, "size": 6, "opacity": 0.55},
            text=[f"unit {unit}" for unit in range(len(point.below))],
            hovertemplate="%{text}: below 0.1 %{x:.0%} of the time, above 0.9 %{y:.0%}",
        )
    edge = {"color": "#888888", "width": 1, "dash": "dot"}  # the two shares add up to at most 1
    figure.add_scatter(
        x=[0, 1], y=[1, 0], mode="lines", line=edge, hoverinfo="skip", showlegend=False
    )
    figure.update_xaxes(title_text="share of time below 0.1", range=[-0.03, 1.03])
    figure.update_yaxes(title_text="share above 0.9", range=[-0.03, 1.03])
    figure.update_layout(
        title_text=f"{SYMBOLS[points[0].gate].capitalize()} {points[0].gate}",
        height=330,
        margin={"l": 60, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.25},
    )
    return figure


def half_lives(runs: Sequence[tuple[str, str, np.ndarray]], title: str) -> go.Figure:
    """How many units (label, colour, half-lives (H,) in tokens) halve their memory in how long."""
    edges = np.logspace(-1, 5, 31)
    figure = go.Figure()
    runs = [(*run, np.clip(tokens, edges[0], edges[-1])) for *run, tokens in runs]
    for label, color, tokens in runs:
        counts, _ = np.histogram(tokens, edges)
        figure.add_bar(
            x=np.sqrt(edges[:-1] * edges[1:]),
            y=counts,
            width=np.diff(edges),
            name=label,
            marker={"color": color, "opacity": 0.6, "line": {"width": 0}},
            hovertemplate="about %{x:.1f} tokens: %{y} units",
        )
    span = around(np.concatenate([tokens for *_, tokens in runs]))
    title_text = "half-life of the memory, tokens (log)"
    figure.update_xaxes(title_text=title_text, **log_axis(*span, "~g"))
    figure.update_yaxes(title_text="units")
    figure.update_layout(
        title_text=title,
        barmode="overlay",
        height=340,
        margin={"l": 60, "r": 10, "t": 40, "b": 50},
        showlegend=True,
        legend={"orientation": "h", "y": -0.25},
    )
    return figure


def _powers(log10: np.ndarray) -> dict[str, Any]:
    """Ticks of an axis of logarithms: whole powers of ten; within a decade or two, 2 and 5 too."""
    low, high = (log10.min(), log10.max()) if len(log10) else (0.0, 3.0)
    if high - low >= 2:
        step = math.ceil((high - low) / 7)
        return {"tick0": 0, "dtick": step, "tickprefix": "10<sup>", "ticksuffix": "</sup>"}
    powers = range(math.floor(low) - 1, math.ceil(high) + 1)
    ticks = {
        power + math.log10(digit): f"{digit}·10<sup>{power}</sup>"
        for power in powers
        for digit in (1, 2, 5)
    }
    return {"tickvals": list(ticks), "ticktext": list(ticks.values())}


@dataclass(frozen=True)
class Decay:
    """log10 of norms (t+1,) of one loss over the states s = 0..t, as one line."""

    label: str
    color: str
    log10: np.ndarray
    dash: str = "solid"
    opacity: float = 1.0
    legend: bool = True


def decay(lines: Sequence[Decay], title: str, y_title: str) -> go.Figure:
    """Norms against the distance t - s, on a log axis; what is exactly zero is not drawn."""
    figure = go.Figure()
    for line in lines:
        values = np.where(np.isfinite(line.log10), line.log10, np.nan)[::-1]
        figure.add_scatter(
            x=np.arange(len(values), dtype=np.int32),
            y=values.astype(np.float32),
            name=line.label,
            mode="lines" if np.isfinite(values).sum() > 1 else "markers",
            line={"color": line.color, "dash": line.dash, "width": 2},
            opacity=line.opacity,
            showlegend=line.legend,
            hovertemplate="%{x} tokens back: 10<sup>%{y:.2f}</sup>",
        )
    figure.update_xaxes(title_text="distance t − s, tokens back", showgrid=False)
    found = np.concatenate([np.zeros(0), *(line.log10[np.isfinite(line.log10)] for line in lines)])
    figure.update_yaxes(title_text=y_title, **_powers(found))
    figure.update_layout(
        title_text=title,
        height=440,
        margin={"l": 70, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


NEXT_TOKENS = 80  # that a figure shows at once: more lines than that cannot be followed


@dataclass(frozen=True)
class Line:
    """One run, or several as their mean (N,) with a band from `low` to `high`."""

    label: str
    color: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dash: str = "solid"


def next_tokens(lines: Sequence[Line], text: Sequence[str], title: str) -> go.Figure:
    """Probabilities (T,) that models gave to each token before they read it.

    A long text is shown from its start, with a strip below it that moves what is shown.
    """
    figure = go.Figure()
    is_long = len(text) > NEXT_TOKENS
    for line in lines:
        figure.add_scatter(
            x=line.x,
            y=line.y,
            text=text,
            name=line.label,
            mode="lines+markers",
            line={"color": line.color, "dash": line.dash, "width": 1.2},
            marker={"size": 4},
            hovertemplate="%{text}   p = %{y:.3f}",
        )
    figure.update_xaxes(title_text="token", showgrid=False)
    if is_long:
        strip = {"visible": True, "thickness": 0.12}
        figure.update_xaxes(range=[0.5, NEXT_TOKENS + 0.5], rangeslider=strip)
    figure.update_yaxes(title_text="probability", range=[-0.03, 1.03])
    figure.update_layout(
        title_text=title,
        height=400 if is_long else 360,
        margin={"l": 60, "r": 10, "t": 90, "b": 50},
        hovermode="x",
        showlegend=True,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )
    return figure
