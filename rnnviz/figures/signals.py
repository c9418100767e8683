"""Gates and states as figures: signals along a text, saturation, how long units hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.analysis.stretches import Held
from rnnviz.analysis.text_view import Saturation
from rnnviz.figures.style import (
    BELOW,
    DIGITS,
    MARKERS,
    PATTERNS,
    SYMBOLS,
    log_axis,
    log_range,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

ROW = 64  # pixels of a row of signals
NAME = 18  # pixels of its name, which stands above it
# Of the two figures of how long units hold, which stand side by side; few units hold for long, so
# their top right is empty
_MEMORY_LAYOUT: dict[str, Any] = {
    "height": 280,
    "margin": {"l": 60, "r": 10, "t": 40, "b": 50},
    "showlegend": True,
    "legend": {
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "top",
        "bgcolor": "rgba(0, 0, 0, 0)",
        "tracegroupgap": 0,
    },
}


def signals(
    lines: Mapping[str, np.ndarray],
    text: Sequence[str],
    title: str,
    color: str,
    ranges: Mapping[str, tuple[float, float]],
) -> Figure:
    """One row per signal (T,), all over the same tokens.

    `text` (T,): the hover label of each token. `ranges`: y ranges by signal name; the other
    signals fit their row.
    """
    rows = len(lines)
    layout: dict[str, Any] = {
        "title": {"text": plain(title)},
        "height": 76 + ROW * rows,
        "margin": {"l": 45, "r": 10, "t": 45, "b": 50},
        "annotations": [],
        "hovermode": "x",
        "hoversubplots": "axis",
    }
    data, labels = [], list(map(plain, text))
    for row, (name, values) in enumerate(lines.items(), start=1):
        number = str(row) if row > 1 else ""
        values = np.asarray(values, np.float32)
        data.append(
            {
                "type": "scatter",
                "x": np.arange(1, len(values) + 1, dtype=np.int32),
                "y": values,
                "text": labels,
                "mode": "lines" if len(values) > 1 else "markers",
                "line": {"color": color, "width": 1.4},
                "hovertemplate": f"%{{text}}   <i>{name}</i> = %{{y:{DIGITS}}}<extra></extra>",
                "showlegend": False,
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
            }
        )
        layout |= _axes(row, rows, ranges.get(name))
        layout["annotations"].append(_name_above(name, row, rows))
    return new_figure(data, layout)


def _domain(row: int, rows: int) -> list[float]:
    """Bottom and top of one row, counted from 1 at the top, as shares of the figure's height."""
    bottom = (rows - row) / rows
    return [bottom, bottom + (1 - NAME / ROW) / rows]


def _axes(row: int, rows: int, limits: tuple[float, float] | None) -> dict[str, Any]:
    """The axes of one row. All rows share the x range of the last."""
    number = str(row) if row > 1 else ""
    shared = {"matches": f"x{rows}", "showticklabels": False}
    last = {"title": {"text": "token"}}
    return {
        f"yaxis{number}": {
            "anchor": f"x{number}",
            "domain": _domain(row, rows),
            "nticks": 3,
            "range": limits,
            "zeroline": True,
        },
        f"xaxis{number}": {
            "anchor": f"y{number}",
            "domain": [0, 1],
            "showgrid": False,
            **(shared if row < rows else last),
        },
    }


def _name_above(name: str, row: int, rows: int) -> dict[str, Any]:
    """A signal's symbol and its meaning, above the row."""
    return {
        "text": f"<i>{name}</i>  {SYMBOLS.get(name, '')}",
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": _domain(row, rows)[1],
        "xanchor": "left",
        "yanchor": "bottom",
    }


def saturations(runs: Sequence[tuple[str, str, str, Saturation]]) -> list[Figure]:
    """One figure for each gate that any of the runs (label, colour, dash, saturation) has."""
    gates = dict.fromkeys(gate for *_, found in runs for gate in found.shares)
    return [saturation(gate, [run for run in runs if gate in run[-1].shares]) for gate in gates]


