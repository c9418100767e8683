"""Runs side by side as figures: learning curves, one text through all of them, a time-lapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.comparison import groups
from rnnviz.analysis.gradient_decay import from_one
from rnnviz.analysis.learning_curves import LOSSES, Curve, curves
from rnnviz.analysis.text_view import WINDOW, visible
from rnnviz.analysis.time_lapse import Moment
from rnnviz.analysis.token_scores import SameText, margins
from rnnviz.figures import gradients, heatmap_message, style, training
from rnnviz.figures.training import Line
from rnnviz.runs.info import RunInfo

if TYPE_CHECKING:
    from rnnviz.figures.style import Figure

NEXT_TOKENS = 80  # that a figure shows at once: lines of more cannot be followed


def names(infos: Sequence[RunInfo]) -> list[str]:
    """A short name for each run: its cell type where no other run has it, else its full name."""
    kinds = [info.rnn_type for info in infos]
    return [
        style.cell_name(kind) if kinds.count(kind) == 1 else info.name
        for kind, info in zip(kinds, infos, strict=True)
    ]


def styles(infos: Sequence[RunInfo], dark: bool) -> list[tuple[str, str]]:
    """Colour and dash of each run: the colour is the cell type's, the dash tells its runs apart."""
    kinds = [info.rnn_type for info in infos]
    return [
        (style.color(kind, dark), dash)
        for kind, dash in zip(kinds, style.dashes(kinds), strict=True)
    ]


def curve_figures(infos: Sequence[RunInfo], axis: str, dark: bool) -> list[Figure]:
    """Validation and training loss, one pair of figures for each corpus and vocabulary."""
    figures = []
    for comparable in groups(infos, "data", "vocabulary"):
        for loss, title in LOSSES.items():
            lines = _curve_lines(curves(comparable, axis, loss), dark)
            if lines:
                title = f"{title} on {comparable[0].corpus}"
                figures.append(training.learning_curves(lines, title, f"training {axis}"))
    return figures


def _curve_lines(drawn: Sequence[Curve], dark: bool) -> list[Line]:
    """Lines of curves; those of several seeds have a band."""
    infos = [curve.info for curve in drawn]
    lines = []
    for curve, name, (color, dash) in zip(drawn, names(infos), styles(infos, dark), strict=True):
        label = f"{name}, {curve.seeds} seeds" if curve.seeds > 1 else name
        band = (curve.low, curve.high) if curve.seeds > 1 else (None, None)
        lines.append(Line(label, color, curve.x, curve.mean, *band, dash))
    return lines


def same_text_figure(same: SameText, places: Sequence[str], dark: bool) -> Figure:
    """The probability that each model gave each token, pale where the token does not count.
    `places` (T,): hover labels of tokens."""
    infos = [view.info for view in same.views]
    x = np.arange(1, same.log_p.shape[1] + 1)
    lines = [
        Line(name, color, x, np.exp(log_p), dash=dash)
        for name, (color, dash), log_p in zip(
            names(infos), styles(infos, dark), same.judged, strict=True
        )
    ]
    if infos[0].cue is None:
        return next_tokens(lines, places, "Probability of each next token")
    pale = [replace(line, y=np.exp(row)) for line, row in zip(lines, same.log_p, strict=True)]
    cue = visible(infos[0].vocab.id2token[infos[0].cue])
    return next_tokens(lines, places, f"Probability of each token after \u201c{cue}\u201d", pale)


def next_tokens(
    lines: Sequence[Line], text: Sequence[str], title: str, pale: Sequence[Line] = ()
) -> Figure:
    """Probabilities (T,) that models gave each token before reading it. `text` (T,): hover labels.

    `pale`: lines behind the others, of all tokens where only some count. Of a long text the first
    NEXT_TOKENS tokens are shown, with a range slider below.
    """
    figure = style.new_figure()
    labels, is_long = list(map(style.plain, text)), len(text) > NEXT_TOKENS
    for line in pale:
        look = {"color": line.color, "dash": line.dash, "width": 1}
        behind = {"opacity": 0.3, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=line.x, y=line.y, mode="lines", line=look, **behind)
    for line in lines:
        figure.add_scatter(
            x=line.x,
            y=line.y,
            text=labels,
            name=style.plain(line.label),
            mode="lines+markers",
            line={"color": line.color, "dash": line.dash, "width": 1.2},
            marker={"size": 11 if pale else 4},
            hovertemplate=f"%{{text}}   p = %{{y:{style.DIGITS}}}",
        )
    figure.update_xaxes(title_text="token", showgrid=False)
    if is_long:
        slider = {"visible": True, "thickness": 0.12}
        figure.update_xaxes(range=[0.5, NEXT_TOKENS + 0.5], rangeslider=slider)
    figure.update_yaxes(title_text="probability", range=[-0.03, 1.03])
    figure.update_layout(
        title_text=style.plain(title),
        height=400 if is_long else 360,
        margin={"l": 60, "r": 10, "t": 40, "b": 50},
        hovermode="x",
        showlegend=True,
        legend=style.BELOW,
    )
    return figure


def strips(same: SameText) -> list[tuple[str, bytes]]:
    """For each model a sentence, and the text coloured by the model's margin over the best other
    one. A single model is coloured by its probabilities. Tokens that do not count are pale."""
    shown, values, scale = slice(0, 2 * WINDOW), np.exp(same.judged), ("sequential", 0.0, 1.0)
    if len(same.views) > 1:
        values = margins(same.judged)  # (M,T)
        limit = max(1.0, float(np.percentile(np.append(np.abs(values[:, same.counts]), 0), 99)))
        scale = ("diverging", -limit, limit)
    texts = [
        heatmap_message.Text(view.tokens[shown], view.spans[shown], row[shown], *scale)
        for view, row in zip(same.views, values, strict=True)
    ]
    sentences = _scores(same, values)
    return [
        (sentence, heatmap_message.pack([text], []))
        for sentence, text in zip(sentences, texts, strict=True)
    ]


def _scores(same: SameText, values: np.ndarray) -> list[str]:
    """For each model the share of tokens at which it is the best, by margins (M,T), and its mean
    loss, both over the tokens that count."""
    infos, count = [view.info for view in same.views], int(same.counts.sum())
    if not count:
        return [f"{name}: no token here follows the cue, so none counts" for name in names(infos)]
    which = "the tokens" if infos[0].cue is None else f"the {count} tokens after the cue"
    best = [""] * len(infos)
    if len(infos) > 1:
        best = [f"best at {s:.0%} of {which}, " for s in (values > 0)[:, same.counts].mean(1)]
    nats = -same.log_p[:, same.counts].mean(1)  # (M,)
    return [
        f"{name}: {share}mean {mean:.3f} nats"
        for name, share, mean in zip(names(infos), best, nats, strict=True)
    ]


def lapse_figure(moments: Mapping[int, Moment], step: int, dark: bool) -> Figure:
    """The gradient's decay after a training step, and pale beside it that after the other steps."""
    dashes = dict(zip(sorted(moments), ("dot", "dash"), strict=False))
    lines = [
        gradients.Decay(
            f"step {at:,}",
            style.color(moment.view.info.rnn_type, dark),
            from_one(moment.decay.h),
            "solid" if at == step else dashes.get(at, "dash"),
            1.0 if at == step else 0.5,
        )
        for at, moment in sorted(moments.items())
        if moment.decay is not None
    ]
    return gradients.decay(
        lines,
        "\u2225\u2202L/\u2202h\u2225 of the last token's loss",
        "share of norm (log)",
    )
