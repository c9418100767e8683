"""The Context page: what models use of the past, measured in the background and kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import streamlit as st

from rnnviz.analysis import context_use as uses
from rnnviz.analysis.context_use import ContextUse
from rnnviz.app import caches, page
from rnnviz.app.live import live as drawn_live
from rnnviz.data.printable import printable
from rnnviz.figures import comparison
from rnnviz.figures.context import ModelUse
from rnnviz.jobs.measurements import Make, Measurement, Measurements
from rnnviz.runs import window_files
from rnnviz.runs.info import RunInfo
from rnnviz.runs.window_files import WindowFacts

Losses: TypeAlias = Mapping[int, float]  # of models of a window, by its size
MOST = 1e4  # tokens: a gradient whose half-life is longer does not fade
MODES = {"cut": "cut off", "shuffled": "in random order", "replaced": "from elsewhere"}
MEANING = {
    "cut": "What lies further back is cut off: the model begins there, with a state of zeros.",
    "shuffled": "What lies further back has the same tokens in random order, up to 512.",
    "replaced": "What lies further back is a stretch from elsewhere in the text, up to 512 tokens.",
}


@st.cache_resource(show_spinner=False)
def _measurements() -> Measurements:
    """Those of this server, for all sessions."""
    return Measurements()


@dataclass(frozen=True)
class Asked:
    """What a page needs: of each run a measurement, and of the windows beside it, by size; for how
    many steps these were trained."""

    infos: Sequence[RunInfo]
    runs: Sequence[Measurement]
    windows: Mapping[int, Measurement]
    window_steps: Collection[int] = ()

    @property
    def all(self) -> list[Measurement]:
        return [*self.runs, *self.windows.values()]

    @property
    def waiting(self) -> list[Measurement]:
        return [one for one in self.all if not one.done]


def ask(infos: Sequence[RunInfo], text: str, beyond: str) -> Asked:
    """Begin what is not known yet. `text`: for models whose own validation text is not here. Raises
    FileNotFoundError for a run that is gone."""
    found = []
    for info in infos:
        own = _text_of(info, text)
        make = partial(_use_of, info, own, beyond)
        found.append(_measured(info.folder / "weights.safetensors", own, beyond, make))
    beside = _beside(infos[0]) if _one_corpus(infos) else {}
    windows = _windows(beside, infos[0], text) if beside else {}
    return Asked(infos, found, windows, {facts.steps for facts in beside.values()})


def _one_corpus(infos: Sequence[RunInfo]) -> bool:
    return len({(info.fingerprint, tuple(info.vocab.id2token)) for info in infos}) == 1


def _windows(
    beside: Mapping[Path, WindowFacts], info: RunInfo, text: str
) -> dict[int, Measurement]:
    own = _text_of(info, text)
    return {
        facts.window: _measured(path, own, "cut", partial(_window_use, path, info, own))
        for path, facts in beside.items()
    }


def _beside(info: RunInfo) -> dict[Path, WindowFacts]:
    """The models of a window that were trained on a run's corpus, with its vocabulary."""
    found, tokens = window_files.windows_of(info.fingerprint), tuple(info.vocab.id2token)
    return {path: facts for path, facts in found.items() if facts.tokens == tokens}


def steps_note(asked: Asked) -> str:
    """How long models of a window and those beside them were trained; "" without the one or the
    other."""
    runs = {info.history[-1]["step"] for info in asked.infos if info.history}
    if not asked.window_steps or not runs:
        return ""
    if runs == set(asked.window_steps):
        return f"All networks were trained for {_numbers(runs)} steps."
    return (
        f"Networks without a state were trained for {_numbers(asked.window_steps)} steps, those "
        f"with one for {_numbers(runs)}."
    )


def _numbers(found: Collection[int]) -> str:
    return " to ".join(f"{number:,}" for number in sorted({min(found), max(found)}))


def _use_of(
    info: RunInfo, text: str, beyond: str, on_progress: Callable[[float], None]
) -> ContextUse:
    return uses.context_use(caches.run(info), text, beyond, on_progress)


def _window_use(
    path: Path, info: RunInfo, text: str, on_progress: Callable[[float], None]
) -> ContextUse:
    return uses.of_window(window_files.load_window(path), caches.run(info).ids(text), on_progress)


def _measured(weights: Path, text: str, beyond: str, make: Make) -> Measurement:
    """What ships, or what is measured now."""
    key = _key(str(weights), weights.stat().st_mtime_ns, text, beyond)
    if (use := uses.shipped_use(key)) is not None:
        there = Measurement()
        there.value = use
        return there
    return _measurements().of(key, make)


@st.cache_data(max_entries=200, show_spinner=False)
def _key(weights: str, changed: int, text: str, beyond: str) -> str:
    return uses.key_of(Path(weights), text, beyond)


def _text_of(info: RunInfo, text: str) -> str:
    return caches.validation_text(printable(info.spec or info.corpus)) or text


def live(asked: Asked, dark: bool, draw: Callable[[Sequence[ModelUse], Losses], None]) -> None:
    """Draw what is measured, by `draw(models, losses of the windows)`, and how far the rest has
    come, anew while there is any."""

    def drawn_now() -> None:
        draw(_drawn(asked, dark), _window_losses(asked))
        _progress(asked)

    drawn_live(lambda: bool(asked.waiting), drawn_now)


def _progress(asked: Asked) -> None:
    """How far what is measured now has come, and what failed."""
    for info, one in zip(asked.infos, asked.runs, strict=True):
        if one.message:
            st.info(page.plain(f"{info.name}: {one.message}"))
    if not (waiting := asked.waiting):
        return
    done = sum(1.0 if one.done else one.share for one in asked.all) / len(asked.all)
    eta = ""
    for one in waiting:
        if (whole := one.seconds) is not None:  # the others take as long, one after the other
            eta = f", about {whole * (len(waiting) - one.share):.0f} s left"
    st.progress(done, f"Measuring {len(waiting)} of {len(asked.all)} models{eta}")


def _drawn(asked: Asked, dark: bool) -> list[ModelUse]:
    """The models that are measured, as the figure takes them."""
    names, looks = comparison.names(asked.infos), comparison.styles(asked.infos, dark)
    return [
        ModelUse(name, *look, one.value)
        for name, look, one in zip(names, looks, asked.runs, strict=True)
        if one.value is not None
    ]


def _window_losses(asked: Asked) -> dict[int, float]:
    """The loss of each model of a window, of those that are measured."""
    there = {size: one.value for size, one in asked.windows.items() if one.value is not None}
    return {size: float(use.loss.mean[-1]) for size, use in sorted(there.items())}


def in_words(models: Sequence[ModelUse], losses: Losses) -> str:
    """What the figure shows, made from its numbers."""
    parts = []
    for model in models:
        loss, half = model.use.loss, model.use.half_life
        fades = f"; half of its gradient is left after {half:.3g} tokens" if half < MOST else ""
        parts.append(f"The {model.label} gains no more beyond {loss.enough} tokens{fades}.")
    if losses and models:
        best = min(models, key=lambda model: model.use.loss.mean[-1])
        size, least = min(losses.items(), key=lambda of: of[1])
        more = least - float(best.use.loss.mean[-1])
        parts.append(
            f"The best window, {size} tokens, is {abs(more):.2f} nats "
            f"{'worse' if more > 0 else 'better'} than the {best.label}'s state."
        )
    return " ".join(parts)
