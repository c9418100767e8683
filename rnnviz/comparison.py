"""Runs beside each other, as rows, curves and arrays that are ready to show.

Losses are in nats a token. What is not known of a run (one that came without its history, an RNN
that has no gates) is None.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnviz import RNN_TYPES, corpora
from rnnviz.runs import MAX_SIZE, RunInfo, run_name

if TYPE_CHECKING:
    from rnnviz.runs import Run
    from rnnviz.views import View

BLOCKS = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
AXES = {"steps": "step", "tokens": "tokens", "seconds": "seconds"}  # fields of a StepRecord
LOSSES = {"valid_loss": "Validation loss", "loss": "Training loss"}


@dataclass(frozen=True)
class Parameters:
    """How many there are; `formulas`: a line a part, with the numbers put in."""

    embedding: int
    recurrent: int
    projection: int
    formulas: tuple[str, ...]

    @property
    def total(self) -> int:
        return self.embedding + self.recurrent + self.projection


def parameters(model: dict[str, Any]) -> Parameters:
    """Parameters of a model from its sizes (RunInfo.model), without building it.

    A layer has G blocks of weights (H,D) and (H,H) and two biases: G H (D + H) + 2 G H.
    """
    v, d, h = model["vocab_size"], model["embedding_size"], model["hidden_size"]
    g, tied = BLOCKS[model["rnn_type"]], model["tie_weights"]
    lines = [f"embedding V·D = {v:,}·{d} = {v * d:,}"]
    recurrent = 0
    for layer in range(model["num_hidden_layers"]):
        below = h if layer else d
        size = g * h * (below + h) + 2 * g * h
        recurrent += size
        general = f"{2 * g}h² + {2 * g}h = {2 * g}·{h}² + {2 * g}·{h}"
        if below != h:
            times = f"{g}·" if g > 1 else ""
            general = f"{times[:-1]}h(D + h) + {2 * g}h = {times}{h}·({below} + {h}) + {2 * g}·{h}"
        lines.append(f"layer {layer + 1} {general} = {size:,}")
    projection = v if tied else v * h + v
    shared = "V, its weights are the embedding's" if tied else f"V·h + V = {v:,}·{h} + {v:,}"
    lines.append(f"projection {shared} = {projection:,}")
    return Parameters(v * d, recurrent, projection, tuple(lines))


def equal_width(rnn_type: str, target: int, model: dict[str, Any]) -> int:
    """The hidden size with which a cell type has nearest to `target` parameters in all; the
    other sizes are those of `model`."""

    def total(h: int) -> int:
        return parameters(model | {"rnn_type": rnn_type, "hidden_size": h}).total

    above = bisect_left(range(1, MAX_SIZE), target, key=total) + 1
    return min((max(1, above - 1), above), key=lambda h: abs(total(h) - target))


def plans(
    source: corpora.Source,
    spec: str,
    level: str,
    min_count: int,
    model: dict[str, Any],
    equal: str,
    seeds: int,
    config: dict[str, Any],
) -> list[dict[str, Any]]:
    """What to train: every cell type with seeds 0, 1, ... on one corpus, as fields of a Plan.

    `model`: sizes of the LSTM, the vocabulary's among them; `equal`: "width" or "parameters";
    `config`: fields of TrainConfig, the budget among them.
    """
    from rnnviz.training import TrainConfig

    target = parameters(model | {"rnn_type": "LSTM"}).total
    made = []
    for rnn_type in RNN_TYPES:
        width = model["hidden_size"]
        if equal == "parameters":
            width = equal_width(rnn_type, target, model)
        sizes = {key: value for key, value in model.items() if key != "vocab_size"}
        sizes |= {"rnn_type": rnn_type, "hidden_size": width}
        made += [
            {
                "name": f"{run_name(source.name, rnn_type)}-{width}-seed{seed}",
                "source": source,
                "level": level,
                "min_count": min_count,
                "model": sizes,
                "config": TrainConfig(**config, seed=seed),
                "spec": spec,
            }
            for seed in range(seeds)
        ]
    return made


def settings(info: RunInfo) -> dict[str, Hashable]:
    """What a run is, beyond its cell type: two runs compare when all of these are equal."""
    model, config = info.model, info.config
    budgets = ((config.get(key), key) for key in ("steps", "epochs", "minutes"))
    budget = " ".join(f"{value:g} {key}" for value, key in budgets if value)
    return {
        "data": (info.corpus, info.fingerprint),
        "vocabulary": info.vocab,
        "seed": config.get("seed"),
        "budget": budget or None,
        "width": model["hidden_size"],
        "embedding": model["embedding_size"],
        "layers": model["num_hidden_layers"],
        "dropout": model["dropout"],
        "tied weights": model["tie_weights"],
        "learning rate": config.get("lr"),
        "optimizer": config.get("optimizer"),
        "batch": config.get("batch_size"),
        "BPTT length": config.get("sequence_length"),
        "clip": config.get("clip"),
    }


def told(name: str, value: Hashable) -> str:
    """A setting's value in words."""
    if value is None:
        return "not recorded"
    if name == "data":
        return f"{value[0]} ({value[1][:6] or 'no fingerprint'})"
    if name == "vocabulary":
        return f"{len(value):,} {'characters' if value.level == 'char' else 'words'}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def differences(infos: Sequence[RunInfo]) -> dict[str, tuple[str, ...]]:
    """The settings in which the runs differ, and each run's value."""
    rows = [settings(info) for info in infos]
    return {
        name: tuple(told(name, row[name]) for row in rows)
        for name in (rows[0] if rows else ())
        if len({row[name] for row in rows}) > 1
    }


