"""A run on a text, as arrays that are ready to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.data.vocab import UNK
from rnnviz.figures import heatmap_message, signals

if TYPE_CHECKING:
    from rnnviz.runs.info import RunInfo
    from rnnviz.runs.run import Run

MAX_TOKENS = 2_000  # that are traced: more would neither be looked at nor fit the memory
WINDOW = 400  # tokens that heatmaps show at once: as many as a screen has room for
MEMORY_GATE = {"LSTM": "f", "GRU": "z", "RNN_TANH": "a", "RNN_RELU": "a"}  # orders the units
SIGMOIDS = ("i", "f", "o", "r", "z")


@dataclass(frozen=True, eq=False)
class View:
    """One layer of a run on a text.

    `tokens` (T,), visible; `spans` (T,2), their places in the text; `gates` and `states`
    (h, and c of an LSTM, after each step): name -> (T,H) float32; `residual`: see Trace;
    `half_life` (H,) of what a unit keeps, in tokens, None for an RNN; `unknown`: what the
    vocabulary lacks; `left_out`: characters beyond MAX_TOKENS tokens.
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
    half_life: np.ndarray | None = None

    @property
    def is_finite(self) -> bool:
        """Whether the states are numbers on this text: those of a bad model may overflow."""
        return all(bool(np.isfinite(state).all()) for state in self.states.values())

    def token_at(self, place: int) -> int:
        """The token (from 0) at a place in the text, or the last one before it."""
        return max(0, int(np.searchsorted(self.spans[:, 0], place, "right")) - 1)


def view(run: Run, text: str, layer: int) -> View:
    """Trace a run on a text; a text without a token gives a View without tokens."""
    from rnnviz.analysis.gradients import memory_half_life
    from rnnviz.analysis.tracing import trace_model

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
        half_life=None if "a" in at.gates else memory_half_life(trace, layer).numpy(),
    )


def visible(token: str) -> str:
    """A token with its spaces, line ends and control characters made visible."""
    marks = {" ": "\u2423", "\n": "\u23ce", "\t": "\u21e5", "\0": "\u2400"}
    return "".join(marks.get(c, c if c.isprintable() else "\ufffd") for c in token)


def gate_message(views: Sequence[View], order: str, first: int, dark: bool) -> bytes:
    """Heatmaps of all gates of some runs, of an RNN its pre-activation a and h."""
    arrays = [v.gates | ({"h": v.states["h"]} if "a" in v.gates else {}) for v in views]
    return _message(views, arrays, order, first, dark, 4)


def state_message(views: Sequence[View], order: str, first: int, dark: bool) -> bytes:
    """Heatmaps of the states of some runs: c, where there is one, and h."""
    arrays = [dict(sorted(v.states.items())) for v in views]
    return _message(views, arrays, order, first, dark, 2)


def _message(
    views: Sequence[View],
    arrays: Sequence[dict[str, np.ndarray]],
    order: str,
    first: int,
    dark: bool,
    columns: int,
) -> bytes:
    """Heatmaps of arrays name -> (T,H) of each run, from token `first` of the longest text on.

    Gates share the scale 0..1, candidates and bounded states -1..1. What has no bound (a, c,
    the h of a ReLU-RNN) shares one scale by name over all runs, which 99% of values fit.
    """
    lead = max(views, key=lambda view: len(view.tokens))
    window = lead.spans[first : first + WINDOW]
    limits: dict[str, float] = {}
    for view, named in zip(views, arrays, strict=True):
        for name in filter(lambda name: _unbounded(view, name), named):
            most = float(np.percentile(np.abs(named[name]), 99))  # a few units grow very large
            limits[name] = max(limits.get(name, 0.1), most)
    texts: dict[tuple[str, ...], heatmap_message.Text] = {}
    models = []
    for view, named in zip(views, arrays, strict=True):
        inside = (view.spans[:, 1] > window[0, 0]) & (view.spans[:, 0] < window[-1, 1])
        tokens = tuple(np.array(view.tokens, object)[inside])
        texts.setdefault(tokens, heatmap_message.Text(tokens, view.spans[inside]))
        panels = []
        for name, values in named.items():
            most = limits[name] if _unbounded(view, name) else 1.0
            bounds = ("sequential", 0.0, 1.0) if name in SIGMOIDS else ("diverging", -most, most)
            panels.append(heatmap_message.Panel(name, values[inside], *bounds))
        ordering = view.gates[MEMORY_GATE[view.info.rnn_type]]
        models.append(
            heatmap_message.Model(
                label=view.info.rnn_type,
                title=f"{view.info.name}, {ordering.shape[1]} units",
                color=signals.color(view.info.rnn_type, dark),
                note="max |states rebuilt from the gates \u2212 the fused kernel's| = "
                f"{view.residual:.1e}",
                text=list(texts).index(tokens),
                units=heatmap_message.unit_order(ordering, order),
                panels=panels,
            )
        )
    return heatmap_message.pack(list(texts.values()), models, columns)


