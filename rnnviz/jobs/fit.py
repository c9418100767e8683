"""A training from its first step to a saved run."""

from __future__ import annotations

import contextlib
import copy
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch

from rnnviz import _paths
from rnnviz.data.corpus import Corpus
from rnnviz.nn.evaluation import score
from rnnviz.nn.model import RNNModel
from rnnviz.runs import archive, resume, snapshots
from rnnviz.runs.info import RunError, RunInfo, check_sizes
from rnnviz.runs.store import Run, halved, load_run, runs_folder, safe_name, save_run, versions
from rnnviz.training import distributed
from rnnviz.training.loop import StepRecord, TrainConfig, TrainingError, TrainState, train

SAVE_SECONDS = 30.0


def pick_device(name: str) -> torch.device:
    """auto: a GPU with CUDA when there is one. Raises ValueError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"no device {name!r} here: {str(error).splitlines()[0]}") from None


def claim(name: str, folder: Path) -> Path:
    """An empty folder for a new run: name, name-2, name-3, ..., the first that no run has.

    Names of the runs that ship are taken too where the app lists both. Raises RunError.
    """
    number, path = 1, folder / safe_name(name)
    while True:
        try:
            if folder != runs_folder() or not (_paths.SHIPPED_RUNS / path.name).exists():
                path.mkdir(parents=True)
                return path
        except FileExistsError:
            pass
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}") from None
        number += 1
        path = folder / f"{name[:70]}-{number}"


def claimed(run: Run, folder: Path) -> Run:
    """A new run under the name that `claim` gives it. Raises RunError."""
    return replace(run, info=replace(run.info, name=claim(run.info.name, folder).name))


def begun(name: str, folder: Path) -> Path | None:
    """The run that `claim` made for this name: one that can be resumed first, else the last."""
    made = [path.parent for path in folder.glob(f"{name}*/run.json")]
    made = [path for path in made if re.fullmatch(r"(-\d+)?", path.name.removeprefix(name))]
    return max(
        made,
        key=lambda path: ((path / "resume.safetensors").exists(), path.stat().st_mtime),
        default=None,
    )


def new_run(
    name: str, corpus: Corpus, config: TrainConfig, command: str = "", **model_options
) -> Run:
    """An untrained run: its model is initialised from the seed of the config. Raises ValueError."""
    check_sizes({"vocab_size": len(corpus.vocab), **model_options})
    torch.manual_seed(config.seed)
    model = RNNModel(vocab_size=len(corpus.vocab), **model_options)
    info = RunInfo(
        name=name,
        model={
            "rnn_type": model.rnn_type,
            "vocab_size": len(corpus.vocab),
            "embedding_size": model.embedding.embedding_dim,
            "hidden_size": model.rnn.hidden_size,
            "num_hidden_layers": model.rnn.num_layers,
            "dropout": model.dropout.p,
            "tie_weights": model.tie_weights,
        },
        vocab=corpus.vocab,
        corpus=corpus.name,
        fingerprint=corpus.fingerprint,
        spec=corpus.spec,
        config=asdict(config.resolved(model.rnn_type)),
        cue=corpus.cue,
        command=command,
        versions=versions(),
    )
    return Run(info, model)


def resumed_run(path: Path, corpus: Corpus) -> tuple[Run, TrainState]:
    """A run that was interrupted, and its state. Raises RunError or TrainingError."""
    run = load_run(path)
    if run.info.fingerprint != corpus.fingerprint:
        raise TrainingError(f"{path} was trained on another text than {corpus.name} is now")
    try:
        TrainConfig(**run.info.config)
    except (TypeError, ValueError) as error:
        raise RunError(
            f"{path} has a training configuration that makes no sense ({error})"
        ) from None
    state = resume.load(run)
    history = tuple(r for r in run.info.history if r["step"] <= state.step)
    return Run(replace(run.info, history=history), run.model), state


def fit(
    run: Run,
    corpus: Corpus,
    folder: Path,
    state: TrainState | None = None,
    stop: Callable[[], bool] = lambda: False,
    half: bool = False,
) -> Iterator[StepRecord]:
    """Train a run and keep it in `folder`: at first, every half minute, when stopped, at the end.

    Yields the records of `train`. `half` rounds the final weights to float16 if that holds them
    all, and the losses that are saved are those of the rounded weights. Raises what `train` and
    `save_run` raise; after a TrainingError the last good weights are saved. Snapshots of the
    weights are kept at first, at log-spaced steps and at last (see `snapshots`), until one cannot
    be written. Under torchrun rank 0 alone yields, writes and raises.
    """
    state, config = TrainState() if state is None else state, TrainConfig(**run.info.config)
    if distributed.rank():
        with contextlib.suppress(TrainingError):
            for _ in train(run.model, corpus, config, state):
                pass
        return
    history, saved = list(run.info.history), -math.inf  # a run to go on with from the first record
    path = folder / run.info.name
    keeping = True

    def snapshot() -> None:
        nonlocal keeping
        try:
            if keeping:
                snapshots.keep(run, folder, state.step)
        except RunError:  # the training is worth more
            keeping = False

    def stopping() -> bool:  # asked between two steps, the model being what the last one left
        stopped = stop()
        if stopped or snapshots.due(state.step):
            snapshot()
        return stopped

    def save(going_on: TrainState | None, **fields) -> None:
        info = replace(run.info, history=tuple(history), **fields)
        try:
            save_run(Run(info, run.model), folder, going_on, half=half)
        except RunError:  # on a full disk the weights are worth more than the snapshots
            with contextlib.suppress(OSError):
                snapshots.delete(path)
            save_run(Run(info, run.model), folder, going_on, half=half)

    try:
        for record in train(run.model, corpus, config, state, stopping):
            history.append(asdict(record))
            if state.done:
                snapshot()
            yield record
            if time.monotonic() - saved > SAVE_SECONDS and not state.done:
                save(state, valid_loss=_finite(state.best_valid))
                saved = time.monotonic()
    finally:
        try:
            if state.best:
                valid = None if half else _finite(state.best_valid)
                if state.done:
                    state.best = state.last = {}  # nothing goes on from here: room for what follows
                    if half:
                        weights = halved(run.model.state_dict())
                        run.model.load_state_dict({k: v.float() for k, v in weights.items()})
                save(state, **losses(run, corpus, valid))
        finally:
            if not (path / "run.json").exists():  # it never began, or there was no room for it
                with contextlib.suppress(OSError):
                    archive.remove(path)


def losses(run: Run, corpus: Corpus, valid: float | None = None) -> dict[str, float | None]:
    """Validation (unless it is known), test and probe loss in nats a token; the accuracy where a
    cue is counted."""
    cue = corpus.cue
    tested = score(run.model, corpus.test, cue) if len(corpus.test) > 1 else (None, None)
    return {
        "valid_loss": _finite(score(run.model, corpus.valid, cue)[0]) if valid is None else valid,
        "test_loss": _finite(tested[0]),
        "probe_loss": probe_loss(run),
        "accuracy": tested[1] if cue is not None else None,
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
