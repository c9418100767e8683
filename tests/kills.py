"""python -m tests.kills [N]: a training is killed N times (default 50) at random moments.

How long a training lives depends on how long this machine takes from its start to a saved run.
Every other training saves at each record, and of these every other one is slow to write, so that
most kills hit a file half written; the rest save as often as all trainings do. After each SIGKILL
the folder of runs lists cleanly, the newest snapshot and the weights load, and
the next training goes on from what was saved, at no later a step than the one that was killed.
"""

import itertools
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch

from rnnviz import TrainConfig, list_runs, load_run
from rnnviz.data.corpus import Corpus, make_corpus
from rnnviz.data.source import Source
from rnnviz.jobs import fit
from rnnviz.jobs.start import new_run, resumed_run
from rnnviz.runs import resume, snapshots
from tests.conftest import wait_until

LINE = "aabb\naaaabbbb\nab\n"
NAME = "killed"


def main(kills: int) -> None:
    torch.set_num_threads(1)  # a fork has one thread
    corpus = make_corpus(Source("made", (LINE * 400, LINE * 40, LINE * 40)))
    rng, steps, left = random.Random(0), [], set()
    with tempfile.TemporaryDirectory() as name:
        folder, pace = Path(name), 0.0
        for number in range(kills):
            child = os.fork()
            if not child:
                if number % 2:
                    fit.SAVE_SECONDS = 0.0
                if number % 4 == 1:
                    Path.write_bytes = _slowly
                _train(corpus, folder)
            if not pace:
                began = time.monotonic()
                wait_until(lambda: list_runs([folder]))
                pace = time.monotonic() - began
            time.sleep(rng.uniform(0.1, 2) * pace)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            steps.append(_check(folder, corpus, steps[-1] if steps else 0))
            left |= {path for path in folder.glob(f"{NAME}/**/*") if path.name.startswith(".")}
    resumed = sum(after > before for before, after in itertools.pairwise(steps))
    print(
        f"{kills} kills: {steps[-1]:,} steps in all, {resumed} times a training went on from its "
        f"last save; {len(left)} half-written files lay about, none under a run's name"
    )


def _slowly(path: Path, content: bytes) -> int:
    """In the child: Path.write_bytes with a wait in the middle of the file."""
    with path.open("wb", buffering=0) as file:
        half = len(content) // 2
        file.write(content[:half])
        time.sleep(0.01)
        return half + file.write(content[half:])


def _train(corpus: Corpus, folder: Path) -> None:
    """In the child: begin or go on, until it is killed."""
    try:
        _fit(corpus, folder)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _fit(corpus: Corpus, folder: Path) -> None:
    config = TrainConfig(minutes=60, batch_size=4, sequence_length=8, log_every=3, eval_every=9)
    sizes = {"rnn_type": "LSTM", "embedding_size": 8, "hidden_size": 16, "num_hidden_layers": 1}
    if (folder / NAME / "run.json").exists():
        run, state = resumed_run(folder / NAME, corpus)
    else:
        run, state = new_run(NAME, corpus, config, dropout=0.0, **sizes), None
    for _ in fit.fit(run, corpus, folder, state):
        pass


def _check(folder: Path, corpus: Corpus, before: int) -> int:
    """The step that the run can go on from; everything in the folder is whole."""
    found = list_runs([folder])
    if not found:
        if before:
            sys.exit("the run is gone")
        return 0
    (info,) = found
    run = load_run(info.path)
    kept = snapshots.steps(info)
    for step in kept[-1:]:
        snapshots.load(info, step)
    state = resume.load(run) if (info.path / "resume.safetensors").exists() else None
    if state is None:
        return before
    if state.step < before:
        sys.exit(f"step {state.step} after step {before}")
    resumed_run(info.path, corpus)
    return state.step


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
