"""When a training records and evaluates: every so many steps, or at even shares of its budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig, TrainState

RECORDS, RECORD_SECONDS = 200, 1.0  # records over a budget; and one at least after so many seconds
EVALUATIONS, LEAST = 20, 3  # evaluations over a budget, and the fewest, even if they dominate
EVAL_SHARE, EVAL_SECONDS = 0.1, 6.0  # most of the time or tokens spent on them; seconds between two


def spent_share(config: TrainConfig, per_epoch: int, step: int, seconds: float) -> float:
    """Share of the budget, up to 1, that is spent after so many steps and seconds."""
    if config.minutes:
        return min(1.0, seconds / 60 / config.minutes)
    return min(1.0, step / (config.steps or (config.epochs or 0) * per_epoch))


class RecordSchedule:
    """What is due after each step of a training; it reads the training's `state`.

    `valid`: the number of tokens that an evaluation reads. With a budget of minutes, the time that
    evaluations take is bounded; with steps or epochs their tokens are, compared with those trained
    on, because what such a training does must not depend on a clock.
    """

    def __init__(self, config: TrainConfig, per_epoch: int, valid: int, state: TrainState) -> None:
        self.config, self.per_epoch, self.state = config, per_epoch, state
        self.eval_every = None if config.eval_every is None else min(config.eval_every, per_epoch)
        self.evaluations = EVALUATIONS
        if not config.minutes:
            last_step = config.steps or (config.epochs or 0) * per_epoch
            tokens = last_step * config.batch_size * config.sequence_length
            self.evaluations = min(
                EVALUATIONS, max(LEAST, int(EVAL_SHARE * tokens / max(1, valid)))
            )
        self.recorded = state.seconds
        self.next_record = _mark_after(self.spent(), RECORDS)
        self.next_evaluation = _mark_after(self.spent(), self.evaluations)

    def spent(self, ahead: int = 0) -> float:
        """Share of the budget that is spent, up to 1; with `ahead`, after so many more steps (not
        known for a budget of minutes, where it is the share of now)."""
        state = self.state
        return spent_share(self.config, self.per_epoch, state.step + ahead, state.seconds)

    def records_next(self) -> bool:
        """Whether the next step makes a record. Must be asked exactly once before each step."""
        if self.config.log_every is not None:
            return (self.state.step + 1) % self.config.log_every == 0
        reached = self.spent(ahead=1)
        due = reached >= self.next_record or self.state.seconds - self.recorded >= RECORD_SECONDS
        if due:
            self.recorded, self.next_record = self.state.seconds, _mark_after(reached, RECORDS)
        return due

    def evaluates(self, progress: float) -> bool:
        """Whether an evaluation follows the step that was just made; `progress`: the share of the
        budget spent by now. The last step is followed by one, and so is each epoch with SGD, whose
        learning rate depends on it."""
        epoch_ends = self.state.step % self.per_epoch == 0
        if progress == 1.0:
            return True
        if self.eval_every is not None:
            return epoch_ends or self.state.step % self.eval_every == 0
        return progress >= self.next_evaluation or (epoch_ends and self.config.optimizer == "sgd")

    def evaluated(self, progress: float, took: float) -> None:
        """Note that an evaluation took so many seconds; a long one postpones the next."""
        self.next_evaluation = _mark_after(progress, self.evaluations)
        if self.config.minutes:
            pause = max(EVAL_SECONDS, took / EVAL_SHARE) / 60 / self.config.minutes
            self.next_evaluation = max(self.next_evaluation, progress + pause)


def _mark_after(progress: float, marks: int) -> float:
    """The first of `marks` even shares of the budget that lies after `progress`."""
    return (math.floor(progress * marks + 1e-9) + 1) / marks - 1e-9