def groups(infos: Iterable[RunInfo], *names: str) -> list[list[RunInfo]]:
    """The runs in groups that are equal in the settings named."""
    found: dict[tuple, list[RunInfo]] = {}
    for info in infos:
        mine = settings(info)
        found.setdefault(tuple(mine[name] for name in names), []).append(info)
    return list(found.values())


@dataclass(frozen=True)
class Measures:
    """What is measured on a run, layer by layer: half-life in tokens of the gradient of the last
    token's loss, and the share of saturated gate values; None for a text too short, for an RNN."""

    half_life: float | None
    saturated: float | None


def saturated(view: View) -> float | None:
    """Share of the values of all sigmoid gates that are below 0.1 or above 0.9."""
    from rnnviz.views import SIGMOIDS

    shares = [
        ((gate < 0.1) | (gate > 0.9)).mean() for name, gate in view.gates.items() if name in SIGMOIDS
    ]
    return float(np.mean(shares)) if shares else None


def row(info: RunInfo, measures: Measures) -> dict[str, Any]:
    """One line of the table, name -> number, text or None."""
    counts = parameters(info.model)
    last = info.history[-1] if info.history else {}
    tokens, seconds, nats = last.get("tokens"), last.get("seconds"), info.valid_loss
    words = info.vocab.level == "word"
    return {
        "run": info.name,
        "cell type": info.rnn_type,
        "parameters": counts.total,
        "embedding": counts.embedding,
        "recurrent": counts.recurrent,
        "projection": counts.projection,
        "tokens seen": tokens,
        "seconds": seconds,
        "tokens/s": tokens / seconds if tokens and seconds else None,
        "validation, nats": nats,
        "test, nats": info.test_loss,
        "perplexity": math.exp(min(nats, 700)) if words and nats is not None else None,
        "bits/character": None if words or nats is None else nats / math.log(2),
        "gradient half-life, tokens": measures.half_life,
        "saturated gates": measures.saturated,
    }


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

    Seeds are interpolated at the places of all of them, within the range that they share; seeds
    that share none are curves of their own.
    """
    names = [name for name in settings(infos[0]) if name != "seed"] if infos else []
    made = []
    for kind in RNN_TYPES:
        for alike in groups([info for info in infos if info.rnn_type == kind], *names):
            lines = [(info, *_line(info, AXES[axis], loss)) for info in alike]
            lines = [line for line in lines if len(line[1])]
            if not lines:
                continue
            first, last = max(x[0] for _, x, _ in lines), min(x[-1] for _, x, _ in lines)
            grid = np.unique(np.concatenate([x for _, x, _ in lines]))
            grid = grid[(grid >= first) & (grid <= last)]
            bundles = [(grid, lines)] if len(grid) else [(x, [(i, x, y)]) for i, x, y in lines]
            for x, bundle in bundles:
                values = np.stack([np.interp(x, xs, ys) for _, xs, ys in bundle])  # (seeds,N)
                bounds = values.mean(0), values.min(0), values.max(0)
                made.append(Curve(bundle[0][0], len(bundle), x, *bounds))
    return made


def _line(info: RunInfo, field: str, loss: str) -> tuple[np.ndarray, np.ndarray]:
    known = [r for r in info.history if r.get(loss) is not None and r.get(field) is not None]
    return np.array([r[field] for r in known], float), np.array([r[loss] for r in known], float)


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


def leads(log_p: np.ndarray) -> np.ndarray:
    """Of log p (M,T) of M >= 2 models: by how much each is above the best of the others (M,T)."""
    ordered = np.sort(log_p, axis=0)  # (M,T)
    best, second = ordered[-1], ordered[-2]
    return log_p - np.where(log_p == best, second, best)
