"""How the gradient of one loss decays with distance, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from rnnviz.figures.style import power_ticks


@dataclass(frozen=True)
class Decay:
    """One line: log10 of the gradient norms (t+1,) of one loss over the states s = 0..t."""

    label: str
    color: str
    log10: np.ndarray
    dash: str = "solid"
    opacity: float = 1.0
    legend: bool = True


def decay(lines: Sequence[Decay], title: str, y_title: str) -> go.Figure:
    """Norms against the distance t - s, on a log axis. Norms of exactly zero are not drawn."""
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
    figure.update_yaxes(title_text=y_title, **power_ticks(found))
    figure.update_layout(
        title_text=title,
        height=440,
        margin={"l": 70, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    return figure
