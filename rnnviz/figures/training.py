"""Losses, gradient norms and learning rates over a training, as figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.figures.style import (
    BELOW,
    DIGITS,
    MARKERS,
    across,
    log_axis,
    log_range,
    new_figure,
    plain,
)
from rnnviz.nn.perplexity import perplexity_text

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

MAX_NATS = 80.0  # the highest loss on an axis: exp of it, on the right, is still a float32
USUAL_NATS = 12.0  # about ln of the largest vocabulary: the loss of uniform guessing


@dataclass(frozen=True)
class Learning:
    """One model in training, all (N,): losses in nats a token, NaN where none was taken."""

    label: str
    color: str
    dash: str
    step: np.ndarray
    loss: np.ndarray
    valid_loss: np.ndarray


@dataclass(frozen=True)
class Line:
    """One run; or the mean (N,) of several, with a band from `low` to `high`."""

    label: str
    color: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dash: str = "solid"


def learning(runs: Sequence[Learning], title: str) -> Figure:
    """Training loss (lines) and validation loss (markers); the right axis shows perplexity."""
    low, high, cut = _loss_range(runs)
    right = {
        **log_axis(np.exp(low), np.exp(high), "~g"),
        "range": [low / np.log(10), high / np.log(10)],
        "title": {"text": "perplexity (log)"},
        "overlaying": "y",
        "side": "right",
        "showgrid": False,
        "fixedrange": True,
    }
    figure = new_figure(layout={"yaxis2": right})
    for run in runs:
        _add_losses(figure, run)
    # An axis without a trace is not drawn. Both axes are fixed: the right one is exp of the left.
    figure.add_scatter(x=[None], y=[None], yaxis="y2", showlegend=False, hoverinfo="skip")
    figure.update_xaxes(title_text="training step", showgrid=False)
    figure.update_layout(
        title_text=plain(title) + cut,
        yaxis={"title_text": "loss, nats a token", "range": [low, high], "fixedrange": True},
        height=364,
        margin={"l": 60, "r": 60, "t": 40, "b": 50},
        showlegend=True,
        legend=BELOW,
    )
    return figure


def _add_losses(figure: Figure, run: Learning) -> None:
    """Add a model's training and validation losses to a figure."""
    evaluated = np.isfinite(run.valid_loss)
    lines = [
        ("training", run.step, run.loss, "lines" if len(run.step) > 1 else "markers", 4),
        ("validation", run.step[evaluated], run.valid_loss[evaluated], "markers", 9),
    ]
    for what, x, y, mode, size in lines:
        figure.add_scatter(
            x=x.astype(np.int32),
            y=y.astype(np.float32),
            customdata=[perplexity_text(nats) for nats in y],
            name=plain(run.label),
            mode=mode,
            line={"color": run.color, "dash": run.dash, "width": 1.4},
            marker={"color": run.color, "symbol": MARKERS[run.dash], "size": size},
            legendgroup=run.label,
            showlegend=what == "training",
            hovertemplate=f"{what}, step %{{x}}: %{{y:.4g}} nats, perplexity %{{customdata}}",
        )


def _loss_range(runs: Sequence[Learning]) -> tuple[float, float, str]:
    """The range of the loss axis, and a note for the title where the highest losses are cut.

    The first losses of a ReLU-RNN may be a million nats; an axis that held them would flatten
    all others into one line.
    """
    found = np.concatenate([np.zeros(0), *(r.loss for r in runs), *(r.valid_loss for r in runs)])
    found = found[np.isfinite(found)]
    low, highest = (found.min(), found.max()) if len(found) else (0.0, 5.0)
    most = min(max(USUAL_NATS, 3 * np.median(found)), MAX_NATS) if len(found) else USUAL_NATS
    high = min(highest, most)
    low = min(low, high)
    cut = f" (cut: the highest loss is {highest:,.0f})" if highest > most else ""
    margin = 0.05 * (high - low + 0.1)
    return low - margin, high + margin, cut


