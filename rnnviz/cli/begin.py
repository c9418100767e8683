"""With which runs a command of training begins: new ones, or those that it goes on with."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz import load_run
from rnnviz.jobs.start import SpentError, begun_from, claimed, new_run, resumed_run
from rnnviz.nn.model_config import usable_forget_bias
from rnnviz.runs.identity import find_begun, is_interrupted, usual_embedding
from rnnviz.runs.info import read_info
from rnnviz.runs.lock import locked
from rnnviz.runs.names import wanted_name
from rnnviz.training.batches import steps_per_epoch

if TYPE_CHECKING:
    from rnnviz import Corpus, Run, RunInfo, TrainConfig, TrainState


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a command asks for. `config` has the budget of a new run, `budget` is None where the
    command gives none: a run that goes on then keeps its own. `locks` holds the locks of the runs
    that are trained."""

    options: argparse.Namespace
    corpus: Corpus
    folder: Path
    config: TrainConfig
    budget: TrainConfig | None
    locks: ExitStack

    def find(self) -> dict[str, Path | None]:
        """The run to go on with of each cell type, None for a new one. What cannot be begun is an
        error here, before anything is trained. Raises ValueError."""
        found = {rnn_type: self._find(rnn_type) for rnn_type in self.options.rnn_type}
        for path in filter(None, found.values()):
            self.locks.enter_context(locked(path))
        return found

    def _find(self, rnn_type: str) -> Path | None:
        run, origin = self._new(rnn_type), self.options.origin
        if self.options.resume:
            wanted = replace(run.info, origin=Path(origin).name if origin else "")
            if found := find_begun(wanted, self.folder, any_name=not self.options.name):
                return found.path
        self._check_length()
        if origin:
            begun_from(run, load_run(origin))
        return None

    def _check_length(self) -> None:
        """Raises ValueError where the text has not even one batch."""
        config, corpus = self.config, self.corpus
        if not steps_per_epoch(corpus, config):
            raise ValueError(
                f"{corpus.name} has {len(corpus.train):,} tokens to train on, too few for one "
                f"batch of --batch-size {config.batch_size} by --sequence-length "
                f"{config.sequence_length}: lower one of them or give a longer text"
            )

    def begin(self, rnn_type: str, path: Path | None) -> tuple[Run | None, TrainState | None]:
        """A new run and no state, the run at `path` and its state, or neither if it is complete.
        Says which."""
        bias = self.options.forget_bias
        if usable_forget_bias(rnn_type, bias) != bias:
            print(f"{rnn_type} has no gate that keeps its state: --forget-bias is ignored")
        if path is None:
            return self._begin_new(rnn_type), None
        before = read_info(path)
        command = self.options.command_line
        try:
            run, state = resumed_run(path, self.corpus, self.budget, command)
        except SpentError as error:
            print(error)
            return None, None
        print(_going_on(before, run.info, state))
        return run, state

    def _begin_new(self, rnn_type: str) -> Run:
        run = self._new(rnn_type)
        if self.options.resume:
            print(f"{self.folder} has no run {run.name} to go on with: a new one begins")
        if self.options.origin:
            run = begun_from(run, load_run(self.options.origin))
            print(f"{run.name}: begins with the weights of {self.options.origin}")
        run = claimed(run, self.folder)
        self.locks.enter_context(locked(self.folder / run.name))
        return run

    def _new(self, rnn_type: str) -> Run:
        options, size = self.options, self.options.embedding_size
        return new_run(
            wanted_name(options.name, self.corpus.name, rnn_type, len(options.rnn_type) > 1),
            self.corpus,
            self.config,
            options.command_line,
            rnn_type=rnn_type,
            embedding_size=usual_embedding(options.hidden_size) if size is None else size,
            hidden_size=options.hidden_size,
            num_hidden_layers=options.layers,
            dropout=options.dropout,
            tie_weights=options.tie_weights,
            forget_bias=usable_forget_bias(rnn_type, options.forget_bias),
        )


def _going_on(before: RunInfo, info: RunInfo, state: TrainState) -> str:
    """At which step and how a run goes on."""
    from rnnviz import TrainConfig

    text = f"{before.path}: goes on at step {state.step:,}"
    if not is_interrupted(before):
        text += " from its weights"
        text += ", with new averages and a new warm-up" * (info.config["optimizer"] == "adamw")
    was, now = (TrainConfig(**of.config).budget for of in (before, info))
    return text if was == now else f"{text}; its budget is {now}, it was {was}"
