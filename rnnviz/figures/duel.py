"""The memory duel: answers as bars, and what was learned over which distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.figures.style import BELOW, WORDS, cell_name, color, new_figure, power_ticks
from rnnviz.nn.cell_types import RNN_TYPES

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

HEIGHT = 330
MARGIN = {"l": 56, "r": 12, "t": 40, "b": 50}
PROBABILITY = {"range": [0, 1.04], "tickformat": ".1f", "fixedrange": True}


def answers(
    found: Mapping[str, np.ndarray], letters: str, right: str, guessing: float, dark: bool
) -> Figure:
    """Probability of each letter after the cue, a bar a cell type: `found` by cell type, (8,).
    Empty where nothing was asked yet."""
    figure = new_figure()
    for rnn_type, probabilities in found.items():
        figure.add_bar(
            x=list(letters),
            y=probabilities,
            name=cell_name(rnn_type),
            marker_color=color(rnn_type, dark),
            hovertemplate="%{x}: %{y:.3f}",
        )
    _guessing(figure, guessing)
    ticks = [f"<b>{letter}</b>" if letter == right else letter for letter in letters]
    figure.update_xaxes(
        title_text=f"answer (right: {right})",
        type="category",
        categoryarray=list(letters),
        range=[-0.5, len(letters) - 0.5],
        tickvals=list(letters),
        ticktext=ticks,
        showgrid=False,
        fixedrange=True,
    )
    return _finish(figure, "The answer after the cue")


def learned(
    right: Mapping[str, Mapping[int, float]], now: int, guessing: float, dark: bool
) -> Figure:
    """Mean probability of the right letter against the distance that a model was trained at, by
    cell type and distance. `now`: the distance chosen."""
    distances = sorted({distance for of in right.values() for distance in of})
    figure = new_figure()
    _lines(figure, right, distances, dark)
    _guessing(figure, guessing)
    figure.add_vline(x=distances.index(now), line={"width": 14, "color": "rgba(128,128,128,0.18)"})
    _distances(figure, distances, "letters between, in training and here")
    return _finish(figure, "Who learned it, over which distance")


def held(right: Mapping[str, Mapping[int, float]], guessing: float, dark: bool) -> Figure:
    """As `learned`, of models that were all trained over 1 to 10."""
    distances = sorted({distance for of in right.values() for distance in of})
    figure = new_figure()
    _lines(figure, right, distances, dark)
    _guessing(figure, guessing)
    _distances(figure, distances, "letters between, here; in training 1 to 10")
    return _finish(figure, "Who still knows the letter")


def reach(shares: Mapping[str, Mapping[int, float]], dark: bool) -> Figure:
    """log10 of the share of the gradient that is left at the letter, by cell type and distance;
    no point where it is not finite."""
    distances = sorted({distance for of in shares.values() for distance in of})
    figure = new_figure()
    for rnn_type, of in shares.items():
        logs = [of[distance] if np.isfinite(of[distance]) else None for distance in distances]
        _line(figure, rnn_type, logs, dark, "%{text}")
        figure.data[-1].text = [f"{10.0 ** of[distance]:.1e}" for distance in distances]
    _distances(figure, distances, "letters between, here; in training 1 to 10")
    every = np.array([value for of in shares.values() for value in of.values()])
    figure.update_yaxes(**power_ticks(every[np.isfinite(every)]), fixedrange=True)
    return _finish(figure, "Gradient left at the letter", "share of that at the cue (log)")


def race(
    lanes: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    guessing: float,
    learned: float,
    dark: bool,
) -> Figure:
    """Training loss of the answer against the seconds that a model has computed, by cell type:
    (seconds, nats). Lines at the losses of guessing and of having `learned` it."""
    figure = new_figure()
    for rnn_type, (seconds, nats) in lanes.items():
        figure.add_scatter(
            x=list(seconds),
            y=list(nats),
            mode="lines",
            name=cell_name(rnn_type),
            line={"color": color(rnn_type, dark), "width": 2.5},
            hovertemplate="%{x:.1f} s: %{y:.3f} nats",
        )
    for nats, text in ((guessing, "guessing"), (learned, "learned")):
        figure.add_hline(
            y=nats,
            line={"dash": "dot", "width": 1.5, "color": "gray"},
            annotation={"text": f"{text}: {nats:.2f}", "font_size": WORDS},
            annotation_position="top right",
        )
    figure.update_xaxes(title_text="seconds computed", rangemode="tozero", fixedrange=True)
    figure.update_yaxes(range=[0, 1.25 * guessing], fixedrange=True)
    return _finish(figure, "Loss of the answer", "loss, nats")


def _lines(
    figure: Figure,
    right: Mapping[str, Mapping[int, float]],
    distances: Sequence[int],
    dark: bool,
) -> None:
    for rnn_type, of in right.items():
        _line(figure, rnn_type, [of[d] for d in distances], dark, "%{y:.3f}")


def _line(
    figure: Figure, rnn_type: str, values: Sequence[float | None], dark: bool, told: str
) -> None:
    """A line by distance. The first are wider, so that one below another is seen."""
    width = 2 + 2 * (len(RNN_TYPES) - 1 - RNN_TYPES.index(rnn_type))
    figure.add_scatter(
        x=list(range(len(values))),
        y=list(values),
        mode="lines+markers",
        name=cell_name(rnn_type),
        line={"color": color(rnn_type, dark), "width": width},
        marker_size=width + 6,
        hovertemplate=told,
    )


def _distances(figure: Figure, distances: Sequence[int], title: str) -> None:
    figure.update_xaxes(
        title_text=title,
        tickvals=list(range(len(distances))),
        ticktext=[str(distance) for distance in distances],
        range=[-0.4, len(distances) - 0.6],
        showgrid=False,
        fixedrange=True,
    )


def _guessing(figure: Figure, guessing: float) -> None:
    line = {"dash": "dot", "width": 1.5, "color": "gray"}
    figure.add_hline(
        y=guessing,
        line=line,
        annotation={"text": f"guessing: {guessing:.3f}", "font_size": WORDS, "yshift": 2},
        annotation_position="top right",
    )
    figure.update_yaxes(**PROBABILITY)


def _finish(figure: Figure, title: str, y: str = "probability") -> Figure:
    figure.update_yaxes(title_text=y)
    figure.update_layout(
        title_text=title, height=HEIGHT, margin=MARGIN, showlegend=True, legend=BELOW
    )
    return figure
