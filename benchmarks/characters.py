"""Characters, time to quality: tiny-shakespeare beside nanoGPT's recipe for a CPU.

Nanogpt's own command runs first; each cell type then gets the wall time that it took, with the
defaults of `python -m rnnviz train`, and LSTM and GRU twice that time in other runs. Nats are those
of the last 10% of the text: all of it here, 20 batches of it a figure in nanoGPT. The curves of
all are drawn in .benchmarks/characters.html.

With a GPU its own recipe runs instead, for one and for three minutes; 1.47 is what nanoGPT's
recipe for an A100 reaches, by its README.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks._command import run
from rnnviz import RNN_TYPES
from rnnviz.data import download
from rnnviz.figures import style, training

Curve = list[tuple[float, float]]  # seconds, validation nats a character

SECONDS = 165.0  # where nanoGPT is not at hand: what it took on the machine of the README
STARTING = 4.0  # of a command's seconds that are not training: imports, corpus, last evaluation
STARTING_GPU = 10.0
MARKS = (0.125, 0.25, 0.5, 1.0)  # of the time, for the table
RECIPE = (
    "config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 "
    "--log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 "
    "--max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)
GPU_RECIPE = (
    "--layers 2 --hidden-size 512 --embedding-size 128 --dropout 0.5 --lr 4e-3 "
    "--batch-size 64 --sequence-length 128"
)
PICTURE = Path(".benchmarks/characters.html")
BOUNDS = {
    ("LSTM", 1): "at most 1.475",
    ("LSTM", 2): "at most 1.460",
    ("GRU", 1): "at most 1.51",
    ("GRU", 2): "at most 1.49",
}


def rows(peer: Path | None) -> Iterator[tuple[str, str, str]]:
    yield from _on_gpu() if torch.cuda.is_available() else _on_cpu(peer)


def _on_gpu() -> Iterator[tuple[str, str, str]]:
    curves: dict[str, Curve] = {}
    for seconds, bound in ((60.0, "below 1.47"), (180.0, "")):
        took, curve = _ours("LSTM", seconds, *GPU_RECIPE.split())
        curves[f"LSTM, GPU, {seconds:.0f} s"] = curve
        best = min(nats for _, nats in curve)
        yield f"LSTM on a GPU, {seconds:.0f} s: validation nats", f"{best:.3f}", bound
        yield "    the whole command", f"{took:.0f} s", f"at most {seconds:.0f} s"
    yield "curves of all", str(PICTURE), _draw(curves)


def _on_cpu(peer: Path | None) -> Iterator[tuple[str, str, str]]:
    program = peer and next(peer.glob("**/config/train_shakespeare_char.py"), None)
    curves: dict[str, Curve] = {}
    seconds = SECONDS
    if program:
        seconds, curves["nanoGPT, CPU recipe"] = _nanogpt(program.parent.parent)
        yield "nanoGPT's recipe, the whole command", f"{seconds:.0f} s", ""
        yield "    validation nats", f"{curves['nanoGPT, CPU recipe'][-1][1]:.3f}", ""
    else:
        yield "nanoGPT's recipe", "not at hand", f"give --peer DIR; {seconds:.0f} s are taken"
    for rnn_type, times in (*((kind, 1) for kind in RNN_TYPES), ("LSTM", 2), ("GRU", 2)):
        took, curve = _ours(rnn_type, times * seconds)
        name = f"{rnn_type}, {times * seconds:.0f} s"
        curves[name] = curve
        best = min(nats for _, nats in curve)
        yield f"{name}: validation nats", f"{best:.3f}", BOUNDS.get((rnn_type, times), "")
        yield "    the whole command", f"{took:.0f} s", f"at most {times * seconds:.0f} s"
    for name, curve in curves.items():
        at = [seconds * mark for mark in MARKS]
        marks = ", ".join(f"{second:.0f}" for second in at)
        figure = " ".join(_at(curve, second) for second in at)
        yield f"{name}: nats after {marks} s", figure, ""
    yield "curves of all", str(PICTURE), _draw(curves)


def _nanogpt(folder: Path) -> tuple[float, Curve]:
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "nanoGPT"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".git", "assets", "*.ipynb"))
        text = download.fetched("tinyshakespeare.txt")
        (copy / "data/shakespeare_char/input.txt").write_text(text, encoding="utf-8")
        run(["data/shakespeare_char/prepare.py"], copy)
        ran = run(["train.py", *RECIPE.split()], copy)
    found = [(at, re.search(r"val loss ([\d.]+)", line)) for at, line in ran.lines]
    return ran.seconds, [(at, float(match[1])) for at, match in found if match]


def _ours(rnn_type: str, seconds: float, *more: str) -> tuple[float, Curve]:
    """A training that is done, with all that a command does before and after, in these seconds."""
    with tempfile.TemporaryDirectory() as out:
        options = ["--corpus", "tiny-shakespeare", "--rnn-type", rnn_type, "--out", out, *more]
        starting = STARTING_GPU if torch.cuda.is_available() else STARTING
        ran = run(["-m", "rnnviz", "train", *options, "--minutes", (seconds - starting) / 60])
        info = json.loads(next(Path(out).glob("*/run.json")).read_text(encoding="utf-8"))
    evaluated = [r for r in info["history"] if r["valid_loss"] is not None]
    return ran.seconds, [(r["seconds"], r["valid_loss"]) for r in evaluated]


def _at(curve: Curve, second: float) -> str:
    """The last figure that was known by then."""
    known = [nats for at, nats in curve if at <= second]
    return f"{known[-1]:.2f}" if known else "–"


def _draw(curves: dict[str, Curve]) -> str:
    lines = []
    for name, curve in curves.items():
        x, y = np.array(curve).T
        kind = name.split(",")[0]
        color = style.color(kind, dark=False) if kind in RNN_TYPES else "#777777"
        lines.append(training.Line(name, color, x[x > 0], y[x > 0]))
    title = "Validation loss on tiny-shakespeare"
    PICTURE.parent.mkdir(exist_ok=True)
    training.learning_curves(lines, title, "seconds").write_html(PICTURE, include_plotlyjs=True)
    return "seconds and nats a character, both log"
