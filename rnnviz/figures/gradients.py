"""How the gradient of one loss decays with distance, and what carries it, as figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.analysis.gradient_decay import GradientDecay, from_one, truncated
from rnnviz.figures.style import BELOW, across, new_figure, plain, power_ticks
from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

H_DASHES = ("solid", "longdash", "dashdot", "longdashdot")  # of several models; "dot" is a bound
C_DASHES = dict(zip(H_DASHES, ("dash", "2px 5px", "9px 3px", "9px 3px 2px 3px"), strict=True))
STEPS_BACK = 40  # whose factors are drawn: bars of more cannot be told apart
LAB_DECADES = 25  # that the laboratory shows above and below 1, at all settings


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
    """How far one loss of a model reaches back; `dash`: of its lines of h. `bound`: of what is
    carried, see `gradient_decay.singular_bound`. `counts`: whether the model is judged by this
    loss; if not, it is drawn pale."""

    name: str
    rnn_type: str
    color: str
    dash: str
    decay: GradientDecay
    bound: np.ndarray | None = None
    counts: bool = True

    @property
    def opacity(self) -> float:
        return 1.0 if self.counts else 0.3


def norm_lines(models: Sequence[ModelDecay], window: int, absolute: bool) -> list[Decay]:
    """The norms of dL/dh and, where there is a cell state, of dL/dc: each as a share of its norm
    at the target, or as they are.

    With truncated BPTT in windows of `window` tokens (0: none), what it never sees is pale.
    """
    lines = []
    for model in models:
        half_life = model.decay.half_life
        known = f", half-life {half_life:.1f}" if np.isfinite(half_life) else ""
        norms = [(f"{model.name} ∥∂L/∂h∥{known}", model.decay.h, model.dash)]
        if model.decay.c is not None:
            norms.append((f"{model.name} ∥∂L/∂c∥", model.decay.c, C_DASHES[model.dash]))
        for label, norm, dash in norms:
            drawn = norm if absolute else from_one(norm)
            seen = truncated(drawn, window) if window else drawn
            lines.append(Decay(label, model.color, seen, dash, model.opacity))
            if window:
                lines.append(Decay(label, model.color, drawn, dash, opacity=0.3, legend=False))
    return lines


def decay(lines: Sequence[Decay], title: str, y_title: str) -> Figure:
    """Norms against the distance t - s, on a log axis. Norms of exactly zero are not drawn."""
    found = np.concatenate([np.zeros(0), *(line.log10[np.isfinite(line.log10)] for line in lines)])
    return _decay(lines, title, {"title": {"text": y_title}, **power_ticks(found)})


def _decay(lines: Sequence[Decay], title: str, y_axis: dict[str, Any], **layout: Any) -> Figure:
    """`decay` with a y axis and more of the layout, as dicts."""
    data = [_line(line, len(line.log10)) for line in lines]
    x_axis = {"title": {"text": "distance t − s, tokens back"}, "showgrid": False}
    layout |= {
        "title": {"text": plain(title)},
        "height": 350,
        "margin": {"l": 70, "r": 10, "t": 40, "b": 50},
        "legend": BELOW,
        "xaxis": x_axis,
        "yaxis": y_axis,
    }
    return new_figure(data, layout)


def _line(line: Decay, most: int) -> dict[str, Any]:
    """The line over the first `most` distances."""
    values = np.where(np.isfinite(line.log10), line.log10, np.nan)[::-1][:most]
    return {
        "type": "scatter",
        "x": np.arange(len(values), dtype=np.int32),
        "y": values.astype(np.float32),
        "name": plain(line.label),
        "legendgroup": line.label,
        "mode": "lines" if np.isfinite(values).sum() > 1 else "markers",
        "line": {"color": line.color, "dash": line.dash, "width": 2},
        "opacity": line.opacity,
        "showlegend": line.legend,
        "hovertemplate": "%{x} tokens back: 10^%{y:.2f}",
    }


def laboratory(lines: Sequence[Decay]) -> Figure:
    """Shares of the gradient at the last token, on an axis that no setting moves."""
    ends = [-LAB_DECADES, LAB_DECADES]
    y_title = {"title": {"text": "share of ∥∂L/∂h∥ (log)"}}
    y_axis = {**y_title, "range": ends, **power_ticks(np.array(ends))}
    words = {"xref": "paper", "x": 0.01, "showarrow": False, "xanchor": "left", "opacity": 0.65}
    return _decay(
        lines,
        "∥∂L/∂h∥ of the last token's loss, untrained",
        y_axis,
        annotations=[
            {"y": y * LAB_DECADES, "text": text, **words}
            for y, text in ((0.9, "explodes"), (-0.9, "vanishes"))
        ],
        shapes=[across(0)],
    )


def carriers(models: Sequence[ModelDecay]) -> Figure:
    """What the memory of a layer alone does to the gradient, over the first STEPS_BACK steps back.

    Bars from 1 to the factor of each step, and below them the running product as a line; of a
    model with a bound, that too.
    """
    data: list[Any] = []
    for model in models:
        gate = CELL_TYPES[model.rnn_type].keep_gate or "W"
        label = f"{model.name}: {gate}{_typical(model.decay.factors)}"
        product = Decay(label, model.color, model.decay.carried, model.dash, model.opacity)
        data += [_bars(model, label), _line(product, STEPS_BACK + 1)]
        if model.bound is not None:
            bound = Decay(f"{model.name}: upper bound", model.color, model.bound, "dot")
            data.append(_line(bound, STEPS_BACK + 1))
    lines = [trace["y"] for trace in data if trace["type"] == "scatter"]
    shown = np.concatenate([np.zeros(1), *(y[np.isfinite(y)] for y in lines)])
    return new_figure(data, _carrier_layout(shown))


def _typical(factors: np.ndarray) -> str:
    """The median of the factors that are drawn, as text; "" where there is none.

    A gate that resets a unit once would move a mean of all steps.
    """
    factors = factors[:STEPS_BACK][np.isfinite(factors[:STEPS_BACK])]
    return f", typically ×{np.median(factors):.2f}" if len(factors) else ""


def _bars(model: ModelDecay, label: str) -> dict[str, Any]:
    factors = model.decay.factors[:STEPS_BACK].astype(np.float32)
    return {
        "type": "bar",
        "x": np.arange(1, len(factors) + 1, dtype=np.int32),
        "y": factors - 1,
        "base": 1,
        "customdata": factors,
        "name": plain(label),
        "legendgroup": label,
        "showlegend": False,
        "yaxis": "y2",
        "marker": {"color": model.color, "opacity": model.opacity, "line": {"width": 0}},
        "hovertemplate": "step %{x} back: times %{customdata:.3g}",
    }


def _carrier_layout(log10: np.ndarray) -> dict[str, Any]:
    """Bars above, lines below, over one x axis. `log10`: what the lines show."""
    return {
        "title": {"text": "What carries it, step by step back"},
        "height": 350,
        "margin": {"l": 70, "r": 10, "t": 40, "b": 50},
        "legend": BELOW,
        "barmode": "group",
        "bargap": 0.15,
        "xaxis": {"title": {"text": "steps back"}, "showgrid": False, "anchor": "y"},
        "yaxis": {
            "title": {"text": "product (log)"},
            "domain": [0, 0.56],
            **power_ticks(log10),
        },
        "yaxis2": {
            "title": {"text": "factor"},
            "domain": [0.64, 1],
            "zeroline": False,
            "rangemode": "tozero",
        },
        "shapes": [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": 1, "y1": 1}
            | {"line": {"color": "#888888", "width": 1}}
        ],
    }
