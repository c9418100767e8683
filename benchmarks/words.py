"""Words, the source's recipe: pytorch/examples' word_language_model beside the same here.

LSTM 200/200/2, batch 20, BPTT 35, SGD at 20, clip 0.25, dropout 0.2, three epochs of WikiText-2's
test.txt, evaluated on its valid.txt, vocabulary over both. Each program as its own command, in
turns, a seed a turn, on the GPU if there is one. Speed is the median over stretches without an
evaluation, of 20 steps or of those between two of our records; time and memory (of the computer,
not of a GPU) are those of the whole commands.
"""

import json
import math
import re
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from benchmarks._command import run
from rnnviz.data import download

SEEDS, EPOCHS, BATCH, LENGTH, STRETCH = (1, 2, 3), 3, 20, 35, 20
ON_GPU = torch.cuda.is_available()


@dataclass(frozen=True)
class Result:
    """`speeds` in tokens a second, a stretch each; `perplexity` of validation at the end."""

    speeds: list[float]
    perplexity: float
    seconds: float
    megabytes: float


def rows(peer: Path | None) -> Iterator[tuple[str, str, str]]:
    program = peer and next(peer.glob("**/word_language_model/main.py"), None)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "wikitext-2"
        data.mkdir()
        for part, source in (("train", "test"), ("valid", "valid"), ("test", "valid")):
            text = download.fetched(f"wikitext-2/{source}.txt")
            (data / f"{part}.txt").write_text(text, encoding="utf-8")
        results: dict[Callable, list[Result]] = {ours: []} | ({theirs: []} if program else {})
        for seed in SEEDS:
            for trained, found in results.items():
                found.append(trained(data, seed, program))
    mine, other = results[ours], results.get(theirs)
    for what, figure, text, ratio, bound in FIGURES:
        value = figure(mine)
        yield what, text(value), ""
        if other:
            yield "    word_language_model", text(figure(other)), ""
            yield "    ratio", f"{ratio(value, figure(other)):.3f}", bound
    if not other:
        yield "    word_language_model", "not at hand", "give --peer DIR, its folder's parent"


def _speed(results: list[Result]) -> float:
    return statistics.median(speed for result in results for speed in result.speeds)


def _perplexity(results: list[Result]) -> float:
    return statistics.mean(result.perplexity for result in results)


FIGURES = (
    (
        "words, tokens a second",
        _speed,
        lambda x: f"{x:,.0f}",
        lambda mine, other: mine / other,
        "at least 3" if ON_GPU else "at least 1.7",
    ),
    (
        "validation perplexity after 3 epochs, mean of 3 seeds",
        _perplexity,
        lambda x: f"{x:.2f}",
        lambda mine, other: mine / other,
        "at most 1.01",
    ),
    (
        "seconds of the whole command",
        lambda results: statistics.median(result.seconds for result in results),
        lambda x: f"{x:.0f} s",
        lambda mine, other: mine / other,
        "",
    ),
    (
        "memory at its peak",
        lambda results: max(result.megabytes for result in results),
        lambda x: f"{x:.0f} MB",
        lambda mine, other: mine / other,
        "" if ON_GPU else "at most 1",
    ),
)


def theirs(data: Path, seed: int, program: Path) -> Result:
    options = f"--epochs {EPOCHS} --seed {seed} --log-interval {STRETCH} --batch_size {BATCH}"
    options += " --accel" if ON_GPU else ""
    ran = run([program, "--data", data, "--save", data / "model.pt", *options.split()])
    steps = [float(ms) for ms in re.findall(r"ms/batch +([\d.]+)", ran.output)]
    perplexity = re.findall(r"valid ppl +([\d.]+)", ran.output)
    speeds = [BATCH * LENGTH * 1000 / ms for ms in steps]
    return Result(speeds, float(perplexity[-1]), ran.seconds, ran.megabytes)


def ours(data: Path, seed: int, program: Path | None) -> Result:
    with tempfile.TemporaryDirectory() as out:
        options = (
            f"--level word --layers 2 --hidden-size 200 --embedding-size 200 --dropout 0.2 "
            f"--optimizer sgd --lr 20 --clip 0.25 --batch-size {BATCH} "
            f"--sequence-length {LENGTH} --epochs {EPOCHS} --seed {seed}"
        )
        command = ["-m", "rnnviz", "train", "--corpus", data, "--out", out, *options.split()]
        ran = run(command)
        info = json.loads(next(Path(out).glob("*/run.json")).read_text(encoding="utf-8"))
    history = info["history"]
    speeds = [
        (now["tokens"] - before["tokens"]) / (now["seconds"] - before["seconds"])
        for before, now in pairwise(history)
        if now["valid_loss"] is None
    ]
    losses = [record["valid_loss"] for record in history if record["valid_loss"] is not None]
    return Result(speeds, math.exp(losses[-1]), ran.seconds, ran.megabytes)
