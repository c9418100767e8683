"""The command `train`: one run after the other, under a progress bar."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz.cli.terminal import STDERR
from rnnviz.nn.perplexity import perplexity_text
from rnnviz.training.config import BUDGETS

if TYPE_CHECKING:
    import torch

    from rnnviz import Corpus, Run, StepRecord, TrainConfig, TrainState
    from rnnviz.cli.begin import Beginning


def train(options: argparse.Namespace) -> int:
    """Train a run of every cell type asked for; its exit code is 130 after Ctrl-C."""
    from rnnviz import load_corpus
    from rnnviz.cli.begin import Beginning
    from rnnviz.jobs.start import pick_device
    from rnnviz.runs.names import runs_folder
    from rnnviz.training.distributed import on_rank_zero, rows

    has_budget = any(getattr(options, name) is not None for name in BUDGETS)
    config = _config(options, has_budget)
    rows(config.batch_size)  # raises ValueError where the processes cannot share a batch
    folder = options.out or runs_folder()
    device = pick_device(options.device)
    corpus = on_rank_zero(load_corpus, options.corpus, options.level, options.min_count)
    print(f"{_described(corpus)}; device {device}")
    budget = config if has_budget else None
    with contextlib.ExitStack() as locks:
        beginning = Beginning(options, corpus, folder, config, budget, locks)
        return _train_all(beginning, on_rank_zero(beginning.find), device)


def _train_all(beginning: Beginning, found: dict[str, Path | None], device: torch.device) -> int:
    """Train a run of every cell type, new or found; gives the exit code."""
    from rnnviz.training.distributed import on_rank_zero

    options, folder = beginning.options, beginning.folder
    with _interruptible() as interrupted:
        for rnn_type in options.rnn_type:
            run, state = on_rank_zero(beginning.begin, rnn_type, found[rnn_type])
            if run is None:
                continue
            run.model.to(device)
            _fit(run, beginning.corpus, folder, state, interrupted, options.half)
            print(f"saved: {folder / run.name}")
            if on_rank_zero(interrupted):
                print("interrupted; the same command with --resume goes on", file=STDERR)
                return 130
    return 0


def _described(corpus: Corpus) -> str:
    validation = f"{len(corpus.valid):,} for validation, vocabulary {len(corpus.vocab):,}"
    if corpus.items is None:
        return f"{corpus.name}: {len(corpus.train):,} tokens to train on, {validation}"
    return (
        f"{corpus.name}: fresh items at each step, up to {corpus.items.length} tokens are read of "
        f"each (a --sequence-length does not count); tokens: {validation}"
    )


def _config(options: argparse.Namespace, has_budget: bool) -> TrainConfig:
    """The options as a configuration. What is not given is filled in, in the options too: by the
    recipe for texts or that for made tasks. Raises ValueError."""
    from rnnviz import TrainConfig
    from rnnviz.data import made
    from rnnviz.training import recipes

    recipe = recipes.TASK if made.find(options.corpus) else recipes.TEXT
    vars(options).update(recipe.fill(vars(options)))
    fields = ("optimizer", "lr", "clip", "batch_size", "sequence_length", "seed", *BUDGETS)
    given = {name: getattr(options, name) for name in fields}
    if not has_budget:
        given[recipe.budget] = recipe.amount
    return TrainConfig(**given)


@contextlib.contextmanager
def _interruptible() -> Generator[Callable[[], bool]]:
    """Yields a function that tells whether Ctrl-C was pressed; a second one ends the process.

    Python tells the main thread alone about signals: in another thread nothing interrupts.
    """
    from rnnviz.training.distributed import size

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    interrupts: list[int] = []

    def on_interrupt(signum: int, frame: object) -> None:
        # Under torchrun the same Ctrl-C arrives twice: from the terminal and from torchrun.
        if interrupts and size() == 1:
            os._exit(130)
        interrupts.append(signum)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: bool(interrupts)
    finally:
        signal.signal(signal.SIGINT, before)


def _fit(
    run: Run,
    corpus: Corpus,
    folder: Path,
    state: TrainState | None,
    interrupted: Callable[[], bool],
    half: bool,
) -> None:
    """Train and save a run. Closing the records saves what is learned, whatever ends the bar."""
    from rnnviz._process import blocks_kept
    from rnnviz.jobs.fit import fit

    with (
        blocks_kept(),
        contextlib.closing(fit(run, corpus, folder, state, interrupted, half)) as records,
    ):
        show_progress(records, run.name)


def show_progress(records: Iterable[StepRecord], name: str) -> None:
    """A progress bar: loss, perplexity, learning rate, tokens/s and time left."""
    from tqdm import tqdm

    valid = None
    with tqdm(
        total=1.0,
        desc=name,
        file=STDERR,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}",
    ) as bar:
        for record in records:
            valid = valid if record.valid_loss is None else record.valid_loss
            text = f"step {record.step} loss {record.loss:.3f}"
            text += f" ppl {perplexity_text(record.loss, 1)}"
            if valid is not None:
                text += f" valid {valid:.3f}"
            text += f" lr {record.lr:.2g} {record.tokens / record.seconds:,.0f} tokens/s"
            bar.set_postfix_str(text, refresh=False)
            bar.update(record.progress - bar.n)
