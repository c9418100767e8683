"""Trains the models of a window that ship: `python assets/windows.py FOLDER`.

They stand beside python-source-*: the same text, the budget of those and as many parameters as its
LSTM. The learning rate of each is half of the best of three, by validation loss at a tenth of the
budget, as for python-source-*. A file that is there is not trained again.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from rnnviz import _paths, load_corpus, load_run
from rnnviz._process import blocks_kept
from rnnviz.data.corpus import Corpus
from rnnviz.nn.evaluation import evaluate
from rnnviz.nn.window_model import WindowModel, hidden_size_for
from rnnviz.runs.window_files import WindowFacts, load_window, save_window
from rnnviz.training.config import TrainConfig
from rnnviz.training.loop import train

BESIDE = "python-source-lstm"
WINDOWS = (1, 2, 4, 8, 16)
RATES = (4e-3, 8e-3, 1.6e-2)
SEARCH = 10  # times fewer steps


def trained(corpus: Corpus, sizes: dict[str, int], lr: float, like: dict) -> WindowModel:
    torch.manual_seed(like["seed"])
    model = WindowModel(len(corpus.vocab), **sizes)
    names = ("clip", "batch_size", "sequence_length", "steps", "seed")
    config = TrainConfig(lr=lr, **{name: like[name] for name in names})
    with blocks_kept():
        for record in train(model, corpus, config):
            print(f"  step {record.step}, {record.loss:.3f} nats", end="\r", flush=True)
    return model


def main(out: Path) -> None:
    """Fill `out`/windows beside `out`/runs."""
    folder, run = out / _paths.WINDOWS.name, load_run(out / "runs" / BESIDE)
    corpus, like = load_corpus("python-source", min_count=20), run.info.config
    parameters, embedding = run.info.parameters, run.info.model["embedding_size"]

    def sizes(window: int) -> dict[str, int]:
        hidden = hidden_size_for(parameters, len(corpus.vocab), window, embedding)
        return {"window": window, "embedding_size": embedding, "hidden_size": hidden}

    short = like | {"steps": like["steps"] // SEARCH}
    for window in WINDOWS:
        if (folder / f"{corpus.name}-{window}.safetensors").exists():
            continue
        tried = {
            lr: evaluate(trained(corpus, sizes(window), lr, short), corpus.valid) for lr in RATES
        }
        lr = min(tried, key=tried.__getitem__) / 2
        begun = time.process_time()
        model = trained(corpus, sizes(window), lr, like)
        facts = WindowFacts(
            corpus=corpus.name,
            fingerprint=corpus.fingerprint,
            tokens=tuple(corpus.vocab.id2token),
            lr=lr,
            tried={f"{lr:g}": round(loss, 4) for lr, loss in tried.items()},
            steps=like["steps"],
            seed=like["seed"],
            seconds=round(time.process_time() - begun, 1),
            valid_loss=round(evaluate(model, corpus.valid), 4),
            **sizes(window),
        )
        path = save_window(folder, model, facts)
        loss = evaluate(load_window(path), corpus.valid)
        print(f"window {window}: {facts.valid_loss} nats, {loss:.4f} in float16")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
