"""How much of a gradient a window of truncated BPTT loses, as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz.figures.style import BELOW, cell_name, color, new_figure

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure


def lost(shares: Mapping[str, np.ndarray], window: int, dark: bool) -> Figure:
    """Lost shares (T+1,) of two cell types over all windows 0..T, with marks at one of them. The
    first loses more: its number stands above its curve, the other's below."""
    data: list[Any] = []
    side = "left" if window > 0.8 * max(map(len, shares.values())) else "right"
    for (rnn_type, share), above in zip(shares.items(), ("top", "bottom"), strict=True):
        look = {"color": color(rnn_type, dark), "width": 2}
        line = {"x": np.arange(1, len(share), dtype=np.int32), "y": share[1:].astype(np.float32)}
        data.append(
            {"type": "scatter", "mode": "lines", "line": look, "name": cell_name(rnn_type), **line}
            | {"hovertemplate": "window of %{x}: %{y:.1%} lost"}
        )
        data.append(
            {"type": "scatter", "mode": "markers+text", "x": [window], "y": [share[window]]}
            | {"text": [f" {share[window]:.1%} "], "textposition": f"{above} {side}"}
            | {"marker": {"color": look["color"], "size": 10}, "textfont": {"size": 15}}
            | {"showlegend": False, "hoverinfo": "skip", "cliponaxis": False}
        )
    figure = new_figure(data)
    figure.update_xaxes(title_text="window, tokens", showgrid=False)
    figure.update_yaxes(
        title_text="share of the gradient lost",
        tickformat=".0%",
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        range=[-0.13, 1],
    )
    figure.add_vline(x=window, line={"color": "#888888", "width": 1, "dash": "dot"})
    figure.update_layout(
        title_text="What a window loses of a gradient",
        height=330,
        margin={"l": 70, "r": 20, "t": 40, "b": 50},
        legend=BELOW,
    )
    return figure
