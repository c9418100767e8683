"""Training by truncated BPTT, as a generator of records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rnnviz.data.corpus import Corpus
from rnnviz.nn.model import LanguageModel
from rnnviz.nn.seed import later_seed
from rnnviz.training import distributed
from rnnviz.training.batches import batches_of, score_part, steps_per_epoch
from rnnviz.training.config import StepRecord, TrainConfig, TrainingError, TrainState
from rnnviz.training.optimizers import AdamW, schedule, steps_seen
from rnnviz.training.record_schedule import RecordSchedule
from rnnviz.training.step import TrainStep


def train(
    model: LanguageModel,
    corpus: Corpus,
    config: TrainConfig,
    state: TrainState | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[StepRecord]:
    """Train a model in place by truncated BPTT, with a record now and then (see TrainConfig).

    At the end (of the budget or of the iterator) the model holds the weights of the best
    validation loss. `state` is brought up to date before each record: save it to go on later,
    pass it again to do so; a state whose budget is spent is done, and nothing is trained. `stop` is
    asked between two steps.
    Raises ValueError for a corpus shorter than one batch, and TrainingError when the loss is no
    longer finite, after the last good weights were put back. Under torchrun all processes call
    it alike (see `distributed`); `stop` and the clock are those of rank 0.
    """
    config = config.resolved(model.rnn_type).fitting(corpus)
    training = _Training(model, corpus, config, TrainState() if state is None else state)
    try:
        yield from training.run(stop)
    finally:
        training.end()


class _Training:
    """One call of `train`: set up, then `step`, and now and then `evaluate` and `record`."""

    def __init__(
        self, model: LanguageModel, corpus: Corpus, config: TrainConfig, state: TrainState
    ) -> None:
        self.model, self.corpus, self.config, self.state = model, corpus, config, state
        self.batches = batches_of(corpus, config, model.device)
        self.per_epoch = steps_per_epoch(corpus, config)
        adamw = AdamW(model, state.moments) if config.optimizer == "adamw" else None
        self.adamw = adamw
        self.averaged_from = state.step - steps_seen(state.moments)  # 0 unless they began anew
        state.last = model.state_dict()
        state.best = state.best or _copy(model)
        _restore_rng(config.seed, state)
        rows = distributed.rows(config.batch_size)
        batch_size = rows.stop - rows.start
        self.train_step = TrainStep(
            model, batch_size, config.clip, adamw, all_count=corpus.items is None
        )
        for now, kept in zip(self.train_step.hidden, state.hidden, strict=False):  # none at first
            now.copy_(kept[:, rows])  # (L,B,H)
        model.train()
        self.started = time.perf_counter() - state.seconds
        self.losses: list[Tensor] = []  # since the last record
        self.norms: list[Tensor] = []
        self.lr = 0.0  # of the last step
        self.top_lr = config.lr or 0.0  # never None: `resolved` has filled it in
        self.schedule = RecordSchedule(config, self.per_epoch, len(corpus.valid), state)
        self._keep_rng_and_hidden()

    def run(self, stop: Callable[[], bool]) -> Iterator[StepRecord]:
        progress, stopping, recording = self.look_ahead(stop)
        self.state.done = progress == 1.0
        while progress < 1.0 and not stopping:
            self.step(progress, recording)
            due = recording
            progress, stopping, recording = self.look_ahead(stop)
            evaluating = self.schedule.evaluates(progress)
            if evaluating or due or stopping:
                valid_loss = self.evaluate(progress) if evaluating else None
                yield self.record(progress, valid_loss)

    def look_ahead(self, stop: Callable[[], bool]) -> tuple[float, bool, bool]:
        """As rank 0 sees them: the share of the budget that is spent, whether to stop, whether the
        next step makes a record."""
        ahead = self.schedule.spent(), stop(), self.schedule.records_next()
        return distributed.broadcast_decision(*ahead)

    def step(self, progress: float, recording: bool) -> None:
        """Train on the next batch."""
        state = self.state
        batch = self.batches.at(state.step)
        if batch.begins:
            self.train_step.reset_hidden()
        seen = state.step - self.averaged_from
        factor = state.anneal if self.adamw is None else schedule(seen, progress)
        self.lr = self.top_lr * factor
        loss = self.train_step.gradients(batch.inputs, batch.targets, batch.count)
        if recording and state.best_valid == math.inf and loss.isfinite():
            state.best = _copy(self.model, state.best)
        self.norms.append(self.train_step.update(self.lr))
        self.losses.append(loss)
        state.step += 1
        state.seconds = time.perf_counter() - self.started

    def evaluate(self, progress: float) -> float:
        """The validation loss of now, in all processes."""
        loss, seconds = distributed.on_rank_zero(_timed_evaluation, self.model, self.corpus)
        self.schedule.evaluated(progress, seconds)
        return loss

    def record(self, progress: float, valid_loss: float | None) -> StepRecord:
        """Bring the state up to date; what happened since the last record. Raises TrainingError."""
        state, config = self.state, self.config
        loss, norm, clipped = _means(self.losses, self.norms, config.clip)
        self.losses, self.norms = [], []
        if not math.isfinite(loss + norm + (valid_loss or 0.0)):
            state.done = True
            raise TrainingError(
                f"the loss is no longer finite at step {state.step} (learning rate {self.lr:g}); "
                "the last good weights are kept. Try a smaller learning rate"
            )
        if valid_loss is not None:
            self._judge(valid_loss)
        self._keep_rng_and_hidden()
        state.done = progress == 1.0
        if self.adamw is not None:
            state.moments = self.adamw.moments
        state.seconds = time.perf_counter() - self.started
        return StepRecord(
            step=state.step,
            epoch=(state.step - 1) // self.per_epoch,
            loss=loss,
            valid_loss=valid_loss,
            grad_norm=norm,
            clipped=clipped,
            lr=self.lr,
            seconds=state.seconds,
            tokens=state.step * config.batch_size * config.sequence_length,
            progress=progress,
        )

    def end(self) -> None:
        """Put the best weights into the model."""
        self.model.eval()
        self.state.last = _copy(self.model)
        self.model.load_state_dict(self.state.best)

    def _judge(self, valid_loss: float) -> None:
        """Keep the weights of the best loss; else, at the end of an epoch, lower SGD's rate."""
        state = self.state
        if valid_loss < state.best_valid:
            state.best_valid, state.best = valid_loss, _copy(self.model, state.best)
        elif self.adamw is None and state.step % self.per_epoch == 0:
            state.anneal /= 4

    def _keep_rng_and_hidden(self) -> None:
        """Those of all processes: rng (bytes), and copies of h and c (L,B,H) of the whole batch."""
        hidden = self.train_step.hidden
        self.state.hidden = tuple(distributed.gather(h, 1).clone() for h in hidden)
        self.state.rng = distributed.gather(torch.get_rng_state(), 0)


