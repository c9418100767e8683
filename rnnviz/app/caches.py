"""Everything that is computed once and kept for all sessions.

A run is identified by its folder and the time at which its weights changed; what is computed of
it also by the text and the layer. torch is imported late: the first elements are drawn without.
All that takes an `info` raises FileNotFoundError when the run is gone, RunError for a damaged one.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import numpy as np
import streamlit as st

from rnnviz import _paths
from rnnviz._process import compute_slot
from rnnviz.analysis import (
    chain,
    flattening,
    gradient_decay,
    layer_sizes,
    preactivation,
    reach,
    stretches,
    text_view,
    time_lapse,
    token_scores,
    word_order,
)
from rnnviz.analysis import unrolled as unrolled_in_time
from rnnviz.analysis.gradient_decay import GradientDecay
from rnnviz.analysis.laboratory import untrained_decay
from rnnviz.analysis.layer_sizes import LayerSize
from rnnviz.analysis.past import past as past_of
from rnnviz.analysis.preactivation import PreActivation
from rnnviz.analysis.stretches import Held
from rnnviz.analysis.sweeps import RunSweep
from rnnviz.analysis.text_view import Saturation, View
from rnnviz.analysis.time_lapse import Moment
from rnnviz.analysis.unit_steps import UnitSteps, unit_steps
from rnnviz.analysis.unrolled import Unrolled
from rnnviz.app.state import Choice
from rnnviz.data import builtin
from rnnviz.data.printable import printable
from rnnviz.data.source import CorpusError
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.runs import snapshots, store
from rnnviz.runs.info import RunError, RunInfo, read_info
from rnnviz.runs.names import runs_folder

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

P = ParamSpec("P")
T = TypeVar("T")
Pairs = tuple[tuple[str, float], ...]  # what of a unit is held, and at which values
MAX_SWEEPS = 12  # that are kept, some megabytes each


def run_list(also: Collection[str] = ()) -> dict[str, RunInfo]:
    """Runs by name: those that lists show, and those of the recall group that are in `also`. A
    run.json is read again when it changed."""
    found: dict[str, RunInfo] = {}
    group = [folder for folder in _paths.RECALL_RUNS.glob("*") if folder.name in also]
    for folders in (_paths.SHIPPED_RUNS.glob("*"), runs_folder().glob("*"), group):
        for folder in sorted(folders):
            try:
                one = info(folder)
            except (RunError, OSError, UnicodeError):  # a folder's name may not be text
                continue
            found.setdefault(one.name, one)
    return found


def info(folder: Path) -> RunInfo:
    """What is known of a run. Raises OSError when it is gone, RunError for a damaged one."""
    return _info(str(folder), (folder / "run.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=200, show_spinner=False)
def _info(path: str, changed: int) -> RunInfo:
    return read_info(path)


@st.cache_resource(max_entries=8, show_spinner=False)
def _run(path: str, changed: int) -> Run:
    return store.load_run(path)


def run(info: RunInfo) -> Run:
    """A run with its model."""
    return _run(*stamp(info))


def stamp(info: RunInfo) -> tuple[str, int]:
    """Where a run is and when it changed."""
    return str(info.folder), (info.folder / "weights.safetensors").stat().st_mtime_ns


def of_run(
    entries: int, keep: Callable = st.cache_resource, load: Callable[[str, int], Run] = _run
) -> Callable[[Callable[Concatenate[Run, P], T]], Callable[Concatenate[RunInfo, P], T]]:
    """Turn a function of a Run into one of its RunInfo; the other arguments stay. It waits for a
    free core, and so many of its results are kept, by the run as it is on disk now and the others.

    `keep`: st.cache_data where a caller could change a result. `load`: reads the run.
    """

    def decorate(compute: Callable[Concatenate[Run, P], T]) -> Callable:
        @keep(max_entries=entries, show_spinner=False)
        @functools.wraps(compute)
        def kept(stamp: tuple[str, int], *more: P.args, **named: P.kwargs) -> T:
            with compute_slot():
                return compute(load(*stamp), *more, **named)

        @functools.wraps(compute)
        def of_info(info: RunInfo, *more: P.args, **named: P.kwargs) -> T:
            return kept(stamp(info), *more, **named)

        return of_info

    return decorate


def own_layer(info: RunInfo, layer: int) -> int:
    """A layer that a run has: the one asked for, or its last."""
    return min(layer, info.model["num_hidden_layers"] - 1)


# What is computed of a run, and how many of its results are kept
_view = of_run(16)(text_view.view)
_decay_of_loss = of_run(64)(gradient_decay.decay_of_loss)
_singular_bound = of_run(64)(gradient_decay.singular_bound)
_influence = of_run(8)(gradient_decay.influence_log10)
_piece_nats = of_run(256, st.cache_data)(word_order.piece_nats)
_unrolled = of_run(16)(unrolled_in_time.unrolled)
next_token = of_run(32)(flattening.next_token)
written = of_run(128, st.cache_data)(flattening.written)
loss_reach = of_run(8)(reach.loss_reach)
log_probs = of_run(32)(token_scores.log_probs)
past = of_run(32)(past_of)
mean_loss = of_run(128, st.cache_data)(chain.mean_loss)
sample = of_run(128, st.cache_data)(time_lapse.write)


def view(info: RunInfo, text: str, layer: int) -> View:
    return _view(info, text, own_layer(info, layer))


@st.cache_resource(max_entries=64, show_spinner=False)
def _held(stamp: tuple[str, int], _one: RunInfo, text: str, layer: int) -> Held | None:
    return stretches.held(_view(_one, text, layer))


def held(info: RunInfo, choice: Choice) -> Held | None:
    """How long each unit of a layer holds, None for a cell type without a gate that keeps."""
    return _held(stamp(info), info, choice.text, own_layer(info, choice.layer))


def pre_activation(view: View, choice: Choice, unit: int, t: int) -> PreActivation | None:
    """What a unit of a view adds up at token t, None for a cell type with gates."""
    info, text, layer = view.info, choice.text, own_layer(view.info, choice.layer)
    below = _view(info, text, layer - 1) if layer else None
    return preactivation.pre_activation(run(info), text, layer, view, below, unit, t)


@of_run(128)
def _unit_steps(run: Run, text: str, layer: int, unit: int, held: Pairs, start: int) -> UnitSteps:
    return unit_steps(run, text, layer, unit, dict(held), start)


def one_unit(
    info: RunInfo, text: str, layer: int, unit: int, held: Pairs = (), start: int = 0
) -> UnitSteps:
    """What a unit does at each token of a text, or does when it is held."""
    return _unit_steps(info, text, own_layer(info, layer), unit, held, start)


def unit_steps_of(
    view: View, choice: Choice, unit: int, held: Pairs = (), start: int = 0
) -> UnitSteps:
    """As `one_unit`, of a unit of a view, which may be of a part of the text."""
    text = choice.text[: view.spans[-1, 1]]
    return one_unit(view.info, text, choice.layer, unit, held, start)


@of_run(200)
def _saturation(run: Run, text: str, layer: int) -> Saturation:
    """Keeps two numbers a unit, not the gates that they are counted from."""
    return text_view.saturation(text_view.view(run, text, layer))


def saturation(info: RunInfo, choice: Choice) -> Saturation:
    """The gates of a run on validation text of its own corpus, or on the sidebar's text where
    there is none here."""
    own = validation_text(printable(info.spec or info.corpus))
    if own:
        return _saturation(info, own, own_layer(info, choice.layer))
    return text_view.saturation(view(info, choice.text, choice.layer))


@st.cache_data(max_entries=20, show_spinner=False)
def validation_text(spec: str) -> str:
    """The beginning of a built-in corpus' validation part; "" where the corpus is not here."""
    with contextlib.suppress(CorpusError):
        if built_in := builtin.find(spec):
            return built_in.make().texts[1][: 8 * text_view.MAX_TOKENS]
    return ""