def saturation(gate: str, runs: Sequence[tuple[str, str, str, Saturation]]) -> Figure:
    """For one gate of each run (label, colour, dash, saturation): the share of time above 0.9
    against the share below 0.1, one point per unit (Karpathy et al. 2015). The marker is the
    dash's."""
    data: list[dict[str, Any]] = []
    for label, color, dash, found in runs:
        below, above = found.shares[gate]
        data.append(
            {
                "type": "scatter",
                "x": below.astype(np.float32),
                "y": above.astype(np.float32),
                "mode": "markers",
                "name": plain(label),
                "showlegend": len(runs) > 1,
                "marker": {"color": color, "symbol": MARKERS[dash], "size": 6, "opacity": 0.55},
                "text": [f"unit {unit}" for unit in range(len(below))],
                "hovertemplate": "%{text}: below 0.1 %{x:.3p} of the time, above 0.9 %{y:.3p}",
            }
        )
    edge = {"color": "#888888", "width": 1, "dash": "dot"}  # the two shares add up to at most 1
    line = {"mode": "lines", "line": edge, "hoverinfo": "skip", "showlegend": False}
    data.append({"type": "scatter", "x": [0, 1], "y": [1, 0], **line})
    layout = {
        "title": {"text": f"{SYMBOLS[gate].capitalize()} {gate}"},
        "height": 300,
        "margin": {"l": 60, "r": 10, "t": 40, "b": 50},
        "legend": BELOW,
        "xaxis": {"title": {"text": "share of time below 0.1"}, "range": [-0.03, 1.03]},
        "yaxis": {"title": {"text": "share above 0.9"}, "range": [-0.03, 1.03]},
    }
    return new_figure(data, layout)


def stretches(runs: Sequence[tuple[str, str, str, Held]], title: str) -> Figure:
    """The longest stretch of each unit, and pale the median of its stretches, each line sorted; for
    each run (label, colour, dash, stretches)."""
    figure = new_figure()
    for label, color, dash, found in runs:
        for values, opacity in ((found.longest, 1.0), (found.median, 0.4)):
            order = np.argsort(-values, kind="stable")  # (H,)
            figure.add_scatter(
                x=np.arange(1, len(order) + 1),
                y=values[order],
                customdata=np.stack([order, found.longest[order], found.median[order]], 1),
                mode="lines" if len(order) > 1 else "markers",
                name=plain(label),
                legendgroup=label,
                showlegend=opacity == 1.0,
                opacity=opacity,
                line={"color": color, "dash": dash, "width": 2},
                hovertemplate="unit %{customdata[0]}: longest %{customdata[1]} tokens, "
                f"median %{{customdata[2]:{DIGITS}}}",
            )
    span = log_range(np.concatenate([np.ones(1), *(found.longest for *_, found in runs)]))
    figure.update_xaxes(title_text="units, in falling order", rangemode="tozero")
    figure.update_yaxes(title_text="stretch, tokens (log)", **log_axis(*span, "~g"))
    figure.update_layout(title_text=plain(title), **_MEMORY_LAYOUT)
    return figure


def half_lives(runs: Sequence[tuple[str, str, str, np.ndarray]], title: str) -> Figure:
    """A histogram of the half-lives of units' average decay, one per run: label, colour, dash,
    half-lives (H,) in tokens. The bars have the dash's pattern."""
    edges = np.logspace(-1, 5, 31)
    figure = new_figure()
    found = [np.clip(tokens, edges[0], edges[-1]) for *_, tokens in runs]
    for (label, color, dash, _), tokens in zip(runs, found, strict=True):
        counts, _ = np.histogram(tokens, edges)
        figure.add_bar(
            x=np.sqrt(edges[:-1] * edges[1:]),
            y=counts,
            width=np.diff(edges),
            name=plain(label),
            marker={
                "color": color,
                "opacity": 0.6,
                "line": {"width": 0},
                "pattern": {"shape": PATTERNS[dash], "solidity": 0.4},
            },
            customdata=np.stack([edges[:-1], edges[1:]], 1),
            hovertemplate=f"%{{customdata[0]:{DIGITS}}} to %{{customdata[1]:{DIGITS}}} tokens: "
            "%{y} units",
        )
    span = log_range(np.concatenate(found))
    title_text = "half-life, tokens (log)"
    figure.update_xaxes(title_text=title_text, **log_axis(*span, "~g"))
    figure.update_yaxes(title_text="units")
    figure.update_layout(title_text=plain(title), barmode="overlay", **_MEMORY_LAYOUT)
    return figure
