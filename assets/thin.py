"""Joins the records of runs that ship: `python assets/thin.py RUN_FOLDER ...`.

A training makes a record at least once a second, so a slow one has many. Those of each 200th of the
steps become one, up to an evaluation: means weighted by their steps, the rest as of the last.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rnnviz._files import write
from rnnviz.training.record_schedule import RECORDS

MEANS = ("loss", "grad_norm", "clipped")  # over the steps since the record before


def joined(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of a training that had its whole budget."""
    whole, before, evaluations, groups = history[-1]["step"], 0, 0, {}
    for record in history:
        place = (record["step"] - 1) * RECORDS // whole, evaluations
        groups.setdefault(place, []).append((record["step"] - before, record))
        before, evaluations = record["step"], evaluations + (record["valid_loss"] is not None)
    return [_one(*zip(*records, strict=True)) for records in groups.values()]


def _one(steps: tuple[int, ...], records: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """`steps`: of each record, those since the one before."""
    pairs = list(zip(steps, records, strict=True))
    means = {name: sum(n * record[name] for n, record in pairs) / sum(steps) for name in MEANS}
    return records[-1] | means


def main(*folders: str) -> None:
    for folder in folders:
        path = Path(folder) / "run.json"
        run = json.loads(path.read_text(encoding="utf-8"))
        run["history"] = joined(run["history"])
        write(path, json.dumps(run, separators=(",", ":")).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