def _unbounded(view: View, name: str) -> bool:
    return name in ("a", "c") or (name == "h" and view.info.rnn_type == "RNN_RELU")


@dataclass(frozen=True, eq=False)
class Saturation:
    """How often the gates of a layer are closed or open, over `tokens` tokens.

    `shares`: gate in 0..1 -> the shares of time (H,) in which each unit is below 0.1, above 0.9;
    none for an RNN and for states that are not finite.
    """

    tokens: int
    shares: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def mean(self) -> float | None:
        """Share of all values that are below 0.1 or above 0.9; None without gates."""
        sums = [below + above for below, above in self.shares.values()]  # (H,) each
        return float(np.mean(sums)) if sums else None


def saturation(view: View) -> Saturation:
    """How often the gates of a view are closed or open (Karpathy, Johnson and Li 2015)."""
    gates = view.gates.items() if view.is_finite else ()
    shares = {n: ((g < 0.1).mean(0), (g > 0.9).mean(0)) for n, g in gates if n in SIGMOIDS}
    return Saturation(len(view.tokens), shares)


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
    text = heatmap_message.Text(
        view.tokens[: len(held)], view.spans[: len(held)], held, lo=-limit, hi=limit
    )
    return heatmap_message.pack([text], [])


def liveliest(view: View, count: int = 8) -> np.ndarray:
    """The units whose memory varies most over the text, the liveliest first."""
    return np.argsort(-memory(view).var(0), kind="stable")[:count]


def one_step(view: View, unit: int, t: int) -> list[str]:
    """The arithmetic of one unit at one token as LaTeX lines, with its own numbers."""
    now = {name: float(v[t, unit]) for name, v in (view.gates | view.states).items()}
    before = {n: float(v[t - 1, unit]) if t else 0.0 for n, v in view.states.items()}
    told = {name: _digits(value) for name, value in now.items()}
    n, b = (
        {k: f"({v})" if v[0] == "-" else v for k, v in x.items()}
        for x in (told, {name: _digits(value) for name, value in before.items()})
    )
    if "c" in now:
        return [
            _aligned(
                r"c_t &= f_t \, c_{t-1} + i_t \, g_t",
                rf"{n['f']} \cdot {b['c']} + {n['i']} \cdot {n['g']}",
                told["c"],
            ),
            _aligned(r"h_t &= o_t \tanh c_t", rf"{n['o']} \cdot \tanh({told['c']})", told["h"]),
        ]
    if "z" in now:
        return [
            _aligned(
                r"h_t &= (1 - z_t) \, n_t + z_t \, h_{t-1}",
                rf"(1 - {n['z']}) \cdot {n['n']} + {n['z']} \cdot {b['h']}",
                told["h"],
            )
        ]
    name = "tanh" if view.info.rnn_type == "RNN_TANH" else "relu"
    function = rf"\mathrm{{{name}}}"
    return [_aligned(rf"h_t &= {function}(a_t)", rf"{function}({told['a']})", told["h"])]


def _digits(value: float) -> str:
    """Three significant digits, written out: 0.0412, 12.3."""
    if value and abs(value) < 1e-4:
        digits, exponent = f"{value:.2e}".split("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def _aligned(*lines: str) -> str:
    """An equation over several lines: it fits a phone."""
    return r"\begin{aligned} " + r" \\ &= ".join(lines) + r" \end{aligned}"


def influence_message(views: Sequence[View], log10: Sequence[np.ndarray], dark: bool) -> bytes:
    """Matrices (T,T) of log10 influence, losses from top to bottom; colours for six decades."""
    hi = max(float(m[np.isfinite(m)].max(initial=-12.0)) for m in log10)
    texts: dict[tuple[str, ...], heatmap_message.Text] = {}
    models = []
    for view, matrix in zip(views, log10, strict=True):
        steps = len(matrix)
        tokens = view.tokens[:steps]
        texts.setdefault(tokens, heatmap_message.Text(tokens, view.spans[:steps]))
        models.append(
            heatmap_message.Model(
                label=view.info.rnn_type,
                title=view.info.name,
                color=signals.color(view.info.rnn_type, dark),
                note="",
                text=list(texts).index(tokens),
                units=np.arange(steps),
                panels=[heatmap_message.Panel("\u2202L/\u2202x", matrix.T, "log", hi - 6, hi)],
                row="loss at token",
                count_from=1,
            )
        )
    return heatmap_message.pack(list(texts.values()), models, columns=1, beside=2)
