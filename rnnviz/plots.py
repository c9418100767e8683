"""Arrays in, plotly figure out. This module never sees a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

# One colour a cell type on every page (Okabe and Ito 2008), lightened for the dark theme.
COLORS = {"LSTM": "#0072B2", "GRU": "#E69F00", "RNN_TANH": "#009E73", "RNN_RELU": "#CC79A7"}
DARK_COLORS = COLORS | {"LSTM": "#56B4E9", "RNN_TANH": "#35C79A"}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

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
}
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


@dataclass(frozen=True)
class Panel:
    """Lines over the same places: `lines` name -> (T,), `text` (T,) what hover calls a place."""

    title: str
    color: str
    lines: Mapping[str, np.ndarray]
    text: Sequence[str]
    y_title: str
    y_range: tuple[float, float] | None = None


def line_panels(panels: Sequence[Panel], title: str, columns: int = 1) -> go.Figure:
    """One small plot a panel, its lines in one colour told apart by dash and end label."""
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[panel.title for panel in panels],
        vertical_spacing=0.28 / rows,
        horizontal_spacing=0.09,
    )
    for n, panel in enumerate(panels):
        place = {"row": n // columns + 1, "col": n % columns + 1}
        for dash, (name, values) in zip(DASHES, panel.lines.items(), strict=False):
            values = np.asarray(values, np.float32)
            figure.add_scatter(
                x=np.arange(1, len(values) + 1, dtype=np.int32),
                y=values,
                name=name,
                text=panel.text,
                mode="lines" if len(values) > 1 else "markers",
                line={"color": panel.color, "dash": dash, "width": 1.6},
                hovertemplate=f"%{{text}}  {name} = %{{y:.3f}}<extra></extra>",
                showlegend=False,
                **place,
            )
        _label_ends(figure, panel, place)
        figure.update_yaxes(title_text=panel.y_title, range=panel.y_range, **place)
        figure.update_xaxes(title_text="token", showgrid=False, **place)
    figure.update_layout(
        title_text=title,
        height=90 + 210 * rows,
        margin={"l": 60, "r": 40, "t": 80, "b": 50},
        hovermode="x",
    )
    return figure


def _label_ends(figure: go.Figure, panel: Panel, place: dict[str, int]) -> None:
    """Write each line's name at its last value, moved apart where they would cover each other."""
    ends = {name: float(np.asarray(v)[-1]) for name, v in panel.lines.items()}
    low, high = panel.y_range or (
        min(float(np.min(v)) for v in panel.lines.values()),
        max(float(np.max(v)) for v in panel.lines.values()),
    )
    gap, last = 0.11 * (high - low), -np.inf
    for name in sorted(ends, key=ends.get):
        last = max(ends[name], last + gap)
        figure.add_annotation(
            x=1.005, xref="x domain", y=last, text=f"<i>{name}</i>", showarrow=False,
            xanchor="left", font={"color": panel.color, "size": 14}, **place,
        )  # fmt: skip


@dataclass(frozen=True)
class Saturation:
    """Of one gate of one model: shares of time (H,) below 0.1 and above 0.9, a point a unit."""

    gate: str
    label: str
    color: str
    below: np.ndarray
    above: np.ndarray


def saturation(points: Sequence[Saturation], title: str) -> go.Figure:
    """Share of time above 0.9 against share below 0.1 (Karpathy, Johnson and Li 2015)."""
    gates = list(dict.fromkeys(point.gate for point in points))
    figure = make_subplots(
        rows=1,
        cols=len(gates),
        subplot_titles=[f"{SYMBOLS[gate]} {gate}" for gate in gates],
        horizontal_spacing=0.06,
    )
    for point in points:
        figure.add_scatter(
            x=point.below.astype(np.float32),
            y=point.above.astype(np.float32),
            mode="markers",
            name=point.label,
            legendgroup=point.label,
            showlegend=point.label not in {trace.name for trace in figure.data},
            marker={"color": point.color, "size": 6, "opacity": 0.55},
            text=[f"unit {unit}" for unit in range(len(point.below))],
            hovertemplate="%{text}: below 0.1 %{x:.0%} of the time, above 0.9 %{y:.0%}",
            row=1,
            col=gates.index(point.gate) + 1,
        )
    for column in range(1, len(gates) + 1):
        figure.add_scatter(
            x=[0, 1], y=[1, 0], mode="lines", line={"color": "#888", "width": 1, "dash": "dot"},
            hoverinfo="skip", showlegend=False, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title_text="share of time below 0.1", range=[-0.03, 1.03])
    figure.update_yaxes(range=[-0.03, 1.03])
    figure.update_yaxes(title_text="share of time above 0.9", col=1)
    figure.update_layout(
        title_text=title,
        height=430,
        margin={"l": 60, "r": 20, "t": 90, "b": 90},
        legend={"orientation": "h", "y": -0.22},
    )
    return figure