def decay_of_loss(info: RunInfo, choice: Choice, target: int) -> GradientDecay:
    return _decay_of_loss(info, choice.text, own_layer(info, choice.layer), target)


def singular_bound(info: RunInfo, choice: Choice, target: int) -> np.ndarray | None:
    return _singular_bound(info, choice.text, own_layer(info, choice.layer), target)


def influence(info: RunInfo, text: str, layer: int) -> np.ndarray:
    return _influence(info, text, own_layer(info, layer))


def influences(infos: Sequence[RunInfo], text: str, layer: int) -> list[np.ndarray]:
    """`influence` of each run, several at once where cores are free: each takes one."""
    with ThreadPoolExecutor(len(infos)) as pool:
        return list(pool.map(lambda info: influence(info, text, layer), infos))


@st.cache_data(max_entries=512, show_spinner=False)
def layer_size(rnn_type: str, h: int) -> LayerSize:
    return layer_sizes.layer_size(rnn_type, h)


@st.cache_resource(max_entries=32, show_spinner=False)
def _forgetting(stamp: tuple[str, int], _one: RunInfo, text: str, step: int) -> Unrolled:
    whole = _unrolled(_one, text)
    with compute_slot():
        return unrolled_in_time.forgetting(run(_one), text, whole, step)


def unrolled(info: RunInfo, text: str, forgotten: int = 0) -> Unrolled:
    """The steps of a text; where `forgotten` is not 0, with zero states before that step."""
    return _forgetting(stamp(info), info, text, forgotten) if forgotten else _unrolled(info, text)


