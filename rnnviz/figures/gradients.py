"""How the gradient of one loss decays with distance, as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from rnnviz.analysis.gradient_decay import GradientDecay, truncated
from rnnviz.figures.style import plain, power_ticks

H_DASHES = ("solid", "longdash", "dashdot", "longdashdot")  # "dash" is c, "dot" a bound


@dataclass(frozen=True)
class Decay:
    """One line: log10 of the gradient norms (t+1,) of one loss over the states s = 0..t."""

    label: str
    color: str
    log10: np.ndarray
    dash: str = "solid"
    opacity: float = 1.0
    legend: bool = True


@dataclass(frozen=True, eq=False)
class ModelDecay:
    """How far one loss of a model reaches back; `dash`: of its lines of h."""

    name: str
    color: str
    dash: str
    decay: GradientDecay


def norm_lines(models: Sequence[ModelDecay], window: int) -> list[Decay]:
    """The norms of dL/dh and, where there is a cell state, of dL/dc.

    With truncated BPTT in windows of `window` tokens (0: none), what it never sees is pale.
    """
    lines = []
    for model in models:
        half_life = model.decay.half_life
        known = f", half-life {half_life:.1f}" if np.isfinite(half_life) else ""
        norms = [(f"{model.name} ∥∂L/∂h∥{known}", model.decay.h, model.dash)]
        if model.decay.c is not None:
            norms.append((f"{model.name} ∥∂L/∂c∥", model.decay.c, "dash"))
        for label, norm, dash in norms:
            seen = truncated(norm, window) if window else norm
            lines.append(Decay(label, model.color, seen, dash))
            if window:
                lines.append(Decay(label, model.color, norm, dash, opacity=0.3, legend=False))
    return lines


def carrier_lines(models: Sequence[ModelDecay], cell_state: bool, carrier: str) -> list[Decay]:
    """The true norm beside its bound, of the models with a bound: those with a cell state, or
    those without. `carrier`: what the bound is made of."""
    lines = []
    for model in models:
        found = model.decay
        if found.bound is not None and (found.c is not None) == cell_state:
            true = found.h if found.c is None else found.c
            lines.append(Decay(f"{model.name}, true norm", model.color, true, model.dash))
            lines.append(Decay(f"{model.name}, {carrier}", model.color, found.bound, "dot"))
    return lines


def decay(lines: Sequence[Decay], title: str, y_title: str) -> go.Figure:
    """Norms against the distance t - s, on a log axis. Norms of exactly zero are not drawn."""
    figure = go.Figure()
    for line in lines:
        values = np.where(np.isfinite(line.log10), line.log10, np.nan)[::-1]
        figure.add_scatter(
            x=np.arange(len(values), dtype=np.int32),
            y=values.astype(np.float32),
            name=plain(line.label),
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
        title_text=plain(title),
        height=440,
        margin={"l": 70, "r": 10, "t": 40, "b": 50},
        legend={"orientation": "h", "y": -0.2},
    )
    return figure
