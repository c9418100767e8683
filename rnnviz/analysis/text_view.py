"""A run on a text, as arrays that are ready to draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis.counted import counted
from rnnviz.data.vocab import UNK
from rnnviz.nn.cell_types import CELL_TYPES, SIGMOIDS

if TYPE_CHECKING:
    from rnnviz.runs.info import RunInfo
    from rnnviz.runs.run import Run

MAX_TOKENS = 2_000  # that are traced; more would neither be looked at nor fit in memory
WINDOW = 400  # tokens that heatmaps show at once: as many as fit a screen
ORDERS = ("index", "mean", "variance", "time of peak")


@dataclass(frozen=True, eq=False)
class View:
    """One layer of a run on a text of T tokens, with H units.

    `tokens` (T,): with spaces and line ends visible. `spans` (T,2): start and end in the text.
    `gates`, `states`: name -> (T,H) float32; states are h, and c of an LSTM, after each token.
    `residual`: see Trace. `unknown`: what the vocabulary lacks. `left_out`: characters beyond the
    first MAX_TOKENS tokens. `half_life` (H,): of each unit's average decay, in tokens, None
    for an RNN.
    `counts` (T,): whether the run is judged by its prediction of each token, see `counted`.
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
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def is_finite(self) -> bool:
        """Whether all states are finite on this text: those of a bad model may overflow."""
        return all(bool(np.isfinite(state).all()) for state in self.states.values())

    def token_at(self, place: int) -> int:
        """The index of the token at a character of the text, or of the last one before it."""
        return max(0, int(np.searchsorted(self.spans[:, 0], place, "right")) - 1)


def view(run: Run, text: str, layer: int) -> View:
    """Trace a run on a text. A text without a token gives a View without tokens."""
    from rnnviz.analysis.gradients import memory_half_life
    from rnnviz.analysis.tracing import trace_model

    spans = np.array(run.vocab.spans(text, MAX_TOKENS), np.int64).reshape(-1, 2)  # (T,2)
    if not len(spans):
        return View(run.info, (), spans, {}, {}, 0.0, (), 0, "")
    ids = run.ids(text[: spans[-1, 1]])
    trace = trace_model(run.model, ids)
    traced = trace.layers[layer]
    states = traced.states_out
    keeps = CELL_TYPES[run.info.rnn_type].keep_gate is not None
    pieces = [text[start:end] for start, end in spans]
    unknown = ids.numpy() == run.vocab.token2id[UNK]  # (T,)
    return View(
        info=run.info,
        tokens=tuple(
            UNK if u else visible(piece) for u, piece in zip(unknown, pieces, strict=True)
        ),
        spans=spans,
        gates={name: gate[:, 0].numpy() for name, gate in traced.gates.items()},
        states={name: state[:, 0].numpy() for name, state in states.items()},
        residual=trace.residual,
        unknown=tuple(sorted({p for u, p in zip(unknown, pieces, strict=True) if u})),
        left_out=len(text) - int(spans[-1, 1]) if len(spans) == MAX_TOKENS else 0,
        device=str(run.model.device),
        half_life=memory_half_life(trace, layer).numpy() if keeps else None,
        counts=counted(run.info.cue, ids.numpy()),
    )


def visible(token: str) -> str:
    """A token with its spaces, line ends and control characters made visible."""
    marks = {" ": "\u2423", "\n": "\u23ce", "\t": "\u21e5", "\0": "\u2400"}
    return "".join(marks.get(c, c if c.isprintable() else "\ufffd") for c in token)


def unit_order(values: np.ndarray, by: str) -> np.ndarray:
    """Units (H,) ordered by what one gate (T,H) does: by index, falling mean, falling variance,
    or the time of its peak."""
    if by == "index":
        return np.arange(values.shape[1])
    key = {
        "mean": lambda: -values.mean(0),
        "variance": lambda: -values.var(0),
        "time of peak": lambda: values.argmax(0),
    }[by]()
    return np.argsort(key, kind="stable")


@dataclass(frozen=True, eq=False)
class Saturation:
    """How often the gates of a layer are closed or open, over `tokens` tokens.

    `shares`: gate -> for each unit the shares of time below 0.1 and above 0.9, (H,) each. Only
    sigmoid gates are in it; it is empty for an RNN and for states that are not finite.
    """

    tokens: int
    shares: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def mean(self) -> float | None:
        """The share of all gate values below 0.1 or above 0.9; None without gates."""
        sums = [below + above for below, above in self.shares.values()]  # (H,) each
        return float(np.mean(sums)) if sums else None


def saturation(view: View) -> Saturation:
    """How often the gates of a view are closed or open (Karpathy, Johnson and Li 2015)."""
    gates = view.gates.items() if view.is_finite else ()
    shares = {n: ((g < 0.1).mean(0), (g > 0.9).mean(0)) for n, g in gates if n in SIGMOIDS}
    return Saturation(len(view.tokens), shares)


def memory(view: View) -> np.ndarray:
    """What each unit holds (T,H): tanh(c) of an LSTM, else h; within -1..1 but for a ReLU-RNN."""
    return np.tanh(view.states["c"]) if "c" in view.states else view.states["h"]


def most_switching_unit(view: View) -> int:
    """The unit that acts most like a switch: large deviation over the text, small change from
    token to token.

    A unit that follows a bracket or a quote stays at one value inside and at another outside.
    """
    held = memory(view)
    change = np.abs(np.diff(held, axis=0)).mean(0) if len(held) > 1 else 0.0
    return int(np.argmax(held.std(0) - change))


def most_variable_units(view: View, count: int = 8) -> np.ndarray:
    """The units whose memory has the largest variance over the text, the largest first."""
    return np.argsort(-memory(view).var(0), kind="stable")[:count]
