"""The memory duel: answers as bars, and what was learned over which distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rnnviz.figures.style import BELOW, WORDS, across, cell_name, color, new_figure, power_ticks
from rnnviz.nn.cell_types import RNN_TYPES

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

ByDistance: TypeAlias = Mapping[str, Mapping[int, float]]  # a number by cell type and distance
PROBABILITY = {"range": [0, 1.04], "tickformat": ".1f", "title": {"text": "probability"}}
SHORT = "letters between, here; in training 1 to 10"


def answers(
    found: Mapping[str, np.ndarray], letters: str, right: str, guessing: float, dark: bool
) -> Figure:
    """Probability of each letter after the cue, a bar a cell type: `found` by cell type, (8,).
    Empty where nothing was asked yet."""
    data = [
        {"type": "bar", "x": list(letters), "y": probabilities, "name": cell_name(rnn_type)}
        | {"marker": {"color": color(rnn_type, dark)}, "hovertemplate": "%{x}: %{y:.3f}"}
        for rnn_type, probabilities in found.items()
    ]
    ticks = [f"<b>{letter}</b>" if letter == right else letter for letter in letters]
    x_axis = {
        "title": {"text": f"answer (right: {right})"},
        "type": "category",
        "categoryarray": list(letters),
        "range": [-0.5, len(letters) - 0.5],
        "tickvals": list(letters),
        "ticktext": ticks,
        "showgrid": False,
    }
    return _figure(data, "The answer after the cue", x_axis, PROBABILITY, **_guessing(guessing))


def learned(
    right: ByDistance,
    now: int,
    guessing: float,
    dark: bool,
    between: tuple[float, float] = (0, math.inf),
) -> Figure:
    """Mean probability of the right letter against the distance that a model was trained at. `now`:
    the distance chosen. Points are drawn between the two distances of `between`, on an axis of all
    of them."""
    distances = _distances(right)
    near, far = between
    seen = {
        kind: {distance: p if near <= distance <= far else None for distance, p in of.items()}
        for kind, of in right.items()
    }
    place = distances.index(now)
    band: dict[str, Any] = {
        "type": "line",
        "line": {"width": 14, "color": "rgba(128,128,128,0.18)"},
    }
    band |= {"xref": "x", "x0": place, "x1": place, "yref": "y domain", "y0": 0, "y1": 1}
    layout = _guessing(guessing)
    return _figure(
        _lines(seen, distances, dark),
        "Who learned it, over which distance",
        _x_axis(distances, "letters between, in training and here"),
        PROBABILITY,
        **layout | {"shapes": [*layout["shapes"], band]},
    )


def held(right: ByDistance, guessing: float, dark: bool) -> Figure:
    """As `learned`, of models that were all trained over 1 to 10."""
    distances = _distances(right)
    return _figure(
        _lines(right, distances, dark),
        "Who still knows the letter",
        _x_axis(distances, SHORT),
        PROBABILITY,
        **_guessing(guessing),
    )


def reach(shares: ByDistance, dark: bool) -> Figure:
    """log10 of the share of the gradient that is left at the letter; no point where it is not
    finite."""
    distances = _distances(shares)
    data = []
    for rnn_type, of in shares.items():
        logs = [of[distance] if np.isfinite(of[distance]) else None for distance in distances]
        told = [f"{10.0 ** of[distance]:.1e}" for distance in distances]
        data.append(_line(rnn_type, logs, dark, "%{text}") | {"text": told})
    every = np.array([value for of in shares.values() for value in of.values()])
    y_axis = {"title": {"text": "share of that at the cue (log)"}}
    y_axis |= power_ticks(every[np.isfinite(every)])
    return _figure(data, "Gradient left at the letter", _x_axis(distances, SHORT), y_axis)


def race(
    lanes: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    guessing: float,
    learned: float,
    dark: bool,
) -> Figure:
    """Training loss of the answer against the seconds that a model has computed, by cell type:
    (seconds, nats). Lines at the losses of guessing and of having `learned` it."""
    data = [
        {"type": "scatter", "mode": "lines", "x": list(seconds), "y": list(nats)}
        | {"name": cell_name(rnn_type), "line": {"color": color(rnn_type, dark), "width": 2.5}}
        | {"hovertemplate": "%{x:.1f} s: %{y:.3f} nats"}
        for rnn_type, (seconds, nats) in lanes.items()
    ]
    levels = ((guessing, "guessing"), (learned, "learned"))
    return _figure(
        data,
        "Loss of the answer",
        {"title": {"text": "seconds computed"}, "rangemode": "tozero"},
        {"title": {"text": "loss, nats"}, "range": [0, 1.25 * guessing]},
        shapes=[_dotted(nats) for nats, _ in levels],
        annotations=[_level(nats, f"{text}: {nats:.2f}") for nats, text in levels],
    )


def _distances(values: ByDistance) -> list[int]:
    return sorted({distance for of in values.values() for distance in of})


def _lines(
    right: Mapping[str, Mapping[int, float | None]], distances: Sequence[int], dark: bool
) -> list[dict[str, Any]]:
    return [
        _line(rnn_type, [of[distance] for distance in distances], dark, "%{y:.3f}")
        for rnn_type, of in right.items()
    ]


def _line(rnn_type: str, values: Sequence[float | None], dark: bool, told: str) -> dict[str, Any]:
    """A line by distance. The first are wider, so that one below another is seen."""
    width = 2 + 2 * (len(RNN_TYPES) - 1 - RNN_TYPES.index(rnn_type))
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(range(len(values))),
        "y": list(values),
        "name": cell_name(rnn_type),
        "line": {"color": color(rnn_type, dark), "width": width},
        "marker": {"size": width + 6},
        "hovertemplate": told,
    }


def _x_axis(distances: Sequence[int], title: str) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "tickvals": list(range(len(distances))),
        "ticktext": [str(distance) for distance in distances],
        "range": [-0.4, len(distances) - 0.6],
        "showgrid": False,
    }


def _guessing(guessing: float) -> dict[str, Any]:
    """The level of guessing, as a part of a layout."""
    words = _level(guessing, f"guessing: {guessing:.3f}") | {"yshift": 2}
    return {"shapes": [_dotted(guessing)], "annotations": [words]}


def _dotted(y: float) -> dict[str, Any]:
    return across(y) | {"line": {"dash": "dot", "width": 1.5, "color": "gray"}}


def _level(y: float, text: str) -> dict[str, Any]:
    """What a dotted line is, above its right end."""
    place = {"x": 1, "xref": "x domain", "xanchor": "right", "y": y, "yref": "y"}
    words = {"text": text, "font": {"size": WORDS}, "showarrow": False}
    return {"yanchor": "bottom", **place, **words}


def _figure(
    data: list[dict[str, Any]],
    title: str,
    x_axis: dict[str, Any],
    y_axis: dict[str, Any],
    **layout: Any,
) -> Figure:
    layout |= {
        "title": {"text": title},
        "height": 330,
        "margin": {"l": 56, "r": 12, "t": 40, "b": 50},
        "showlegend": True,
        "legend": BELOW,
        "xaxis": x_axis | {"fixedrange": True},
        "yaxis": y_axis | {"fixedrange": True},
    }
    return new_figure(data, layout)
