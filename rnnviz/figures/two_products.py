"""Two products, step by step: factors as bars, what is left as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.analysis.two_products import Product
from rnnviz.figures.style import BELOW, cell_name, color, new_figure, power_ticks

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

LEAST = -22.0  # of the axis of products, log10


def two_products(products: Mapping[str, Product], distance: int, dark: bool) -> Figure:
    """The first `distance` factors of each cell type above, their running product below."""
    data: list[Any] = []
    for rnn_type, product in products.items():
        look, back = color(rnn_type, dark), np.arange(1, distance + 1)
        what = "W and its slopes" if product.unit is None else f"forget gate of unit {product.unit}"
        name = f"{cell_name(rnn_type)}: {what}"
        factors, left = product.factors[:distance], product.log10[: distance + 1]
        data.append(
            {"type": "bar", "x": back, "y": factors, "marker": {"color": look}}
            | {"showlegend": False, "hovertemplate": "step %{x} back: times %{y:.3f}"}
        )
        told = [f"{10.0**value:.1e}" for value in left]
        data.append(
            {"type": "scatter", "x": np.arange(distance + 1), "y": left, "yaxis": "y2"}
            | {"mode": "lines", "line": {"color": look, "width": 3}, "name": name}
            | {"text": told, "hovertemplate": "%{x} steps back: %{text} left"}
        )
    usual = {"showgrid": False, "fixedrange": True}
    layout = {
        "title": {"text": "What a gradient is multiplied by"},
        "height": 400,
        "margin": {"l": 66, "r": 12, "t": 40, "b": 50},
        "bargap": 0.15,
        "legend": BELOW,
        "xaxis": {"anchor": "y2", "range": [-0.5, 100.5], **usual}
        | {"title": {"text": "steps back from the loss"}},
        "yaxis": {"domain": [0.6, 1], "range": [0, 1.75], "nticks": 4, "fixedrange": True}
        | {"title": {"text": "factor"}},
        "yaxis2": {"domain": [0, 0.5], "range": [LEAST, 1], "fixedrange": True}
        | {"title": {"text": "product (log)"}, **power_ticks(np.array([LEAST, 0.0]))},
    }
    return new_figure(data, layout)
