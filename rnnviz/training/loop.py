"""Training by truncated BPTT, as a generator of records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from rnnviz.data.corpus import Corpus, bptt_batchify
from rnnviz.nn.evaluation import evaluate
from rnnviz.nn.model import RNNModel
from rnnviz.training import distributed
from rnnviz.training.optimizers import adamw_of, moments_of, schedule
from rnnviz.training.record_schedule import Pace
from rnnviz.training.step import Steps

# Measured defaults: the rate that serves each cell type well under each recipe. One rate
# for all would be unfair: with SGD at 20 a ReLU-RNN overflows and a tanh-RNN stalls.
DEFAULT_LR = {
    "sgd": {"LSTM": 20.0, "GRU": 10.0, "RNN_TANH": 5.0, "RNN_RELU": 5.0},
    "adamw": {"LSTM": 1e-2, "GRU": 1e-2, "RNN_TANH": 6e-3, "RNN_RELU": 4e-3},
}


class TrainingError(ValueError):
    """Training that cannot begin or go on; the message says why and what was kept."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train. One of `steps`, `epochs`, `minutes` is the budget.

    `optimizer`: "adamw" with warm-up and cosine decay, or "sgd", the lecture notes' recipe:
    param -= lr * grad after clipping, lr divided by 4 when validation stops improving.
    `lr` defaults by cell type and optimizer; `clip` bounds the global gradient norm (a
    ReLU-RNN on source code overflows with 1.0, where one bad batch outweighs the others).
    Records and evaluations come every `log_every` and `eval_every` steps; None: at even shares of
    the budget, see `Pace`.
    """

    optimizer: str = "adamw"
    lr: float | None = None
    clip: float = 0.25
    batch_size: int = 32
    sequence_length: int = 64
    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    log_every: int | None = None
    eval_every: int | None = None

    def __post_init__(self) -> None:
        if self.optimizer not in DEFAULT_LR:
            raise ValueError(f"optimizer must be sgd or adamw, not {self.optimizer!r}")
        budgets = [b for b in (self.steps, self.epochs, self.minutes) if b is not None]
        if len(budgets) != 1 or not budgets[0] > 0:
            raise ValueError("give one budget above 0: steps, epochs or minutes")
        for name in ("batch_size", "sequence_length", "log_every", "eval_every"):
            value = getattr(self, name)
            if value is None and name.endswith("_every"):
                continue
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        for name, value in (
            ("lr", 1.0 if self.lr is None else self.lr),
            ("clip", self.clip or 0.0),
        ):
            if not 0 < value < math.inf:
                raise ValueError(f"{name} must be a number above 0, not {value}")

    def resolved(self, rnn_type: str) -> TrainConfig:
        """The same with the defaults of a cell type filled in."""
        lr = DEFAULT_LR[self.optimizer][rnn_type] if self.lr is None else self.lr
        return replace(self, lr=lr)


@dataclass(frozen=True)
class StepRecord:
    """Means over the steps since the last record; losses in nats a token.

    `grad_norm` is taken before clipping, `clipped` is the share of clipped steps,
    `seconds` the training time so far, `tokens` the tokens seen so far, `progress` the
    share of the budget that is spent.
    """

    step: int
    epoch: int
    loss: float
    valid_loss: float | None
    grad_norm: float
    clipped: float
    lr: float
    seconds: float
    tokens: int
    progress: float


@dataclass
class TrainState:
    """All that training needs to go on from where it was; `train` keeps it up to date.

    `best`: the weights of the best validation loss, before the first evaluation the last
    ones known to give a finite loss; `last`: those to go on from. The place in the data follows
    from `step`.
    """

    step: int = 0
    seconds: float = 0.0
    anneal: float = 1.0  # what sgd's learning rate was divided by so far, inverted
    best_valid: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    last: dict[str, Tensor] = field(default_factory=dict)  # the model's own while it trains
    moments: dict[str, Tensor] = field(default_factory=dict)  # of AdamW, by name
    hidden: tuple[Tensor, ...] = ()
    rng: Tensor | None = None
    done: bool = False


def train(
    model: RNNModel,
    corpus: Corpus,
    config: TrainConfig,
    state: TrainState | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[StepRecord]:
    """Train a model in place by truncated BPTT, with a record now and then (see TrainConfig).

    At the end (of the budget or the iterator) the model holds the weights of the best
    validation loss. `state` is brought up to date before each record: save it to go on
    later, give it back to do so. `stop` is asked between two steps.
    Raises ValueError for a corpus shorter than one batch, and TrainingError when the loss
    is no longer finite, after the last good weights were put back. Under torchrun all
    processes call it alike (see `distributed`); `stop` and the clock are those of rank 0.
    """
    config = config.resolved(model.rnn_type)
    state = TrainState() if state is None else state
    device = model.device
    shape = (config.batch_size, config.sequence_length)
    rows = distributed.rows(config.batch_size)
    inputs = bptt_batchify(corpus.train[:-1], *shape)  # (S,B,T)
    targets = bptt_batchify(corpus.train[1:], *shape)  # (S,B,T)
    per_epoch, per_step = len(inputs), config.batch_size * config.sequence_length
    counts = torch.full((per_epoch,), per_step, dtype=torch.float64)
    if corpus.cue is not None:
        counts = (inputs == corpus.cue).sum((1, 2)).double().clamp(min=1)  # there may be none
    counts = (counts / distributed.size()).tolist()  # as gradients are means over processes
    inputs, targets = inputs[:, rows].to(device), targets[:, rows].to(device)  # B: its own rows
    adamw = adamw_of(model, state.moments) if config.optimizer == "adamw" else None

    state.last = model.state_dict()
    state.best = state.best or _copy(model)
    _go_on_with_noise(config.seed, state)
    steps = Steps(model, inputs.shape[1], config.clip, corpus.cue, adamw)
    for now, kept in zip(steps.hidden, state.hidden, strict=False):  # none at first
        now.copy_(kept[:, rows])  # (L,B,H)
    model.train()
    started = time.perf_counter() - state.seconds
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    pace = Pace(config, per_epoch, len(corpus.valid), state)

    def ahead() -> tuple[float, bool, bool]:
        """Of rank 0: the share of the budget that is spent, whether to stop, whether the next step
        makes a record."""
        return distributed.agree(pace.spent(), stop(), pace.records_next())

    _keep_noise_and_hidden(state, steps.hidden)
    try:
        progress, stopping, recording = ahead()
        while progress < 1.0 and not stopping:
            epoch, window = divmod(state.step, per_epoch)
            if window == 0:
                steps.forget()
            lr = config.lr * (state.anneal if adamw is None else schedule(state.step, progress))

            loss = steps.gradients(inputs[window], targets[window], counts[window])
            if recording and state.best_valid == math.inf and loss.isfinite():
                state.best = _copy(model, state.best)
            norms.append(steps.update(lr))
            losses.append(loss)

            state.step += 1
            state.seconds = time.perf_counter() - started
            due = recording
            progress, stopping, recording = ahead()
            evaluating = pace.evaluates(progress)
            if not (evaluating or due or stopping):
                continue

            loss_mean, norm_mean, clipped = _means(losses, norms, config.clip)
            losses, norms = [], []
            valid = None
            if evaluating:
                valid, took = distributed.first(_timed_evaluation, model, corpus)
                pace.evaluated(progress, took)
            if not math.isfinite(loss_mean + norm_mean + (valid or 0.0)):
                state.done = True
                raise TrainingError(
                    f"the loss is no longer finite at step {state.step} (learning rate {lr:g}); "
                    "the last good weights are kept. Try a smaller learning rate"
                )
            if valid is not None and valid < state.best_valid:
                state.best_valid, state.best = valid, _copy(model, state.best)
            elif valid is not None and adamw is None and state.step % per_epoch == 0:
                state.anneal /= 4
            _keep_noise_and_hidden(state, steps.hidden)
            state.done = progress == 1.0
            if adamw is not None:
                state.moments = moments_of(model, adamw)
            state.seconds = time.perf_counter() - started
            yield StepRecord(
                step=state.step,
                epoch=epoch,
                loss=loss_mean,
                valid_loss=valid,
                grad_norm=norm_mean,
                clipped=clipped,
                lr=lr,
                seconds=state.seconds,
                tokens=state.step * per_step,
                progress=progress,
            )
    finally:
        model.eval()
        state.last = _copy(model)
        model.load_state_dict(state.best)


def _timed_evaluation(model: RNNModel, corpus: Corpus) -> tuple[float, float]:
    """The validation loss, and the seconds that it took."""
    started = time.perf_counter()
    return evaluate(model, corpus.valid, corpus.cue), time.perf_counter() - started


def _means(losses: list[Tensor], norms: list[Tensor], clip: float) -> tuple[float, float, float]:
    """Mean loss, mean gradient norm and share of clipped steps: one wait for the device."""
    norm = torch.stack(norms)
    means = torch.stack([torch.stack(losses).mean(), norm.mean(), (norm > clip).float().mean()])
    return tuple(distributed.mean(means).tolist())


def _go_on_with_noise(seed: int, state: TrainState) -> None:
    """Random numbers as a state left them; fresh ones if other processes than these left it."""
    ranks, rank = distributed.size(), distributed.rank()
    if state.rng is not None and len(state.rng) == ranks * len(torch.get_rng_state()):
        torch.set_rng_state(state.rng.chunk(ranks)[rank].clone())  # it crashes on a view
    else:
        torch.manual_seed(seed + state.step + rank)


def _keep_noise_and_hidden(state: TrainState, hidden: tuple[Tensor, ...]) -> None:
    """Those of all processes: rng (bytes), and copies of h and c (L,B,H) of the whole batch."""
    state.hidden = tuple(distributed.gather(h, 1).clone() for h in hidden)
    state.rng = distributed.gather(torch.get_rng_state(), 0)


def _copy(model: RNNModel, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights of now, written over an older copy if there is one."""
    weights = model.state_dict()
    into = into or {name: torch.empty_like(tensor) for name, tensor in weights.items()}
    return {name: into[name].copy_(tensor) for name, tensor in weights.items()}