def piece_nats(
    info: RunInfo, pieces: word_order.Pieces, order: Sequence[int]
) -> list[list[tuple[str, float]]]:
    """What each token of each piece costs a run in an order, in nats."""
    return _piece_nats(info, pieces.text(order), tuple(pieces.ends(order)))


@st.cache_resource(max_entries=48, show_spinner=False)
def _moment(stamp: tuple[str, int], _one: RunInfo, text: str, layer: int, step: int) -> Moment:
    with compute_slot():
        return time_lapse.moment(snapshots.load(_one, step), text, layer)


def moment(info: RunInfo, text: str, layer: int, step: int) -> Moment:
    """The run as it was after one step of its training."""
    return _moment(stamp(info), info, text, own_layer(info, layer), step)


@st.cache_resource
def _sweeps() -> tuple[OrderedDict, threading.Lock]:
    return OrderedDict(), threading.Lock()


def sweep(key: tuple, make: Callable[[], RunSweep]) -> RunSweep:
    """The sweep that was made for a key, or `make()`; the last MAX_SWEEPS are kept. Streamlit's
    own cache would show the progress bar again."""
    memory, lock = _sweeps()
    with lock:
        if key in memory:
            memory.move_to_end(key)
            return memory[key]
    made = make()
    with lock:
        memory[key] = made
        while len(memory) > MAX_SWEEPS:
            memory.popitem(last=False)
    return made


@st.cache_resource(max_entries=512, show_spinner=False)
def _laboratory(
    rnn_type: str, gain: float, gate_bias: float, size: int, steps: int, clip: bool
) -> np.ndarray:
    with compute_slot():
        return untrained_decay(rnn_type, gain, gate_bias, size, steps, clip)


def laboratory(
    rnn_type: str, gain: float, gate_bias: float, size: int, steps: int, clip: bool
) -> np.ndarray:
    """`untrained_decay`. The bias counts only where there is a gate that keeps: another cell type
    is not computed anew for it."""
    own = 0.0 if CELL_TYPES[rnn_type].keep_gate is None else gate_bias
    return _laboratory(rnn_type, gain, own, size, steps, clip)
