"""The recall group that ships: models that each learned to recall over one distance.

There are some forty, so lists leave them out; they are found by their names.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rnnviz import _paths
from rnnviz.data import made
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.runs.names import run_name

DELAYS = (5, 10, 15, 20, 30, 60, 100)
SHORT = "1-10"  # delays that one model of each type learned together
MEASURED_AT = (1, 10, 30, 100)
LEARNED = 0.99  # an accuracy; guessing reaches 1 in 8
COLUMNS = ("model", "seed", "command", "steps", "seconds", "accuracy")
COLUMNS += (*(f"accuracy_{delay}" for delay in MEASURED_AT), "sha256")


@dataclass(frozen=True)
class Result:
    """One training of the group, a row of results.csv.

    `seconds` are of one core, loading included; `accuracy` is over fresh items of the model's own
    distance, `at` over those of MEASURED_AT; `sha256` is of weights.safetensors.
    """

    model: str
    seed: int
    command: str
    steps: int
    seconds: float
    accuracy: float
    at: Mapping[int, float]
    sha256: str

    @property
    def has_learned(self) -> bool:
        return self.accuracy >= LEARNED

    def row(self) -> dict[str, object]:
        at = {f"accuracy_{delay}": value for delay, value in self.at.items()}
        return {name: at[name] if name in at else getattr(self, name) for name in COLUMNS}


def model_name(delays: int | str, rnn_type: str, usual_bias: bool = True) -> str:
    """recall-60-lstm, or recall-60-lstm-pytorch-bias where a gate that keeps begins as PyTorch's.
    A type without such a gate has one name."""
    task = made.find(f"recall:{delays}")
    assert task is not None
    plain = usual_bias or CELL_TYPES[rnn_type].keep_gate is None
    return run_name(task.name, rnn_type) + ("" if plain else "-pytorch-bias")


def forget_bias(delay: int, rnn_type: str) -> int | None:
    """The `bias_of` a delay; None for a type without a gate that keeps."""
    return None if CELL_TYPES[rnn_type].keep_gate is None else bias_of(delay)


def bias_of(delay: int) -> int:
    """The smallest whole bias with which an untrained gate keeps half of its state for `delay`
    tokens: ln 2 / -ln sigmoid(b) (Tallec and Ollivier 2018)."""
    bias = 0
    while half_life(bias) < delay:
        bias += 1
    return bias


def half_life(bias: float) -> float:
    """Tokens after which a gate that stays at sigmoid(bias) has kept half: ln 2 / -ln sigmoid(b)"""
    return math.log(2) / math.log1p(math.exp(-bias))


def read_results(path: Path | None = None) -> list[Result]:
    """The rows of results.csv. Raises FileNotFoundError."""
    with (path or _paths.RESULTS).open(newline="", encoding="utf-8") as file:
        return [_result(row) for row in csv.DictReader(file)]


def seeds_that_learned(results: Iterable[Result], model: str) -> str:
    """How many trainings of a model, which differ in the seed alone, learned its own distance, as
    "2 of 5"."""
    seeds = [result.has_learned for result in results if result.model == model]
    return f"{sum(seeds)} of {len(seeds)}"


def _result(row: Mapping[str, str]) -> Result:
    return Result(
        row["model"],
        int(row["seed"]),
        row["command"],
        int(row["steps"]),
        float(row["seconds"]),
        float(row["accuracy"]),
        {delay: float(row[f"accuracy_{delay}"]) for delay in MEASURED_AT},
        row["sha256"],
    )
