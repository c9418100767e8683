"""Everything that is computed once and kept for all sessions.

A run is identified by its folder and the time at which its weights changed; what is computed of
it also by the text and the layer. torch is imported late: the first elements are drawn without.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

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
from rnnviz.analysis.flattening import NextToken
from rnnviz.analysis.gradient_decay import GradientDecay
from rnnviz.analysis.laboratory import untrained_decay
from rnnviz.analysis.layer_sizes import LayerSize
from rnnviz.analysis.past import Past
from rnnviz.analysis.past import past as past_of
from rnnviz.analysis.preactivation import PreActivation
from rnnviz.analysis.stretches import Held
from rnnviz.analysis.sweeps import RunSweep
from rnnviz.analysis.text_view import Saturation, View
from rnnviz.analysis.time_lapse import Moment, Sample
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

Pairs = tuple[tuple[str, float], ...]  # what of a unit is held, and at which values
MAX_SWEEPS = 12  # that are kept, some megabytes each


def run_list(also: Collection[str] = ()) -> dict[str, RunInfo]:
    """Runs by name: those that lists show, and those of the recall group that are in `also`. A
    run.json is read again when it changed."""
    found: dict[str, RunInfo] = {}
    for folder in (_paths.SHIPPED_RUNS, runs_folder(), _paths.RECALL_RUNS):
        for file in sorted(folder.glob("*/run.json")):
            if folder == _paths.RECALL_RUNS and file.parent.name not in also:
                continue
            try:
                one = info(file.parent)
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
    """A run with its model. Raises FileNotFoundError when it is gone, RunError for a damaged
    one; so do all functions below that take an `info`."""
    return _run(*stamp(info))


def stamp(info: RunInfo) -> tuple[str, int]:
    """Where a run is and when it changed. Raises FileNotFoundError when it is gone."""
    return str(info.folder), (info.folder / "weights.safetensors").stat().st_mtime_ns


def key(info: RunInfo, text: str, layer: int) -> tuple[str, int, str, int]:
    """What results are cached by: the run as it is on disk now, a text, one of its layers."""
    return *stamp(info), text, min(layer, info.model["num_hidden_layers"] - 1)


@st.cache_resource(max_entries=16, show_spinner=False)
def _view(path: str, changed: int, text: str, layer: int) -> View:
    with compute_slot():
        return text_view.view(_run(path, changed), text, layer)


def view(info: RunInfo, text: str, layer: int) -> View:
    return _view(*key(info, text, layer))


@st.cache_resource(max_entries=64, show_spinner=False)
def _held(path: str, changed: int, text: str, layer: int) -> Held | None:
    return stretches.held(_view(path, changed, text, layer))


def held(info: RunInfo, choice: Choice) -> Held | None:
    """How long each unit of a layer holds, None for a cell type without a gate that keeps."""
    return _held(*key(info, choice.text, choice.layer))


def pre_activation(view: View, choice: Choice, unit: int, t: int) -> PreActivation | None:
    """What a unit of a view adds up at token t, None for a cell type with gates."""
    path, changed, text, layer = key(view.info, choice.text, choice.layer)
    below = _view(path, changed, text, layer - 1) if layer else None
    return preactivation.pre_activation(_run(path, changed), text, layer, view, below, unit, t)


@st.cache_resource(max_entries=128, show_spinner=False)
def _unit_steps(
    path: str, changed: int, text: str, layer: int, unit: int, held: Pairs, start: int
) -> UnitSteps:
    with compute_slot():
        return unit_steps(_run(path, changed), text, layer, unit, dict(held), start)


def one_unit(
    info: RunInfo, text: str, layer: int, unit: int, held: Pairs = (), start: int = 0
) -> UnitSteps:
    """What a unit does at each token of a text, or does when it is held."""
    return _unit_steps(*key(info, text, layer), unit, held, start)


def unit_steps_of(
    view: View, choice: Choice, unit: int, held: Pairs = (), start: int = 0
) -> UnitSteps:
    """As `one_unit`, of a unit of a view, which may be of a part of the text."""
    text = choice.text[: view.spans[-1, 1]]
    return one_unit(view.info, text, choice.layer, unit, held, start)


@st.cache_resource(max_entries=200, show_spinner=False)
def _saturation(path: str, changed: int, text: str, layer: int) -> Saturation:
    """Keeps two numbers a unit, not the gates that they are counted from."""
    with compute_slot():
        return text_view.saturation(text_view.view(_run(path, changed), text, layer))


def saturation(info: RunInfo, choice: Choice) -> Saturation:
    """The gates of a run on validation text of its own corpus, or on the sidebar's text where
    there is none here."""
    own = validation_text(printable(info.spec or info.corpus))
    if own:
        return _saturation(*key(info, own, choice.layer))
    return text_view.saturation(view(info, choice.text, choice.layer))


@st.cache_data(max_entries=20, show_spinner=False)
def validation_text(spec: str) -> str:
    """The beginning of a built-in corpus' validation part; "" where the corpus is not here."""
    with contextlib.suppress(CorpusError):
        if built_in := builtin.find(spec):
            return built_in.make().texts[1][: 8 * text_view.MAX_TOKENS]
    return ""


@st.cache_resource(max_entries=64, show_spinner=False)
def _decay_of_loss(path: str, changed: int, text: str, layer: int, target: int) -> GradientDecay:
    with compute_slot():
        return gradient_decay.decay_of_loss(_run(path, changed), text, layer, target)


def decay_of_loss(info: RunInfo, choice: Choice, target: int) -> GradientDecay:
    return _decay_of_loss(*key(info, choice.text, choice.layer), target)