def learning_rates(runs: Sequence[tuple], title: str) -> Figure:
    """The learning rate over training. A run: label, colour, steps (N,), rates (N,) and,
    optionally, a dash."""
    axis = {"title": {"text": "learning rate"}, "rangemode": "tozero", "tickformat": "~g"}
    return _over_training(runs, title, axis)


def training_norms(runs: Sequence[tuple], clip: float | None, title: str) -> Figure:
    """Gradient norms before clipping. A run: label, colour, steps (N,), norms (N,) and,
    optionally, a dash. `clip` is drawn as a dotted line."""
    found = np.concatenate([[] if clip is None else [clip], *(run[3] for run in runs)])
    axis = {"title": {"text": "gradient norm (log)"}, **log_axis(*log_range(found), "~g")}
    if clip is None:
        return _over_training(runs, title, axis)
    # On a log axis an annotation's y is log10 of its value.
    at = {"x": 1, "xref": "paper", "xanchor": "left", "y": np.log10(clip)}
    return _over_training(
        runs,
        title,
        axis,
        right=36,
        shapes=[across(clip)],
        annotations=[{"text": "clip", "showarrow": False, **at}],
    )


def _over_training(
    runs: Sequence[tuple], title: str, y_axis: dict[str, Any], right: int = 10, **layout: Any
) -> Figure:
    """Lines over training steps; `runs` as in `training_norms`. `right`: pixels beside the axes;
    `layout`: more of it."""
    data = [
        {
            "type": "scatter",
            "x": steps,
            "y": values,
            "name": plain(label),
            "mode": "lines" if len(steps) > 1 else "markers",
            "line": {"color": color, "width": 1.5, "dash": dash[0] if dash else "solid"},
            "hovertemplate": f"step %{{x}}: %{{y:{DIGITS}}}",
        }
        for label, color, steps, values, *dash in runs
    ]
    layout |= {
        "title": {"text": plain(title)},
        "height": 322,
        "margin": {"l": 70, "r": right, "t": 40, "b": 50},
        "legend": BELOW,
        "xaxis": {"title": {"text": "training step"}},
        "yaxis": y_axis,
    }
    return new_figure(data, layout)


def learning_curves(lines: Sequence[Line], title: str, x_title: str) -> Figure:
    """Losses in nats a token over training, both axes logarithmic."""
    figure = new_figure()
    for line in lines:
        _add_curve(figure, line)
    x = np.concatenate([line.x for line in lines])
    y = np.concatenate(
        [v for line in lines for v in (line.y, line.low, line.high) if v is not None]
    )
    x_axis, y_axis = log_axis(*log_range(x), "~s"), log_axis(*log_range(y), "~g")
    figure.update_xaxes(title_text=f"{x_title} (log)", showgrid=False, **x_axis)
    figure.update_yaxes(title_text="nats a token (log)", **y_axis)
    figure.update_layout(
        title_text=plain(title),
        height=364,
        margin={"l": 60, "r": 10, "t": 40, "b": 50},
        hovermode="x unified",
        showlegend=True,
        legend={**BELOW, "traceorder": "normal"},
    )
    return figure


def _add_curve(figure: Figure, line: Line) -> None:
    """Add a curve and its band to a figure. The band of a single point is an error bar."""
    bar = None
    if line.low is not None and len(line.x) > 1:
        red, green, blue = (int(line.color[i : i + 2], 16) for i in (1, 3, 5))
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=line.x, y=line.low, **edge)
        tint = f"rgba({red}, {green}, {blue}, 0.2)"
        figure.add_scatter(x=line.x, y=line.high, fill="tonexty", fillcolor=tint, **edge)
    elif line.low is not None:
        bar = {"array": line.high - line.y, "arrayminus": line.y - line.low}
    figure.add_scatter(
        x=line.x,
        y=line.y,
        error_y=bar,
        name=plain(line.label),
        mode="lines" if len(line.x) > 1 else "markers",
        line={"color": line.color, "dash": line.dash, "width": 2},
        marker={"color": line.color, "size": 8},
        hovertemplate="%{y:.4g} nats",
    )
