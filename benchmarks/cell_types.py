"""Training on a CPU: tokens a second of each cell type beside the LSTM of the same width.

A step is that of `python -m rnnviz train` with its defaults, on random characters. Each round runs
all in turns, also each cell type in torch's own module, as it was trained before; a ratio is the
median over rounds.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from unittest.mock import patch

import torch
from torch import nn

from rnnviz import RNN_TYPES, RNNModel
from rnnviz._process import blocks_kept
from rnnviz.nn.model import MODULES
from rnnviz.training.optimizers import AdamW
from rnnviz.training.step import TrainStep, in_bfloat16

VOCAB, EMBEDDING, HIDDEN, DROPOUT = 66, 128, 320, 0.1
BATCH, LENGTH = 32, 64
TORCHS = {
    "GRU": nn.GRU,
    "RNN_TANH": partial(nn.RNN, nonlinearity="tanh"),
    "RNN_RELU": partial(nn.RNN, nonlinearity="relu"),
}
STEPS, ROUNDS = 2, 9
BOUNDS = {"GRU": "at least 0.9", "RNN_TANH": "at least 1.4", "RNN_RELU": "at least 1.4"}


def rows() -> Iterator[tuple[str, str, str]]:
    others = [kind for kind in RNN_TYPES if kind != "LSTM"]
    runs = {kind: _steps(kind) for kind in RNN_TYPES}
    with patch.dict(MODULES, TORCHS):
        runs |= {f"torch's {kind}": _steps(kind) for kind in others}
    with blocks_kept():
        seconds = {name: [_timed(run)] for name, run in runs.items()}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                seconds[name].append(_timed(run))
    lstm = seconds["LSTM"][1:]
    low = "bfloat16" if in_bfloat16(RNNModel("LSTM", VOCAB, EMBEDDING, HIDDEN, 1)) else "float32"
    speed = STEPS * BATCH * LENGTH / statistics.median(lstm)
    yield f"LSTM, {HIDDEN} units, products in {low}: tokens a second", f"{speed:,.0f}", ""
    for kind in others:
        for name, bound in ((kind, BOUNDS[kind]), (f"torch's {kind}", "before")):
            pairs = zip(lstm, seconds[name][1:], strict=True)
            times = statistics.median(ours / theirs for ours, theirs in pairs)
            yield f"{name}: times the LSTM's", f"{times:.2f}", bound


def _steps(kind: str) -> Callable[[], None]:
    """STEPS steps of a training."""
    torch.manual_seed(0)
    model = RNNModel(kind, VOCAB, EMBEDDING, HIDDEN, 1, DROPOUT).train()
    train_step = TrainStep(model, BATCH, 0.25, AdamW(model, {}), all_count=True)
    ids = torch.randint(VOCAB, (BATCH, LENGTH + 1))

    def run() -> None:
        for _ in range(STEPS):
            train_step.gradients(ids[:, :-1], ids[:, 1:], float(BATCH * LENGTH))
            train_step.update(1e-4)

    return run


def _timed(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
