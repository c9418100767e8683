"""A training from its first step to a saved run."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, replace
from pathlib import Path

from rnnviz import _paths
from rnnviz.data.corpus import Corpus
from rnnviz.nn.evaluation import score
from rnnviz.runs import library, snapshots
from rnnviz.runs.info import RunError
from rnnviz.runs.run import Run
from rnnviz.runs.store import save_run
from rnnviz.runs.weights import halved
from rnnviz.training import distributed
from rnnviz.training.batches import score_part
from rnnviz.training.config import StepRecord, TrainConfig, TrainingError, TrainState
from rnnviz.training.loop import train

SAVE_SECONDS = 30.0


def fit(
    run: Run,
    corpus: Corpus,
    folder: Path,
    state: TrainState | None = None,
    stop: Callable[[], bool] = lambda: False,
    half: bool = False,
) -> Generator[StepRecord]:
    """Train a run and save it below `folder`: at the first record, every half minute, at the end.

    Yields the records of `train`, raises what `train` and `save_run` raise; after a TrainingError
    the last good weights are saved. With `half` the final weights are rounded to float16 if that
    holds them all, and the losses that are saved are those of the rounded weights. Under torchrun
    rank 0 alone yields, writes and raises.
    """
    state = TrainState() if state is None else state
    config = TrainConfig(**run.info.config)
    if distributed.rank():
        with contextlib.suppress(TrainingError):
            for _ in train(run.model, corpus, config, state):
                pass
        return
    writer = _RunWriter(run, corpus, folder, state, half)

    def stopping() -> bool:  # asked between two steps: the weights are those of the last one
        stopped = stop()
        if stopped or snapshots.due(state.step):
            writer.snapshot()
        return stopped

    try:
        for record in train(run.model, corpus, config, state, stopping):
            writer.history.append(asdict(record))
            if state.done:
                writer.snapshot()
            yield record
            writer.save_in_between()
    finally:
        writer.end()


class _RunWriter:
    """Writes one run while it is trained: now and then, its snapshots, and at the end.

    Snapshots are kept at the first step, at log-spaced ones and at the last (see `snapshots`),
    until one cannot be written: the training goes on without them.
    """

    def __init__(
        self, run: Run, corpus: Corpus, folder: Path, state: TrainState, half: bool
    ) -> None:
        self.run, self.corpus, self.folder = run, corpus, folder
        self.state, self.half = state, half
        self.history = list(run.info.history)
        self.saved_at = -math.inf
        self.snapshots_fit = True

    def snapshot(self) -> None:
        try:
            if self.snapshots_fit:
                snapshots.keep(self.run, self.folder, self.state.step)
        except RunError:
            self.snapshots_fit = False

    def save_in_between(self) -> None:
        """Every half minute: what a killed training can be resumed from."""
        if time.monotonic() - self.saved_at > SAVE_SECONDS and not self.state.done:
            self._save(valid_loss=_finite(self.state.best_valid))
            self.saved_at = time.monotonic()

    def end(self) -> None:
        """Save the best weights with their losses; leave no empty folder of a training that never
        began or found no room."""
        path = self.folder / self.run.info.name
        try:
            if self.state.best:
                known = None if self.half else _finite(self.state.best_valid)
                if self.state.done:
                    self._finish()
                self._save(**losses(self.run, self.corpus, known))
        finally:
            if not (path / "run.json").exists():
                with contextlib.suppress(OSError):
                    library.remove(path)

    def _finish(self) -> None:
        """Free what only a training that goes on needs; round the weights, if they shall be."""
        self.state.best = self.state.last = {}
        if self.half:
            weights = halved(self.run.model.state_dict())
            self.run.model.load_state_dict({k: v.float() for k, v in weights.items()})

    def _save(self, **fields) -> None:
        """Write the run; on a full disk its snapshots make room for the weights."""
        info = replace(self.run.info, history=tuple(self.history), **fields)
        run = Run(info, self.run.model)
        try:
            save_run(run, self.folder, self.state, half=self.half)
        except RunError:
            with contextlib.suppress(OSError):
                snapshots.delete(self.folder / info.name)
            save_run(run, self.folder, self.state, half=self.half)


def losses(run: Run, corpus: Corpus, valid: float | None = None) -> dict[str, float | None]:
    """Validation (unless it is known), test and probe loss in nats a token, and, for a task with a
    cue, the accuracy on the test part."""
    tested = score_part(run.model, corpus, corpus.test) if len(corpus.test) > 1 else (None, None)
    if valid is None:
        valid = _finite(score_part(run.model, corpus, corpus.valid)[0])
    return {
        "valid_loss": valid,
        "test_loss": _finite(tested[0]),
        "probe_loss": probe_loss(run),
        "accuracy": tested[1] if corpus.cue is not None else None,
    }


def probe_loss(run: Run) -> float | None:
    """Loss on a fixed text (None without it): shows that weights are read as they were written.

    Counts every token, the recall task's too: it is a check, not a merit. In float64, so
    that every machine gives the same digits.
    """
    if not _paths.PROBE.exists():
        return None
    model = copy.deepcopy(run.model).double()
    return _finite(score(model, run.ids(_paths.PROBE.read_text(encoding="utf-8")))[0])


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
