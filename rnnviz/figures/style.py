"""How figures look: colours, dashes, markers, patterns, digits, colour scales, log axes."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from plotly.colors import sample_colorscale

from rnnviz.nn.cell_types import SIGMOIDS, required
from rnnviz.nn.perplexity import LONG

if TYPE_CHECKING:  # exported for annotations; at runtime it would slow the first page
    from plotly.graph_objects import Figure as Figure


def new_figure(data: Any = None, layout: dict[str, Any] | None = None) -> Figure:
    """An empty figure of plotly, or one of traces and a layout given as dicts, with all its axes.

    Its words have a size that the last row of a lecture hall can read, and axes and a legend below
    them keep apart. They are put into the layout before plotly checks it: each change of a figure
    costs as much as a tenth of making it.

    plotly looks at pandas if it is in `sys.modules`. While another thread imports pandas, only a
    part of it is there, which plotly does not expect: so it is imported here first.
    """
    import pandas  # noqa: F401
    from plotly.graph_objects import Figure

    layout = {"xaxis": {}, "yaxis": {}, "legend": {}, "hoverlabel": {}} | (layout or {})
    axes = {name: _axis(name, part) for name, part in layout.items() if name[1:5] == "axis"}
    legend, hover = ({**layout[name], "font": _FONT} for name in ("legend", "hoverlabel"))
    return Figure(data, layout | axes | {"font": _FONT, "legend": legend, "hoverlabel": hover})


def _axis(name: str, axis: dict[str, Any]) -> dict[str, Any]:
    """An axis of a layout, xaxis or yaxis2, with the words of `new_figure`."""
    title = {**axis.get("title", {}), "font": _FONT, "standoff": 6 if name[0] == "x" else 12}
    return {"tickfont": _FONT, "title": title} | {n: a for n, a in axis.items() if n != "title"}


def across(y: float) -> dict[str, Any]:
    """A dotted line at a height of the y axis, as a shape of a layout."""
    line = {"color": "#888888", "width": 1, "dash": "dot"}
    ends = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": y, "y1": y}
    return {"type": "line", "line": line, **ends}


# One colour per cell type in every figure (Okabe and Ito 2008), lightened for the dark theme.
COLORS = {"LSTM": "#0072B2", "GRU": "#E69F00", "RNN_TANH": "#009E73", "RNN_RELU": "#CC79A7"}
DARK_COLORS = COLORS | {"LSTM": "#56B4E9", "RNN_TANH": "#35C79A"}

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
    "∂L/∂x": "influence of each token",
}
# Ranges of the y axes of gates, with a margin; other signals have no fixed bounds.
GATE_RANGES = dict.fromkeys(SIGMOIDS, (-0.05, 1.05)) | {
    symbol: (-1.05, 1.05) for symbol, meaning in SYMBOLS.items() if meaning == "candidate"
}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MARKERS = dict(zip(DASHES, ("circle", "square", "diamond", "cross", "x"), strict=True))
PATTERNS = dict(zip(DASHES, ("", "/", ".", "x", "-"), strict=True))  # of bars
WORDS = 13  # pixels, of ticks, titles of axes, legends and hover labels
_FONT = {"size": WORDS}
BELOW: dict[str, Any] = {  # of a legend
    "orientation": "h",
    "yref": "container",
    "y": 0,
    "yanchor": "bottom",
    "tracegroupgap": 0,
}
DIGITS = ".3g"  # d3's format of a number to be read: three significant digits
_DARK_DIVERGING = ["#7CC4FF", "#3A8BD6", "#1F4F86", "#1A1C24", "#7F2B1E", "#D5573A", "#FFA27A"]


def plain(text: str) -> str:
    """Other people's text for a figure: plotly takes tags and entities in titles, names and hover
    labels for markup. Of a quote it knows no entity."""
    return html.escape(text, quote=False)


@cache
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
    """The colour of a cell type."""
    return required(DARK_COLORS if dark else COLORS, kind, "figures/style")


def cell_name(kind: str) -> str:
    """What people read for a cell type: tanh RNN for RNN_TANH."""
    return {"RNN_TANH": "tanh RNN", "RNN_RELU": "ReLU RNN"}.get(kind, kind)


def loss_text(nats: float) -> str:
    """A loss for people to read, the same on all pages."""
    if 0 < nats < 0.0005:
        return "< 0.001"
    return f"{nats:,.3f}" if nats < LONG else f"{nats:.1e}"


def dashes(kinds: Sequence[str], of: Sequence[str] = DASHES) -> list[str]:
    """One of some dashes per line, given the cell type of each. Lines of one type share its
    colour and differ in their dash."""
    return [of[kinds[:i].count(kind) % len(of)] for i, kind in enumerate(kinds)]


def log_axis(low: float, high: float, form: str) -> dict[str, Any]:
    """A logarithmic axis from `low` to `high` with at least three round tick values.

    `form` is the d3 format of the tick labels. Plotly's own ticks show only the leading digit,
    without the power of ten.
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(first, last + 1, max(1, (last - first) // 6))
    ticks: list[float] = []
    for digits in ((1,), (1, 3), (1, 2, 5)):
        if len(ticks) < 3:
            numbers = [float(f"{digit}e{power}") for power in powers for digit in digits]
            ticks = [number for number in numbers if low <= number <= high]
    top = math.floor(math.log10(high - low))  # within a decade: equal steps
    for step in (digit * 10.0**power for power in (top, top - 1) for digit in (5, 2, 1)):
        if len(ticks) < 3:
            multiples = range(math.ceil(low / step), math.floor(high / step) + 1)
            ticks = [float(f"{multiple * step:.10g}") for multiple in multiples]
    shown = {"tickvals": ticks, "tickformat": form, "tickangle": 0}
    return {"type": "log", "range": [math.log10(low), math.log10(high)], **shown}


def log_range(values: np.ndarray) -> tuple[float, float]:
    """The range of a logarithmic axis: that of the positive values, plus a margin."""
    values = values[values > 0]
    if not len(values):
        return 0.1, 10.0
    low, high = float(values.min()), float(values.max())
    margin = max(1.02, (high / low) ** 0.05)
    return low / margin, high * margin


def power_ticks(log10: np.ndarray) -> dict[str, Any]:
    """Ticks of a linear axis of log10 values: whole powers of ten; where the values span less
    than two decades, also 2 and 5 times each power. An exponent is as large as its base."""
    low, high = (log10.min(), log10.max()) if len(log10) else (0.0, 3.0)
    digits, step = (1, 2, 5), 1
    if high - low >= 2:
        digits, step = (1,), math.ceil((high - low) / 7)
    if step > 5:
        step = 5 * math.ceil(step / 5)
    powers = range(step * (math.floor(low / step) - 1), math.ceil(high) + step, step)
    ticks = {
        power + math.log10(digit): _power_text(digit, power) for power in powers for digit in digits
    }
    return {"tickvals": list(ticks), "ticktext": list(ticks.values())}


def _power_text(digit: int, power: int) -> str:
    """A digit times a power of ten: 0.02, 2e−9."""
    if abs(power) <= 3:
        return f"{digit * 10.0**power:g}"
    return f"{digit}e{power}".replace("-", "\N{MINUS SIGN}")
