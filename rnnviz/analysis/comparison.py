"""Runs side by side: parameters, the settings in which they differ, a row of numbers for each.

Losses are in nats a token. What is not known of a run is None: an imported run may lack its
history, an RNN has no gates.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnviz.nn.parameter_count import parameters
from rnnviz.nn.perplexity import perplexity
from rnnviz.runs.info import RunInfo
from rnnviz.training.config import budget_text

NOT_RECORDED = "not recorded"
EQUAL_TOKENS = 1.05  # ratio of tokens seen up to which trainings count as equally long


def formulas(infos: Sequence[RunInfo]) -> dict[str, str]:
    """Formulas of the parameter counts and what they count twice, by the names of the runs that
    share them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for info in infos:
        counted = parameters(info.model)
        found.setdefault((*counted.formulas, counted.biases), []).append(info.name)
    return {", ".join(names): "\n".join(lines) for lines, names in found.items()}


def settings(info: RunInfo) -> dict[str, Hashable]:
    """The settings of a run other than its cell type: runs are comparable when all are equal."""
    model, config = info.model, info.config
    budget = budget_text(config)
    spent = info.history[-1].get("progress", 1.0) if info.history else 1.0
    if spent < 1:
        budget += f" ({spent:.0%} of it spent)"
    return {
        "data": (info.corpus, info.fingerprint),
        "vocabulary": info.vocab,
        "seed": config.get("seed"),
        "budget": budget or None,
        "width": model["hidden_size"],
        "embedding size": model["embedding_size"],
        "layers": model["num_hidden_layers"],
        "dropout": model["dropout"],
        "tied weights": model["tie_weights"],
        "forget bias": model["forget_bias"],
        "learning rate": config.get("lr"),
        "optimizer": config.get("optimizer"),
        "batch": config.get("batch_size"),
        "BPTT length": config.get("sequence_length"),
        "clip": config.get("clip"),
    }


def setting_text(name: str, value: Any) -> str:
    """The value of a setting as text."""
    if value is None:
        return "PyTorch's" if name == "forget bias" else NOT_RECORDED
    if name == "data":
        return f"{value[0]} ({value[1][:6] or 'no fingerprint'})"
    if name == "vocabulary":
        return f"{len(value):,} {'characters' if value.level == 'char' else 'words'}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def differences(infos: Sequence[RunInfo]) -> dict[str, tuple[str, ...]]:
    """The settings in which the runs differ: name -> the value of each run as text."""
    rows = [settings(info) for info in infos]
    return {
        name: tuple(setting_text(name, row[name]) for row in rows)
        for name in (rows[0] if rows else ())
        if len({row[name] for row in rows}) > 1
    }


def tokens_apart(infos: Sequence[RunInfo]) -> str:
    """The numbers of tokens seen as text, where their ratio exceeds EQUAL_TOKENS; else ""."""
    lasts = [info.history[-1] if info.history else {} for info in infos]
    seen = [last.get("tokens") or 0 for last in lasts]
    low, high = min(seen), max(seen)  # 0: not recorded
    if high <= EQUAL_TOKENS * low:
        return ""
    found = f"tokens seen {f'{low:,} to' if low else 'not recorded,'} {high:,}"
    minutes = {info.config.get("minutes") for info in infos}
    unfair = low and len(minutes) == 1 and None not in minutes
    return found + " (equal minutes were not equal training)" * bool(unfair)


def verdict(infos: Sequence[RunInfo]) -> list[str]:
    """Sentences: what differs beyond the cell type, then which numbers are not comparable."""
    if len(infos) < 2:
        return ["One run: choose a second one to compare it with."]
    differ, apart = differences(infos), tokens_apart(infos)
    parts = [apart] if apart else []
    parts += [f"{name} {', '.join(dict.fromkeys(v))}" for name, v in differ.items()]
    if not parts:
        return ["These runs differ in nothing but their cell type and weights."]
    found = [f"Beyond the cell type, these runs differ in {'; '.join(parts)}."]
    if unlike := [name for name in ("data", "vocabulary") if name in differ]:
        found.append(
            f"Not all of them share the same {' and '.join(unlike)}: losses, perplexities and bits "
            "are comparable only between runs that do."
        )
    return found


def groups(infos: Iterable[RunInfo], *names: str) -> list[list[RunInfo]]:
    """The runs in groups that agree in the named settings."""
    found: dict[tuple, list[RunInfo]] = {}
    for info in infos:
        values = settings(info)
        found.setdefault(tuple(values[name] for name in names), []).append(info)
    return list(found.values())


@dataclass(frozen=True)
class Measures:
    """What is measured of one layer on a text.

    `half_life`: in tokens, of the gradient of the last token's loss; None for a text of one token.
    `saturated`: share of gate values below 0.1 or above 0.9; None for an RNN.
    """

    half_life: float | None
    saturated: float | None


def losses(info: RunInfo) -> dict[str, float | None]:
    """Losses in nats, as perplexities (None for one larger than every float) and, for characters,
    in bits."""
    nats, words = info.valid_loss, info.vocab.level == "word"
    return {
        "validation, nats": nats,
        "perplexity": None if nats is None else perplexity(nats),
        "bits/character": None if words or nats is None else nats / math.log(2),
        "test, nats": info.test_loss,
    }


def row(info: RunInfo, measures: Measures) -> dict[str, Any]:
    """One line of the table: column -> number or None."""
    last = info.history[-1] if info.history else {}
    tokens, seconds = last.get("tokens"), last.get("seconds")
    return losses(info) | {
        "half-life, tokens": measures.half_life,
        "saturated gates": measures.saturated,
        "parameters": info.parameters,
        "tokens seen": tokens,
        "seconds": seconds,
        "tokens/s": round(tokens / seconds) if tokens and seconds else None,
    }
