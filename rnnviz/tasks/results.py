"""The scores of all trainings of tasks: tasks.csv, one row a training and part."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from rnnviz import _paths

SCORED = 500  # examples of a part


@dataclass(frozen=True)
class Score:
    """What one training reached on one part of a task.

    `rnn_type`: "" for a model without time. `seconds`: of one core. `part`: see `Task`. `exact`:
    the share of right answers over SCORED examples, of the weights in float16. `sha256`: of the
    file that ships, "" of a model that does not.
    """

    task: str
    rnn_type: str
    seed: int
    command: str
    width: int
    parameters: int
    steps: int
    seconds: float
    part: str
    exact: float
    sha256: str


COLUMNS = tuple(field.name for field in fields(Score))


def read_scores(path: Path | None = None) -> list[Score]:
    """All rows. Raises FileNotFoundError."""
    with (path or _paths.TASK_SCORES).open(newline="", encoding="utf-8") as file:
        return [_score(row) for row in csv.DictReader(file)]


def _score(row: Mapping[str, str]) -> Score:
    return Score(
        row["task"],
        row["rnn_type"],
        int(row["seed"]),
        row["command"],
        int(row["width"]),
        int(row["parameters"]),
        int(row["steps"]),
        float(row["seconds"]),
        row["part"],
        float(row["exact"]),
        row["sha256"],
    )


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Write them in the order of task, cell type and seed. Raises OSError."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(score) for score in scores)
