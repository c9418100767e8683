"""How a training starts: its device, and a run that is new or was interrupted."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import torch

from rnnviz.data.corpus import Corpus
from rnnviz.nn.model import RNNModel
from rnnviz.nn.model_config import check_sizes
from rnnviz.runs import resume
from rnnviz.runs.info import RunError, RunInfo
from rnnviz.runs.names import claim
from rnnviz.runs.run import Run
from rnnviz.runs.store import load_run, versions
from rnnviz.training.config import TrainConfig, TrainingError, TrainState


def pick_device(name: str) -> torch.device:
    """auto: a GPU with CUDA when there is one. Raises ValueError for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"no device {name!r} here: {str(error).splitlines()[0]}") from None


def new_run(
    name: str, corpus: Corpus, config: TrainConfig, command: str = "", **model_options
) -> Run:
    """An untrained run: its model is initialised from the seed of the config. Raises ValueError."""
    check_sizes({"vocab_size": len(corpus.vocab), **model_options})
    torch.manual_seed(config.seed)
    model = RNNModel(vocab_size=len(corpus.vocab), **model_options)
    info = RunInfo(
        name=name,
        model=model.config,
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


def claimed(run: Run, folder: Path) -> Run:
    """A new run under a name that is free below a folder. Raises RunError."""
    return replace(run, info=replace(run.info, name=claim(run.info.name, folder).name))


def resumed_run(path: Path, corpus: Corpus) -> tuple[Run, TrainState]:
    """A run that was interrupted, and the state with which it goes on. Raises RunError or
    TrainingError."""
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
