"""How a training starts: its device, and a run that is new or one to go on with."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import torch

from rnnviz.data.corpus import Corpus
from rnnviz.nn.model import RNNModel
from rnnviz.nn.model_config import MAX_VOCABULARY, check_sizes
from rnnviz.runs import resume
from rnnviz.runs.identity import SHAPE, differences, is_interrupted
from rnnviz.runs.info import RunError, RunInfo, described
from rnnviz.runs.names import claim
from rnnviz.runs.run import Run
from rnnviz.runs.store import load_run, versions
from rnnviz.training.batches import steps_per_epoch
from rnnviz.training.config import BUDGETS, TrainConfig, TrainingError, TrainState
from rnnviz.training.record_schedule import spent_share


class SpentError(RunError):
    """A run with nothing left to train, since its budget is spent."""


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
    """An untrained run: its model is initialised from the seed of the config. Raises ValueError for
    what cannot be trained or could not be saved."""
    if len(corpus.vocab) > MAX_VOCABULARY:
        raise TrainingError(
            f"the vocabulary of {corpus.name} has {len(corpus.vocab):,} tokens, at most "
            f"{MAX_VOCABULARY:,} can be: raise --min-count or train on characters"
        )
    check_sizes(model_options)
    dropout = model_options.get("dropout", 0.0)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, not {dropout}")
    torch.manual_seed(config.seed)
    model = RNNModel(vocab_size=len(corpus.vocab), **model_options)
    info = RunInfo(
        name=name,
        model=model.config,
        vocab=corpus.vocab,
        corpus=corpus.name,
        fingerprint=corpus.fingerprint,
        spec=corpus.spec,
        config=asdict(config.resolved(model.rnn_type).fitting(corpus)),
        cue=corpus.cue,
        command=command,
        versions=versions(),
    )
    described(info)  # raises RunError if run.json could not hold it
    return Run(info, model)


def claimed(run: Run, folder: Path) -> Run:
    """A new run under a name that is free below a folder. Raises RunError."""
    return replace(run, info=replace(run.info, name=claim(run.info.name, folder).name))


def begun_from(run: Run, origin: Run) -> Run:
    """A new run with the weights of another one, which must be of its vocabulary and its shape; the
    order of the tokens may differ. Raises RunError."""
    _check_vocabulary(run.info, origin.info)
    if other := differences(origin.info, run.info, SHAPE):
        raise RunError(
            f"the weights of {origin.name} are of another shape, with {', '.join(other)}: give "
            f"{'that' if len(other) == 1 else 'these'} to begin with them"
        )
    place = origin.vocab.token2id
    order = torch.tensor([place[token] for token in run.vocab.id2token])  # (V,)
    weights = {
        name: tensor[order] if name.startswith(("embedding.", "projection.")) else tensor
        for name, tensor in origin.model.state_dict().items()
    }
    run.model.load_state_dict(weights)
    return replace(run, info=replace(run.info, origin=origin.name))


def _check_vocabulary(info: RunInfo, origin: RunInfo) -> None:
    """Raises RunError unless both cut texts into the same tokens."""
    if origin.vocab.split != info.vocab.split:
        raise RunError(
            f"{origin.name} has tokens of another kind, {origin.vocab.split} and not "
            f"{info.vocab.split}: give --level {origin.vocab.level} and such a text"
        )
    known, wanted = set(origin.vocab.id2token), set(info.vocab.id2token)
    if known != wanted:
        few = ", ".join(repr(token[:20]) for token in sorted(known ^ wanted)[:5])
        lacks, more = len(wanted - known), len(known - wanted)
        parts = [f"lacks {lacks:,} of the tokens of {info.corpus}"] if lacks else []
        parts += [f"has {more:,} that {info.corpus} lacks"] if more else []
        raise RunError(
            f"{origin.name} has another vocabulary: it {' and '.join(parts)} ({few}); leave --from "
            "out"
        )


def resumed_run(
    path: Path, corpus: Corpus, budget: TrainConfig | None = None, command: str = ""
) -> tuple[Run, TrainState]:
    """A run and the state with which it goes on, with another budget if one is given.

    An interrupted run goes on exactly where it was. A complete one with a larger budget goes on
    from its weights: averages and warm-up of AdamW begin anew, SGD keeps its last rate. Steps,
    seconds and the history count on, and the learning rate follows the share of the new budget
    that they are; so do the shares in the history. The command that asked for another budget is
    added to that of the run.
    Raises SpentError when nothing is left to train, RunError or TrainingError.
    """
    run = load_run(path)
    if run.info.fingerprint != corpus.fingerprint:
        raise TrainingError(f"{path} was trained on another text than {corpus.name} is now")
    before = _config(run.info)
    interrupted = is_interrupted(run.info)
    state = resume.load(run) if interrupted else _state_of_weights(run.info)
    history = tuple(r for r in run.info.history if r["step"] <= state.step)
    info = replace(run.info, history=history, spec=corpus.spec or run.info.spec)
    config = _with_budget(before, budget)
    per_epoch = max(1, steps_per_epoch(corpus, config))
    is_spent = spent_share(config, per_epoch, state.step, state.seconds) == 1.0
    if not interrupted and (is_spent or config == before):
        how = "complete" if is_spent else "ended early"
        raise SpentError(
            f"{path}: {how} at step {state.step:,}, with a budget of {before.budget}; a larger "
            f"one, like {_larger(before)}, goes on from its weights"
        )
    if config != before:
        if is_spent:
            raise SpentError(
                f"{path}: a budget of {config.budget} is spent already, at step {state.step:,}; a "
                "larger one goes on with it"
            )
        info = _rebudgeted(info, config, per_epoch, command)
    return Run(info, run.model), state


def _config(info: RunInfo) -> TrainConfig:
    try:
        return TrainConfig(**info.config)
    except (TypeError, ValueError) as error:
        raise RunError(
            f"{info.path} has a training configuration that makes no sense ({error})"
        ) from None


def _larger(config: TrainConfig) -> str:
    """Twice the budget, as an option of the command `train`."""
    return next(f"--{name} {2 * vars(config)[name]:.15g}" for name in BUDGETS if vars(config)[name])


def _with_budget(config: TrainConfig, budget: TrainConfig | None) -> TrainConfig:
    """The settings of a run, with the budget of others if there are any."""
    if budget is None:
        return config
    return replace(config, **{name: getattr(budget, name) for name in BUDGETS})


def _state_of_weights(info: RunInfo) -> TrainState:
    """The state of a run of which only the weights are left: where it was, without averages."""
    last = info.history[-1] if info.history else {}
    top, lr = info.config.get("lr"), last.get("lr")
    annealed = info.config.get("optimizer") == "sgd" and top and lr and 0 < lr < top
    return TrainState(
        step=last.get("step", 0),
        seconds=max(0.0, last.get("seconds") or 0.0),
        anneal=lr / top if annealed else 1.0,
        best_valid=math.inf if info.valid_loss is None else info.valid_loss,
    )


def _rebudgeted(info: RunInfo, config: TrainConfig, per_epoch: int, command: str) -> RunInfo:
    """What a run says of itself once it goes on with another budget."""
    history = tuple(
        record
        | {"progress": spent_share(config, per_epoch, record["step"], record.get("seconds") or 0.0)}
        for record in info.history
    )
    commands = " && ".join(filter(None, (info.command, command)))
    return replace(info, config=asdict(config), history=history, command=commands)
