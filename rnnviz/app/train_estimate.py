"""What to expect of a training: parameters, speed and time, measured on this device."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rnnviz.app import training_caches
from rnnviz.figures.style import cell_name
from rnnviz.jobs.plan import Prepared, Speed, measure_speed
from rnnviz.nn.model_config import ModelShape, with_vocabulary
from rnnviz.nn.parameter_count import parameters

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig

FRESH = 60  # seconds that a measured speed counts: the machine's other load changes
UNKNOWN = "–"
NO_PASSES = "endless"  # what a made task has instead of a text
_measuring = threading.Lock()  # two measurements at once would slow each other


def show_estimate(
    prepared: Prepared, models: Sequence[ModelShape], config: TrainConfig, seeds: int = 1
) -> None:
    """Show parameters, speed and time of each model, as far as they are known."""
    with st.spinner("Measuring the speed of training …"):
        speeds = [_speed(prepared, model, config) for model in models]
    rows, minutes = [], 0.0
    for model, speed in zip(models, speeds, strict=True):
        row, takes = _row(prepared, model, config, speed)
        rows.append(row)
        minutes += seeds * takes
    st.table(rows, hide_index=True)
    devices = {speed.device for speed in speeds if speed is not None}
    if None in speeds:
        st.caption("Speed is measured when no training runs.")
        return
    st.caption(
        f"About {_short(minutes)} minutes in all. The speed was measured here, over a few "
        f"training steps on {' and '.join(devices)}."
    )


def _speed(prepared: Prepared, model: ModelShape, config: TrainConfig) -> Speed | None:
    """As measured within the last minute, or now; while a training runs, as measured before it."""
    found, vocab = training_caches.speeds(), len(prepared.corpus.vocab)
    shape = (vocab, *model.values(), config.batch_size, config.sequence_length, config.optimizer)
    with _measuring:
        when, speed = found.get(shape, (-math.inf, None))
        idle = not any(job.active for job in training_caches.jobs().list())
        if idle and time.monotonic() > when + FRESH:
            speed = measure_speed(prepared.corpus, model, config)
            found[shape] = time.monotonic(), speed
    return speed


def _row(
    prepared: Prepared, model: ModelShape, config: TrainConfig, speed: Speed | None
) -> tuple[dict[str, str], float]:
    """A row of the table, and the minutes that one training takes; nan where it is unknown."""
    corpus, config = prepared.corpus, config.fitting(prepared.corpus)
    per_step = config.batch_size * config.sequence_length
    rate = speed.steps_per_second if speed else math.nan
    steps = config.steps or rate * 60 * (config.minutes or 0.0)
    minutes = config.minutes or steps / rate / 60
    row = {
        "": cell_name(model["rnn_type"]),
        "Units": f"{model['hidden_size']:,}",
        "Parameters": f"{parameters(with_vocabulary(model, len(corpus.vocab))).total:,}",
        "Tokens/s": UNKNOWN if speed is None else f"{rate * per_step:,.0f}",
        "Passes": _short(steps * per_step / len(corpus.train)) if not corpus.items else NO_PASSES,
        "Minutes": _short(minutes),
    }
    return row, minutes


def _short(number: float) -> str:
    if math.isnan(number):
        return UNKNOWN
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"
