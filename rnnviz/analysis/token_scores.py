"""Runs beside each other, ready to draw: how they learnt, one text through all, a time-lapse."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from rnnviz import RNN_TYPES
from rnnviz.analysis import gradient_decay, text_view
from rnnviz.analysis.comparison import groups, settings
from rnnviz.analysis.gradient_decay import Flow
from rnnviz.analysis.text_view import View
from rnnviz.data.corpus import writable
from rnnviz.figures import heatmap_message, signals, training
from rnnviz.runs.info import RunInfo

if TYPE_CHECKING:
    from rnnviz.runs.store import Run

AXES = {"steps": "step", "tokens": "tokens", "seconds": "seconds"}  # fields of a StepRecord
LOSSES = {"valid_loss": "Validation loss", "loss": "Training loss"}
SAMPLE = 200  # tokens that each model writes
LAPSE_TEMPERATURE = 0.8
LAPSE_SAMPLE = f"What it writes at temperature {LAPSE_TEMPERATURE:g} with one noise"


def names(infos: Sequence[RunInfo]) -> list[str]:
    """A short name a run: its cell type where that tells it apart."""
    kinds = [info.rnn_type for info in infos]
    return [info.rnn_type if kinds.count(info.rnn_type) == 1 else info.name for info in infos]


def styles(infos: Sequence[RunInfo], dark: bool) -> list[tuple[str, str]]:
    """Colour and dash a run: the colour is the cell type's, the dash tells its runs apart."""
    kinds = [info.rnn_type for info in infos]
    return [
        (signals.color(kind, dark), dash)
        for kind, dash in zip(kinds, signals.dashes(kinds), strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Curve:
    """A loss over training of runs that differ only in the seed: x (N,), and at each place the
    mean, least and largest loss (N,) of `seeds` runs."""

    info: RunInfo
    seeds: int
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def curves(infos: Sequence[RunInfo], axis: str, loss: str) -> list[Curve]:
    """Loss (a key of LOSSES) against steps, tokens or seconds; runs without a history are left out.

    Seeds are met at equal shares of their budgets, the places of all of them within the range that
    they share, and x is their mean: seeds of equal minutes take their steps at different times.
    Seeds that share no range are curves of their own.
    """
    names = [name for name in settings(infos[0]) if name != "seed"] if infos else []
    made = []
    for kind in RNN_TYPES:
        for alike in groups([info for info in infos if info.rnn_type == kind], *names):
            lines = [(info, *_line(info, AXES[axis], loss)) for info in alike]
            lines = [line for line in lines if len(line[1])]
            if not lines:
                continue
            first = max(place[0] for _, place, _, _ in lines)
            last = min(place[-1] for _, place, _, _ in lines)
            grid = np.unique(np.concatenate([place for _, place, _, _ in lines]))
            grid = grid[(grid >= first) & (grid <= last)]
            bundles = [(grid, lines)] if len(grid) else [(line[1], [line]) for line in lines]
            for at, bundle in bundles:
                x = np.mean([np.interp(at, place, xs) for _, place, xs, _ in bundle], axis=0)
                y = np.stack([np.interp(at, place, ys) for _, place, _, ys in bundle])  # (seeds,N)
                made.append(Curve(bundle[0][0], len(bundle), x, y.mean(0), y.min(0), y.max(0)))
    return made


def _line(info: RunInfo, field: str, loss: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the budget that are spent (x itself where they are not recorded), x and losses."""
    known = [r for r in info.history if r.get(loss) is not None and r.get(field) is not None]
    x, y = (np.array([r[name] for r in known], float) for name in (field, loss))
    share = [r.get("progress") for r in known]
    return x if None in share else np.array(share, float), x, y


def curve_figures(infos: Sequence[RunInfo], axis: str, dark: bool) -> list[go.Figure]:
    """Validation and training loss, a pair for each text and vocabulary."""
    figures = []
    for alike in groups(infos, "data", "vocabulary"):
        for loss, title in LOSSES.items():
            drawn = curves(alike, axis, loss)
            shown = [curve.info for curve in drawn]
            lines = []
            for curve, name, (color, dash) in zip(
                drawn, names(shown), styles(shown, dark), strict=True
            ):
                label = f"{name}, {curve.seeds} seeds" if curve.seeds > 1 else name
                band = (curve.low, curve.high) if curve.seeds > 1 else (None, None)
                line = (curve.x, curve.mean, *band, dash)
                lines.append(signals.Line(html.escape(label), color, *line))
            if lines:
                where = f"{title} on {html.escape(alike[0].corpus)}"
                figures.append(training.learning_curves(lines, where, f"training {axis}"))
    return figures


def log_probs(run: Run, text: str) -> np.ndarray:
    """log p of each token of a text (T,) given those before it, nan for the first one."""
    import torch

    ids = run.ids(text)
    values = np.full(len(ids), np.nan, np.float32)
    if len(ids) > 1:
        with torch.no_grad():
            log_p, _ = run.model(ids[None, :-1].to(run.model.device), run.model.init_hidden(1))
        values[1:] = log_p[0].cpu().gather(-1, ids[1:, None])[:, 0].numpy()  # (T-1,V) -> (T-1,)
    return values


def margins(log_p: np.ndarray) -> np.ndarray:
    """Of log p (M,T) of M >= 2 models: by how much each is above the best of the others (M,T)."""
    ordered = np.sort(log_p, axis=0)  # (M,T)
    best, second = ordered[-1], ordered[-2]
    return log_p - np.where(log_p == best, second, best)


@dataclass(frozen=True, eq=False)
class SameText:
    """Models with one vocabulary on one text: `log_p` (M,T), nan at the first token."""

    views: list[View]
    log_p: np.ndarray

    @property
    def names(self) -> list[str]:
        return names([view.info for view in self.views])

    def figure(self, places: Sequence[str], dark: bool) -> go.Figure:
        """Lines of probabilities; `places` (T,) is what hover calls each token."""
        infos = [view.info for view in self.views]
        place = np.arange(1, self.log_p.shape[1] + 1)
        lines = [
            signals.Line(html.escape(name), color, place, np.exp(log_p), dash=dash)
            for name, (color, dash), log_p in zip(
                self.names, styles(infos, dark), self.log_p, strict=True
            )
        ]
        return signals.next_tokens(lines, places, "Probability of each next token")

    def strips(self) -> list[tuple[str, bytes]]:
        """Of each model a sentence, and the text coloured by its margin over the best other one;
        a model alone is coloured by its probabilities."""
        shown = slice(0, 2 * text_view.WINDOW)
        if len(self.views) > 1:
            values = margins(self.log_p)  # (M,T)
            limit = max(1.0, float(np.nanpercentile(np.abs(values), 99)))
            bounds = ("diverging", -limit, limit)
            won = [f"best at {share:.0%} of the tokens, " for share in (values > 0)[:, 1:].mean(1)]
        else:
            values, bounds, won = np.exp(self.log_p), ("sequential", 0.0, 1.0), [""]
        texts = [
            heatmap_message.Text(
                view.tokens[shown], view.spans[shown], np.nan_to_num(row[shown]), *bounds
            )
            for view, row in zip(self.views, values, strict=True)
        ]
        nats = -self.log_p[:, 1:].mean(1)  # (M,)
        said = [
            f"{name}: {best}mean {mean:.3f} nats"
            for name, best, mean in zip(self.names, won, nats, strict=True)
        ]
        return [
            (line, heatmap_message.pack([text], [])) for line, text in zip(said, texts, strict=True)
        ]


def write(run: Run, text: str, temperature: float, seed: int) -> str:
    from rnnviz.analysis.sampling import generate

    ids = generate(run.model, run.ids(text), SAMPLE, temperature, seed=seed)
    return writable(run.vocab.decode(ids.tolist()))


@dataclass(frozen=True, eq=False)
class Moment:
    """A run after one step of its training: a layer on a text, the flow of the loss at its last
    token (None for a text too short), what it writes, and its mean nats a token of the text; of a
    made task those of what follows a cue, nan where none does."""

    view: View
    flow: Flow | None
    sample: str
    nats: float

    def said(self, step: int) -> str:
        if self.view.info.cue is None:
            return f"After {step:,} steps the text costs {self.nats:.3f} nats a token."
        costs = "there is none here" if np.isnan(self.nats) else f"{self.nats:.3f} nats"
        return f"After {step:,} steps, a token after the cue: {costs}. It learns nothing else."


def moment(run: Run, text: str, layer: int) -> Moment:
    target = len(run.vocab.spans(text)) - 2
    nats, cue = -log_probs(run, text)[1:], run.info.cue  # (T-1,)
    if cue is not None:
        nats = nats[run.ids(text)[:-1].numpy() == cue]
    return Moment(
        view=text_view.view(run, text, layer),
        flow=None if target < 0 else gradient_decay.flow(run, text, layer, target),
        sample=write(run, text, LAPSE_TEMPERATURE, 0),
        nats=float(nats.mean()) if len(nats) else np.nan,
    )


def lapse_figure(moments: Mapping[int, Moment], step: int, dark: bool) -> go.Figure:
    """The gradient's decay after a step, and pale beside it those of the others."""
    dashes = dict(zip(sorted(moments), ("dot", "dash"), strict=False))
    lines = [
        signals.Decay(
            f"step {at:,}",
            signals.color(moment.view.info.rnn_type, dark),
            moment.flow.h,
            "solid" if at == step else dashes.get(at, "dash"),
            1.0 if at == step else 0.5,
        )
        for at, moment in sorted(moments.items())
    ]
    return signals.decay(
        lines, "\u2225\u2202L/\u2202h\u2225 of the last token's loss", "gradient norm (log)"
    )
