"""The page Shapes: what a model says, how far its gradient runs back, how often it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.figures import style
from rnnviz.figures.style import BELOW, DIGITS, new_figure, plain, power_ticks

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure
    from rnnviz.tasks.results import Score
    from rnnviz.tasks.training import TaskRecord

GREY = "#888888"  # of a model without time: no cell type's colour
SHARE: dict[str, Any] = {"range": [0, 1.02], "tickformat": ".0%", "title": {"text": "right"}}
MARGIN = {"l": 10, "r": 10, "t": 40, "b": 10}
MOST_BARS = 6


def color(rnn_type: str | None, dark: bool) -> str:
    """Of a cell type; grey without one."""
    return style.color(rnn_type, dark) if rnn_type else GREY


def likeliest(outputs: Sequence[str], p: np.ndarray, where: str, color: str) -> Figure:
    """The likeliest outputs of one place as bars. `p` (K,)."""
    order = np.argsort(-p, kind="stable")[:MOST_BARS][::-1]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": p[order],
        "y": [plain(outputs[number]) for number in order],
        "marker": {"color": color},
        "hovertemplate": f"%{{x:{DIGITS}}}<extra></extra>",
    }
    return new_figure(
        [bars],
        {
            "title": {"text": f"Probabilities {where}"},
            "height": 90 + 26 * len(order),
            "margin": MARGIN,
            "xaxis": {"range": [0, 1], "tickformat": ".0%", "title": {"text": "probability"}},
            "yaxis": {"type": "category", "automargin": True},
        },
    )


def gradient(names: Sequence[str], norms: Sequence[np.ndarray], where: str, color: str) -> Figure:
    """Norms of one loss's gradient at the state after each step. `names`: of the stages; `norms`:
    log10 (T+1,) of each."""
    data, shapes, at = [], [], 0
    for number, (name, rows) in enumerate(zip(names, norms, strict=True)):
        rows = rows[1:] if number == 0 else rows
        x = np.arange(at, at + len(rows)) + (number == 0)
        finite = np.isfinite(rows)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name or "state",
                "x": x[finite],
                "y": rows[finite],
                "line": {"color": color, "dash": style.DASHES[number]},
                "customdata": 10.0 ** rows[finite],
                "hovertemplate": f"step %{{x}}: %{{customdata:{DIGITS}}}<extra></extra>",
                "showlegend": len(names) > 1,
            }
        )
        at = int(x[-1])
        if number + 1 < len(names):
            line = {"color": GREY, "width": 1, "dash": "dot"}
            ends = {"x0": at, "x1": at, "yref": "y domain", "y0": 0, "y1": 1}
            shapes.append({"type": "line", "line": line, **ends})
    every = np.concatenate([rows[np.isfinite(rows)] for rows in norms])
    return new_figure(
        data,
        {
            "title": {"text": f"Gradient of the loss {where}"},
            "height": 300,
            "margin": MARGIN,
            "shapes": shapes,
            "legend": BELOW,
            "xaxis": {"title": {"text": "step"}},
            "yaxis": {"title": {"text": "norm (log scale)"}, **power_ticks(every)},
        },
    )


def scores(rows: Sequence[Score], parts: Mapping[str, str], dark: bool) -> Figure:
    """The share of right answers on each part, a bar a cell type, of seed 0. `parts`: how each part
    is called."""
    data = []
    for rnn_type in dict.fromkeys(row.rnn_type for row in rows):
        found = {row.part: row.exact for row in rows if (row.rnn_type, row.seed) == (rnn_type, 0)}
        shown = [part for part in parts if part in found]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": style.cell_name(rnn_type) if rnn_type else "no time",
                "x": [found[part] for part in shown],
                "y": [plain(parts[part]) for part in shown],
                "text": [f"{found[part]:.1%}" for part in shown],
                "textposition": "outside",
                "textfont": {"size": style.WORDS},
                "cliponaxis": False,
                "marker": {"color": color(rnn_type, dark)},
                "hovertemplate": "%{x:.1%}<extra>%{fullData.name}</extra>",
            }
        )
    of_types = ", by cell type" if len(data) > 1 else ""
    return new_figure(
        data,
        {
            "title": {"text": f"Right answers{of_types}"},
            "height": 130 + (20 * len(data) + 10) * len(parts),
            "margin": MARGIN,
            "legend": BELOW,
            "xaxis": SHARE | {"range": [0, 1.25], "tickvals": [0, 0.25, 0.5, 0.75, 1]},
            "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        },
    )


def by_length(shares: Mapping[str, Mapping[int, float]], color: str) -> Figure:
    """The share of right answers by the length of the input, a line a part."""
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": list(found),
            "y": list(found.values()),
            "line": {"color": color, "dash": dash},
            "marker": {"symbol": style.MARKERS[dash]},
            "hovertemplate": "length %{x}: %{y:.0%}<extra></extra>",
        }
        for (name, found), dash in zip(shares.items(), style.DASHES, strict=False)
    ]
    return new_figure(
        data,
        {
            "title": {"text": "Right answers, by length of the input"},
            "height": 320,
            "margin": MARGIN,
            "legend": BELOW,
            "xaxis": {"title": {"text": "tokens that the state must hold"}},
            "yaxis": SHARE,
        },
    )


def learning(records: Sequence[TaskRecord], bound: float, color: str) -> Figure:
    """Right answers on new inputs, by step of a training."""
    curve = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [record.step for record in records],
        "y": [record.score for record in records],
        "line": {"color": color},
        "hovertemplate": "step %{x:,}: %{y:.1%}<extra></extra>",
    }
    steps = records[-1].steps if records else 1
    return new_figure(
        [curve],
        {
            "title": {"text": "Right answers on new inputs"},
            "height": 280,
            "margin": MARGIN,
            "shapes": [style.across(bound)],
            "xaxis": {"title": {"text": "training step"}, "range": [0, steps]},
            "yaxis": SHARE,
        },
    )


def sureness(tokens: Sequence[str], p: np.ndarray, name: str, color: str) -> Figure:
    """The probability (T,) of one output after each token."""
    curve = {
        "type": "scatter",
        "mode": "lines",
        "x": np.arange(1, len(p) + 1),
        "y": p,
        "line": {"color": color},
        "text": [plain(token) for token in tokens],
        "hovertemplate": "%{x} %{text}: %{y:.1%}<extra></extra>",
    }
    return new_figure(
        [curve],
        {
            "title": {"text": f"How sure: {plain(name)}"},
            "height": 240,
            "margin": MARGIN,
            "shapes": [style.across(0.5)],
            "xaxis": {"title": {"text": "characters read"}},
            "yaxis": {
                "range": [-0.02, 1.02],
                "tickformat": ".0%",
                "title": {"text": "probability"},
            },
        },
    )
