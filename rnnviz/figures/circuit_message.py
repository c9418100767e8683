"""One unit of a cell with gates at one token, as it is and held, as a message for circuit.js.

The message is a little-endian uint32 n and a JSON header of n bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.figures import binary_message, style
from rnnviz.figures.heatmap_message import SCALES
from rnnviz.nn.cell_types import SIGMOIDS
from rnnviz.runs.info import RunInfo

HEIGHT = 374  # pixels, of what circuit.css and the heading of a model have


def pack(
    info: RunInfo,
    unit: int,
    own: UnitSteps,
    held: UnitSteps,
    pairs: Mapping[str, float],
    token: str,
    t: int,
    dark: bool,
) -> bytes:
    """The message. `own`: what the unit does; `held`: what it does while `pairs` are held.
    `token`: the one at `t` (from 0). Raises ValueError for NaN and infinity."""
    header = {
        "label": style.cell_name(info.rnn_type),
        "title": info.name,
        "color": style.color(info.rnn_type, dark),
        "kind": info.rnn_type,
        "unit": unit,
        "token": token,
        "place": t + 1,
        "series": _at(own, t),
        "held_series": _at(held, t),
        "held": list(pairs.items()),
        "strips": {name: _scale(name) for name in (own.gates | own.states)},
        "scales": {name: style.scale(name) for name in SCALES},
    }
    return binary_message.join(header, [])


def _at(steps: UnitSteps, t: int) -> dict[str, list[float]]:
    """The numbers of a unit at token t; of a state that before it and that after it."""
    return {
        name: values[t : t + 1 + (name in steps.states)].tolist()
        for name, values in steps.series.items()
    }


def _scale(name: str) -> dict[str, Any]:
    """The colours of a gate or state; c has those of tanh(c)."""
    if name in SIGMOIDS:
        return {"scale": "sequential", "lo": 0, "hi": 1, "by_tanh": False}
    return {"scale": "diverging", "lo": -1, "hi": 1, "by_tanh": name == "c"}