def _timed_evaluation(model: LanguageModel, corpus: Corpus) -> tuple[float, float]:
    """The validation loss, and the seconds that it took."""
    started = time.perf_counter()
    return score_part(model, corpus, corpus.valid)[0], time.perf_counter() - started


def _means(losses: list[Tensor], norms: list[Tensor], clip: float) -> tuple[float, float, float]:
    """Mean loss, mean gradient norm and share of clipped steps; the device is waited for once."""
    norm = torch.stack(norms)
    means = torch.stack([torch.stack(losses).mean(), norm.mean(), (norm > clip).float().mean()])
    loss, mean_norm, clipped = distributed.mean(means).tolist()
    return loss, mean_norm, clipped


def _restore_rng(seed: int, state: TrainState) -> None:
    """The random state that is kept, or a fresh one if another number of processes left it."""
    ranks, rank = distributed.size(), distributed.rank()
    if state.rng is not None and len(state.rng) == ranks * len(torch.get_rng_state()):
        torch.set_rng_state(state.rng.chunk(ranks)[rank].clone())  # torch crashes on a view
    else:
        torch.manual_seed(later_seed(seed, state.step + rank))


def _copy(model: LanguageModel, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The weights of now, written over an older copy if there is one."""
    weights = model.state_dict()
    into = into or {name: torch.empty_like(tensor) for name, tensor in weights.items()}
    return {name: into[name].copy_(tensor) for name, tensor in weights.items()}