@st.cache_resource(max_entries=64, show_spinner=False)
def _singular_bound(
    path: str, changed: int, text: str, layer: int, target: int
) -> np.ndarray | None:
    with compute_slot():
        return gradient_decay.singular_bound(_run(path, changed), text, layer, target)


def singular_bound(info: RunInfo, choice: Choice, target: int) -> np.ndarray | None:
    return _singular_bound(*key(info, choice.text, choice.layer), target)


@st.cache_resource(max_entries=8, show_spinner=False)
def _influence(path: str, changed: int, text: str, layer: int) -> np.ndarray:
    with compute_slot():
        return gradient_decay.influence_log10(_run(path, changed), text, layer)


def influence(info: RunInfo, text: str, layer: int) -> np.ndarray:
    return _influence(*key(info, text, layer))


def influences(infos: Sequence[RunInfo], text: str, layer: int) -> list[np.ndarray]:
    """`influence` of each run, several at once where cores are free: each takes one."""
    with ThreadPoolExecutor(len(infos)) as pool:
        return list(pool.map(lambda info: influence(info, text, layer), infos))


@st.cache_resource(max_entries=32, show_spinner=False)
def _next_token(path: str, changed: int, prompt: str) -> NextToken:
    with compute_slot():
        return flattening.next_token(_run(path, changed), prompt)


def next_token(info: RunInfo, prompt: str) -> NextToken:
    return _next_token(*stamp(info), prompt)


@st.cache_data(max_entries=128, show_spinner=False)
def _written(path: str, changed: int, prompt: str, temperature: float, n: int, seed: int) -> str:
    with compute_slot():
        return flattening.written(_run(path, changed), prompt, temperature, n, seed)


def written(info: RunInfo, prompt: str, temperature: float, n_tokens: int, seed: int) -> str:
    return _written(*stamp(info), prompt, temperature, n_tokens, seed)


@st.cache_data(max_entries=512, show_spinner=False)
def layer_size(rnn_type: str, h: int) -> LayerSize:
    return layer_sizes.layer_size(rnn_type, h)


@st.cache_resource(max_entries=16, show_spinner=False)
def _unrolled(path: str, changed: int, text: str) -> Unrolled:
    with compute_slot():
        return unrolled_in_time.unrolled(_run(path, changed), text)


@st.cache_resource(max_entries=32, show_spinner=False)
def _forgetting(path: str, changed: int, text: str, step: int) -> Unrolled:
    whole = _unrolled(path, changed, text)
    with compute_slot():
        return unrolled_in_time.forgetting(_run(path, changed), text, whole, step)


def unrolled(info: RunInfo, text: str, forgotten: int = 0) -> Unrolled:
    """The steps of a text; where `forgotten` is not 0, with zero states before that step."""
    found = stamp(info)
    return _forgetting(*found, text, forgotten) if forgotten else _unrolled(*found, text)


@st.cache_resource(max_entries=8, show_spinner=False)
def _loss_reach(path: str, changed: int, text: str) -> np.ndarray:
    with compute_slot():
        return reach.loss_reach(_run(path, changed), text)


def loss_reach(info: RunInfo, text: str) -> np.ndarray:
    return _loss_reach(*stamp(info), text)


@st.cache_resource(max_entries=32, show_spinner=False)
def _log_probs(path: str, changed: int, text: str) -> np.ndarray:
    with compute_slot():
        return token_scores.log_probs(_run(path, changed), text)


def log_probs(info: RunInfo, text: str) -> np.ndarray:
    return _log_probs(*stamp(info), text)


@st.cache_resource(max_entries=32, show_spinner=False)
def _past(path: str, changed: int, text: str) -> Past:
    with compute_slot():
        return past_of(_run(path, changed), text)


def past(info: RunInfo, text: str) -> Past:
    """What a run says next by how much of a text it has read. Raises ValueError."""
    return _past(*stamp(info), text)


@st.cache_data(max_entries=256, show_spinner=False)
def _piece_nats(
    path: str, changed: int, text: str, ends: tuple[int, ...]
) -> list[list[tuple[str, float]]]:
    with compute_slot():
        return word_order.piece_nats(_run(path, changed), text, ends)


def piece_nats(
    info: RunInfo, pieces: word_order.Pieces, order: Sequence[int]
) -> list[list[tuple[str, float]]]:
    """What each token of each piece costs a run in an order, in nats."""
    return _piece_nats(*stamp(info), pieces.text(order), tuple(pieces.ends(order)))


@st.cache_data(max_entries=128, show_spinner=False)
def _mean_loss(path: str, changed: int, text: str) -> float:
    with compute_slot():
        return chain.mean_loss(_run(path, changed), text)


def mean_loss(info: RunInfo, text: str) -> float:
    """Mean nats a token of a text after a line end."""
    return _mean_loss(*stamp(info), text)


@st.cache_data(max_entries=128, show_spinner=False)
def _sample(path: str, changed: int, text: str, temperature: float, seed: int) -> Sample:
    with compute_slot():
        return time_lapse.write(_run(path, changed), text, temperature, seed)


def sample(info: RunInfo, text: str, temperature: float, seed: int) -> Sample:
    return _sample(*stamp(info), text, temperature, seed)


@st.cache_resource(max_entries=48, show_spinner=False)
def _moment(path: str, changed: int, text: str, layer: int, step: int) -> Moment:
    with compute_slot():
        return time_lapse.moment(snapshots.load(read_info(path), step), text, layer)


def moment(info: RunInfo, text: str, layer: int, step: int) -> Moment:
    """The run as it was after one step of its training."""
    return _moment(*key(info, text, layer), step)


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
