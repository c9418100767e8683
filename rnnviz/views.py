"""A run on a text, as arrays that are ready to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz import heatmaps, plots
from rnnviz.data import UNK

if TYPE_CHECKING:
    from rnnviz.runs import Run, RunInfo

MAX_TOKENS = 2_000  # that are traced: more would neither be looked at nor fit the memory
WINDOW = 400  # tokens that heatmaps show at once: as many as a screen has room for
MEMORY_GATE = {"LSTM": "f", "GRU": "z", "RNN_TANH": "a", "RNN_RELU": "a"}  # orders the units
SIGMOIDS = ("i", "f", "o", "r", "z")


@dataclass(frozen=True, eq=False)
class View:
    """One layer of a run on a text.

    `tokens` (T,), visible; `spans` (T,2), their places in the text; `gates` and `states`
    (h, and c of an LSTM, after each step): name -> (T,H) float32; `residual`: see Trace;
    `unknown`: what the vocabulary lacks; `left_out`: characters beyond MAX_TOKENS tokens.
    """

    info: RunInfo
    tokens: tuple[str, ...]
    spans: np.ndarray
    gates: dict[str, np.ndarray]
    states: dict[str, np.ndarray]
    residual: float
    unknown: tuple[str, ...]
    left_out: int
    device: str


def view(run: Run, text: str, layer: int) -> View:
    """Trace a run on a text; a text without a token gives a View without tokens."""
    from rnnviz.tracing import trace_model

    spans = np.array(run.vocab.spans(text, MAX_TOKENS), np.int64).reshape(-1, 2)  # (T,2)
    if not len(spans):
        return View(run.info, (), spans, {}, {}, 0.0, (), 0, "")
    ids = run.ids(text[: spans[-1, 1]])
    trace = trace_model(run.model, ids)
    at = trace.layers[layer]
    states = {"h": at.h_out} | ({} if at.c is None else {"c": at.c_out})
    pieces = [text[start:end] for start, end in spans]
    unknown = ids.numpy() == run.vocab.token2id[UNK]
    return View(
        info=run.info,
        tokens=tuple(
            UNK if u else visible(piece) for u, piece in zip(unknown, pieces, strict=True)
        ),
        spans=spans,
        gates={name: gate[:, 0].numpy() for name, gate in at.gates.items()},
        states={name: state[:, 0].numpy() for name, state in states.items()},
        residual=trace.residual,
        unknown=tuple(sorted({p for u, p in zip(unknown, pieces, strict=True) if u})),
        left_out=len(text) - int(spans[-1, 1]) if len(spans) == MAX_TOKENS else 0,
        device=str(run.model.device),
    )


def visible(token: str) -> str:
    """A token with its spaces, line ends and control characters made visible."""
    marks = {" ": "\u2423", "\n": "\u23ce", "\t": "\u21e5", "\0": "\u2400"}
    return "".join(marks.get(c, c if c.isprintable() else "\ufffd") for c in token)


def gate_message(views: Sequence[View], order: str, first: int, dark: bool) -> bytes:
    """Heatmaps of all gates of some runs, from token `first` of the longest on.

    Gates share the scale 0..1, candidates and tanh states -1..1; pre-activations share one
    scale with the states of ReLU-RNNs, which have no bound either.
    """
    lead = max(views, key=lambda view: len(view.tokens))
    window = lead.spans[first : first + WINDOW]
    ungated = [view.gates["a"] for view in views if "a" in view.gates]
    limit = max((float(np.abs(a).max()) for a in ungated), default=1.0)  # one scale for all a
    texts: dict[tuple[str, ...], heatmaps.Text] = {}
    models = []
    for view in views:
        inside = (view.spans[:, 1] > window[0, 0]) & (view.spans[:, 0] < window[-1, 1])
        tokens = tuple(np.array(view.tokens, object)[inside])
        texts.setdefault(tokens, heatmaps.Text(tokens, view.spans[inside]))
        arrays = view.gates | ({"h": view.states["h"]} if "a" in view.gates else {})
        panels = []
        for name, values in arrays.items():
            unbounded = name == "a" or view.info.rnn_type == "RNN_RELU"
            most = limit if unbounded else 1.0
            bounds = ("sequential", 0.0, 1.0) if name in SIGMOIDS else ("diverging", -most, most)
            panels.append(heatmaps.Panel(name, values[inside], *bounds))
        ordering = view.gates[MEMORY_GATE[view.info.rnn_type]]
        models.append(
            heatmaps.Model(
                label=view.info.rnn_type,
                title=f"{view.info.name}, {ordering.shape[1]} units",
                color=plots.color(view.info.rnn_type, dark),
                note=f"max |h rebuilt from the gates \u2212 h of the fused kernel| = "
                f"{view.residual:.1e}",
                text=list(texts).index(tokens),
                units=heatmaps.unit_order(ordering, order),
                panels=panels,
            )
        )
    return heatmaps.pack(list(texts.values()), models)


def saturation(view: View, label: str, dark: bool) -> list[plots.Saturation]:
    """Of each gate in 0..1: the share of time that each unit is closed or open."""
    color = plots.color(view.info.rnn_type, dark)
    return [
        plots.Saturation(name, label, color, (gate < 0.1).mean(0), (gate > 0.9).mean(0))
        for name, gate in view.gates.items()
        if name in SIGMOIDS
    ]


def memory(view: View) -> np.ndarray:
    """What a unit holds, in -1..1 for LSTM and GRU: tanh(c) where there is a c, else h; (T,H)."""
    return np.tanh(view.states["c"]) if "c" in view.states else view.states["h"]


def most_telling_unit(view: View) -> int:
    """The unit that switches: large variance over the text, small change from token to token.

    A unit that follows a bracket or a quote stays at one value inside and at another outside.
    """
    held = memory(view)
    restless = np.abs(np.diff(held, axis=0)).mean(0) if len(held) > 1 else 0.0
    return int(np.argmax(held.std(0) - restless))


def coloured_text_message(view: View, unit: int) -> bytes:
    """The text coloured by what one unit holds after each token."""
    held = memory(view)[: 2 * WINDOW, unit]
    limit = max(1.0, float(np.abs(held).max()))
    text = heatmaps.Text(
        view.tokens[: len(held)], view.spans[: len(held)], held, lo=-limit, hi=limit
    )
    return heatmaps.pack([text], [])
