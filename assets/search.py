"""Searches the learning rate and the forget bias of a group that ships: `python assets/search.py
GROUP FILE`. Without FILE it prints the other settings of the group.

Each cell type is trained at half, once and twice its usual rate, with PyTorch's forget bias and
with 1, for a tenth of the group's steps; validation losses go to FILE. A row that is there is not
trained again.
"""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rnnviz import RNN_TYPES
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.training.config import DEFAULT_LR

STEPS = {"source": 8_000, "docs": 12_000, "chars": 4_000}
SETTINGS = {
    "source": "--corpus python-source --min-count 20 --embedding-size 64 --hidden-size 288 "
    "--layers 1 --dropout 0 --batch-size 64 --sequence-length 128",
    "docs": "--corpus python-docs --level word --min-count 2 --embedding-size 200 "
    "--hidden-size 200 --layers 2 --dropout 0.5 --batch-size 20 --sequence-length 35",
    "chars": "--corpus python-docs --min-count 20 --embedding-size 96 --hidden-size 192 "
    "--layers 1 --dropout 0.1 --batch-size 32 --sequence-length 128",
}
FACTORS, BIASES = (0.5, 1, 2), ("", "1")
COLUMNS = ("group", "rnn_type", "lr", "forget_bias", "steps", "valid_loss")


def rows(group: str) -> Iterator[tuple[str, ...]]:
    """What is tried, without the loss; "" for PyTorch's bias."""
    for rnn_type, factor, bias in itertools.product(RNN_TYPES, FACTORS, BIASES):
        if not bias or CELL_TYPES[rnn_type].keep_gate:
            lr = f"{factor * DEFAULT_LR['adamw'][rnn_type]:g}"
            yield group, rnn_type, lr, bias, str(STEPS[group] // 10)


def loss_of(row: tuple[str, ...]) -> float:
    group, rnn_type, lr, bias, steps = row
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rnnviz", "train", "--out", folder, "--name", "tried"]
        command += [*SETTINGS[group].split(), "--rnn-type", rnn_type, "--lr", lr, "--steps", steps]
        subprocess.run(command + (["--forget-bias", bias] if bias else []), check=True)
        return json.loads((Path(folder) / "tried" / "run.json").read_text())["valid_loss"]


def main(group: str, path: Path) -> None:
    """Add what is missing to the file."""
    known = list(csv.reader(path.open(encoding="utf-8"))) if path.exists() else [list(COLUMNS)]
    for row in rows(group):
        if list(row) not in [one[:-1] for one in known]:
            known.append([*row, f"{loss_of(row):.4f}"])
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(known)


if __name__ == "__main__":
    group, *file = sys.argv[1:]
    if file:
        main(group, Path(*file))
    else:
        print(SETTINGS[group], "--steps", STEPS[group])
