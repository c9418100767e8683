"""One unit along a text, as it is and with gates held: its states, and beside them the gates that
make them at one token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.figures.style import BELOW, SYMBOLS, cell_name, color, new_figure, plain

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

# By state of a cell type, the gates that make it, in the order of its equation
GATES = {("LSTM", "c"): ("f", "i", "g"), ("LSTM", "h"): ("o",), ("GRU", "h"): ("z", "n", "r")}
LEFT, RIGHT = [0, 0.8], [0.87, 1]  # of the width: states, gates
ROWS = ([0.59, 0.9], [0.02, 0.33])  # of the height


@dataclass(frozen=True, eq=False)
class Row:
    """A state of a unit, c or h: as it is, and, where gates are `fixed`, with these held."""

    kind: str
    state: str
    own: UnitSteps
    held: UnitSteps | None
    fixed: tuple[str, ...] = ()


def held_cell(rows: Sequence[Row], tokens: Sequence[str], start: int, dark: bool) -> Figure:
    """Two rows over the tokens of a text; what is held is so from token `start` (from 0) on."""
    data: list[Any] = []
    axes: dict[str, Any] = {}
    notes = []
    for n, (row, height) in enumerate(zip(rows, ROWS, strict=True)):
        states, gates = (str(2 * n + side) if n or side > 1 else "" for side in (1, 2))
        data += [*_lines(row, states, n == 0, dark), _bars(row, gates, start, dark)]
        axes |= _axes(row, tokens, states, gates, height)
        notes.append(_note(_equation(row.kind, row.state, row.held or row.own, start), height[1]))
    line = {"color": "#888888", "width": 1.5, "dash": "dot"}
    layout = {
        "height": 450,
        "margin": {"l": 52, "r": 12, "t": 6, "b": 60},
        "legend": BELOW,
        "annotations": notes,
        "shapes": [
            {"type": "line", "line": line, "xref": f"x{n}", "x0": start - 0.5, "x1": start - 0.5}
            | {"yref": f"y{n} domain", "y0": 0, "y1": 1}
            for n in ("", "3")
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


def _bars(row: Row, axis: str, start: int, dark: bool) -> dict[str, Any]:
    """The gates at a token; one that is held is hatched."""
    names = GATES[row.kind, row.state][::-1]
    values = [float((row.held or row.own).gates[name][start]) for name in names]
    pattern = ["/" if name in row.fixed else "" for name in names]
    look = {"color": color(row.kind, dark), "pattern": {"shape": pattern}}
    return {
        "type": "bar",
        "orientation": "h",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "x": values,
        "y": names,
        "customdata": [SYMBOLS[name] for name in names],
        "marker": look,
        "showlegend": False,
        "hovertemplate": "%{customdata}: %{x:.3f}<extra></extra>",
    }


def _axes(
    row: Row, tokens: Sequence[str], states: str, gates: str, height: list[float]
) -> dict[str, Any]:
    values = np.concatenate([one.states[row.state] for one in (row.own, row.held) if one])
    low, high = min(-1.0, float(values.min())), max(1.0, float(values.max()))
    return {
        f"xaxis{states}": {
            "domain": LEFT,
            "anchor": f"y{states}",
            "range": [-0.5, len(tokens) - 0.5],
            "tickvals": list(range(len(tokens))),
            "ticktext": [plain(token) for token in tokens],
            "tickangle": 0,
            "showgrid": False,
        },
        f"yaxis{states}": {
            "domain": height,
            "range": [1.08 * low, 1.08 * high],
            "title": {"text": f"{cell_name(row.kind)}: {row.state}"},
            "nticks": 4,
        },
        f"xaxis{gates}": {
            "domain": RIGHT,
            "anchor": f"y{gates}",
            "range": [-1.05, 1.05],
            "tickvals": [-1, 0, 1],
            "zeroline": True,
        },
        f"yaxis{gates}": {"domain": height, "anchor": f"x{gates}", "showgrid": False},
    }


def _note(text: str, top: float) -> dict[str, Any]:
    place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": top}
    return place | {
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
    if state == "c":
        made = f"{gate['f']} · {before['c']} + {gate['i']} · {gate['g']}"
        return f"<b>c = f c + i g</b><br>= {made} = {after['c']}"
    return f"<b>h = o tanh(c)</b><br>= {gate['o']} · tanh({after['c']}) = {after['h']}"


def _factor(value: float) -> str:
    return f"({_number(value)})" if value < 0 else _number(value)


def _number(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")
