"""The states of one unit along a text, as it is and with gates held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.figures.style import BELOW, cell_name, color, new_figure, plain
from rnnviz.nn.cell_types import unknown

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

LEFT = 48  # pixels of the axes' own words
ROWS = ([0.59, 0.9], [0.02, 0.33])  # of the height


@dataclass(frozen=True, eq=False)
class Row:
    """A state of a unit, c or h: as it is, and, where gates are held, with these held."""

    kind: str
    state: str
    own: UnitSteps
    held: UnitSteps | None


def held_cell(rows: Sequence[Row], tokens: Sequence[str], start: int, dark: bool) -> Figure:
    """Two rows over the tokens of a text; what is held is so from token `start` (from 0) on."""
    data: list[Any] = []
    axes: dict[str, Any] = {}
    notes = []
    for n, (row, height) in enumerate(zip(rows, ROWS, strict=True)):
        axis = str(n + 1) if n else ""
        data += _lines(row, axis, n == 0, dark)
        axes |= _axes(row, tokens, axis, height)
        notes.append(_note(_equation(row.kind, row.state, row.held or row.own, start), height[1]))
    line = {"color": "#888888", "width": 1.5, "dash": "dot"}
    layout = {
        "height": 480,
        "margin": {"l": LEFT, "r": 8, "t": 6, "b": 60},
        "legend": BELOW,
        "annotations": notes,
        "shapes": [
            {"type": "line", "line": line, "xref": f"x{n}", "x0": start - 0.5, "x1": start - 0.5}
            | {"yref": f"y{n} domain", "y0": 0, "y1": 1}
            for n in ("", "2")
        ],
    }
    return new_figure(
        data, layout | {name: axis | {"fixedrange": True} for name, axis in axes.items()}
    )


def _lines(row: Row, axis: str, is_first: bool, dark: bool) -> list[dict[str, Any]]:
    """A state after each token: pale as it is, and strong as the gates that are held make it."""
    own = row.own.states[row.state][1:]
    shown = (row.held or row.own).states[row.state][1:]
    usual: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }
    usual |= {"x": np.arange(len(own)), "hovertemplate": "%{y:.3f}", "showlegend": is_first}
    return [
        usual
        | {
            "y": shown,
            "name": "with gates held",
            "line": {"color": color(row.kind, dark), "width": 4},
        },
        usual | {"y": own, "name": "as it is", "line": {"color": "#888888", "dash": "dot"}},
    ]


def _axes(row: Row, tokens: Sequence[str], axis: str, height: list[float]) -> dict[str, Any]:
    values = np.concatenate([one.states[row.state] for one in (row.own, row.held) if one])
    low, high = min(-1.0, float(values.min())), max(1.0, float(values.max()))
    return {
        f"xaxis{axis}": {
            "anchor": f"y{axis}",
            "range": [-0.5, len(tokens) - 0.5],
            "tickvals": list(range(len(tokens))),
            "ticktext": [plain(token) for token in tokens],
            "tickangle": 0,
            "showgrid": False,
        },
        f"yaxis{axis}": {
            "domain": height,
            "range": [1.08 * low, 1.08 * high],
            "title": {"text": f"{cell_name(row.kind)}: {row.state}"},
            "nticks": 4,
        },
    }


def _note(text: str, top: float) -> dict[str, Any]:
    place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": top}
    return place | {
        "xshift": 4 - LEFT,
        "yanchor": "bottom",
        "align": "left",
        "text": text,
        "showarrow": False,
        "font": {"size": 14},
    }


def _equation(kind: str, state: str, steps: UnitSteps, t: int) -> str:
    """How a state is made at token t, with its numbers."""
    gate = {name: _factor(values[t]) for name, values in steps.gates.items()}
    before = {name: _factor(values[t]) for name, values in steps.states.items()}
    after = {name: _number(values[t + 1]) for name, values in steps.states.items()}
    if kind == "GRU":
        made = f"{_factor(1 - steps.gates['z'][t])} · {gate['n']} + {gate['z']} · {before['h']}"
        return f"<b>h = (1 − z) n + z h</b><br>= {made} = {after['h']}"
    if kind != "LSTM":
        raise unknown(kind, "figures/held_cell")
    if state == "c":
        made = f"{gate['f']} · {before['c']} + {gate['i']} · {gate['g']}"
        return f"<b>c = f c + i g</b><br>= {made} = {after['c']}"
    return f"<b>h = o tanh(c)</b><br>= {gate['o']} · tanh({after['c']}) = {after['h']}"


def _factor(value: float) -> str:
    return f"({_number(value)})" if value < 0 else _number(value)


def _number(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")
