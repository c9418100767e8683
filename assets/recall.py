"""Trains the recall group and writes results.csv: `python assets/recall.py FOLDER`.

Each model learns in 3,000 steps to recall over one distance, or over 1 to 10. Those of seed 0
ship; the other seeds say how far a row can be trusted. A row that is there is not trained again.
"""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from rnnviz import RNN_TYPES, load_corpus, load_run
from rnnviz.runs.recall_group import (
    COLUMNS,
    DELAYS,
    MEASURED_AT,
    SHORT,
    Result,
    forget_bias,
    model_name,
    read_results,
)
from rnnviz.training.batches import score_part

SEEDS, SEEDS_OF_LONG = 5, 3  # a model of delay 30 and more trains for over a minute
IN_LISTS = ("recall-lstm", "recall-rnn-tanh")  # lie beside the other models that ship


class Member(NamedTuple):
    """One training of the group. `forget_bias`: None for PyTorch's."""

    name: str
    delays: str
    rnn_type: str
    forget_bias: int | None
    seed: int

    @property
    def command(self) -> list[str]:
        arguments = ["-m", "rnnviz", "train", "--half", "--corpus", f"recall:{self.delays}"]
        arguments += ["--rnn-type", self.rnn_type, "--seed", str(self.seed), "--name", self.name]
        bias = [] if self.forget_bias is None else ["--forget-bias", str(self.forget_bias)]
        return arguments + bias


def members(seed: int) -> Iterator[Member]:
    """All trainings with one seed: by delay, then by cell type."""
    for delay in (None, *DELAYS):
        longest = delay or int(SHORT.partition("-")[2])
        if seed >= (SEEDS if longest < 30 else SEEDS_OF_LONG):
            continue
        delays = str(delay or SHORT)
        for rnn_type in RNN_TYPES:
            bias = forget_bias(longest, rnn_type)
            yield Member(model_name(delays, rnn_type), delays, rnn_type, bias, seed)
            if bias is not None and delay:
                yield Member(model_name(delays, rnn_type, False), delays, rnn_type, None, seed)


def train(member: Member, out: Path) -> Result:
    """Train one member into `out` and measure it."""
    with tempfile.TemporaryDirectory() as logs, open(Path(logs) / "log", "w+") as log:
        process = subprocess.Popen(
            [sys.executable, *member.command, "--out", str(out)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            log.seek(0)
            raise RuntimeError(f"{member.name}: {log.read()[-500:]}")
    return measured(out / member.name, round(usage.ru_utime + usage.ru_stime, 1))


def measured(folder: Path, seconds: float) -> Result:
    """What a trained model does on fresh items of each distance."""
    run = load_run(folder)
    at = {}
    for delay in MEASURED_AT:
        corpus = load_corpus(f"recall:{delay}")
        at[delay] = round(score_part(run.model, corpus, corpus.test)[1], 4)
    return Result(
        run.name,
        run.info.config["seed"],
        run.info.command,
        run.info.config["steps"],
        seconds,
        round(run.info.accuracy, 4),
        at,
        hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest(),
    )


def write(path: Path, results: Iterable[Result]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(result.row() for result in results)


def main(out: Path) -> None:
    """Fill `out`: runs/, recall/ and results.csv."""
    path = out / "results.csv"
    results = {(one.model, one.seed): one for one in read_results(path)} if path.exists() else {}
    wanted = [member for seed in range(SEEDS) for member in members(seed)]
    missing = [member for member in wanted if (member.name, member.seed) not in results]

    def run(member: Member) -> Result:
        if member.seed == 0:
            return train(member, out / ("runs" if member.name in IN_LISTS else "recall"))
        with tempfile.TemporaryDirectory() as folder:
            return train(member, Path(folder))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, done in enumerate(as_completed(pool.submit(run, of) for of in missing), 1):
            result = done.result()
            results[result.model, result.seed] = result
            write(path, (results[key] for key in sorted(results)))
            text = f"{number} of {len(missing)}: {result.model}, seed {result.seed}"
            print(f"{text}, accuracy {result.accuracy}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
