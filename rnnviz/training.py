"""Training by truncated BPTT, as a generator of records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from rnnviz import distributed
from rnnviz.data import Corpus, bptt_batchify
from rnnviz.evaluation import evaluate
from rnnviz.loss import has_bfloat16, total_nats
from rnnviz.model import Hidden, RNNModel, detach, to
from rnnviz.optimizers import adamw_of, moments_of, schedule, sgd_step
from rnnviz.pace import Pace

# Measured defaults: the rate that serves each cell type well under each recipe. One rate
# for all would be unfair: with SGD at 20 a ReLU-RNN overflows and a tanh-RNN stalls.
DEFAULT_LR = {
    "sgd": {"LSTM": 20.0, "GRU": 10.0, "RNN_TANH": 5.0, "RNN_RELU": 5.0},
    "adamw": {"LSTM": 1e-2, "GRU": 1e-2, "RNN_TANH": 6e-3, "RNN_RELU": 4e-3},
}
WIDE = 256  # hidden units, from which on bfloat16 pays


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


class WindowLoss(nn.Module):
    """Nats of a window over a count of tokens; one module, so that DDP sees all of it.

    The products of a wide LSTM are in bfloat16 where the processor has it: 1.4 times the tokens a
    second. Weights, the state between windows and the optimizer are float32.
    """

    def __init__(self, model: RNNModel, cue: int | None) -> None:
        super().__init__()
        self.model, self.cue = model, cue

    def forward(
        self, input: Tensor, target: Tensor, hidden: Hidden, count: float
    ) -> tuple[Tensor, Hidden]:
        """Ids (B,T), next ids (B,T) -> loss, hidden; with a cue, what follows it counts alone."""
        weight, bias = self.model.projection.weight, self.model.projection.bias
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16(self.model)):
            output, hidden = self.model.states(input, hidden)  # (B,T,H)
        output, hidden = output.to(weight.dtype), to(hidden, weight.dtype)
        if self.cue is not None:
            counted = input == self.cue
            output, target = output[counted], target[counted]  # (N,H), (N,)
        return total_nats(output.flatten(0, -2), weight, bias, target.flatten()) / count, hidden


def in_bfloat16(model: RNNModel) -> bool:
    """Whether training takes the recurrent layers' products in bfloat16."""
    wide = model.rnn_type == "LSTM" and model.rnn.hidden_size >= WIDE  # the others have no kernel
    weight = model.projection.weight
    return wide and weight.is_cpu and weight.dtype == torch.float32 and has_bfloat16()


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
    device, parameters = model.device, list(model.parameters())
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
    hidden: Hidden = model.init_hidden(inputs.shape[1])
    if state.hidden:
        kept = [h.to(device)[:, rows].contiguous() for h in state.hidden]  # (L,B,H)
        hidden = (kept[0], kept[1]) if len(kept) == 2 else kept[0]
    window_loss = distributed.averaged(WindowLoss(model, corpus.cue))
    model.train()
    model.zero_grad(set_to_none=True)
    started = time.perf_counter() - state.seconds
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    pace = Pace(config, per_epoch, len(corpus.valid), state)

    def ahead() -> tuple[float, bool, bool]:
        """Of rank 0: the share of the budget that is spent, whether to stop, whether the next step
        makes a record."""
        return distributed.agree(pace.spent(), stop(), pace.records_next())

    _keep_noise_and_hidden(state, hidden)
    try:
        progress, stopping, recording = ahead()
        while progress < 1.0 and not stopping:
            epoch, window = divmod(state.step, per_epoch)
            if window == 0:
                hidden = model.init_hidden(inputs.shape[1])
            lr = config.lr * (state.anneal if adamw is None else schedule(state.step, progress))

            loss, hidden = window_loss(
                inputs[window], targets[window], detach(hidden), counts[window]
            )
            if recording and state.best_valid == math.inf and loss.isfinite():
                state.best = _copy(model, state.best)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip)
            if adamw is None:
                sgd_step(parameters, lr)
            else:
                adamw.param_groups[0]["lr"] = lr
                adamw.step()
            model.zero_grad(set_to_none=True)
            losses.append(loss.detach())
            norms.append(norm)

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
            _keep_noise_and_hidden(state, hidden)
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


def _keep_noise_and_hidden(state: TrainState, hidden: Hidden) -> None:
    """Those of all processes: rng (bytes), and h (L,B,H) of the whole batch."""
    parts = hidden if isinstance(hidden, tuple) else (hidden,)
    state.hidden = tuple(distributed.gather(h, 1) for h in parts)
    state.rng = distributed.gather(torch.get_rng_state(), 0)


def _copy(model: RNNModel, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights of now, written over an older copy if there is one."""
    weights = model.state_dict()
    into = into or {name: torch.empty_like(tensor) for name, tensor in weights.items()}
    return {name: into[name].copy_(tensor) for name, tensor in weights.items()}
