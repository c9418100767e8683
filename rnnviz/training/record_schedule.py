"""When a training makes records and evaluates: at given steps, or at even shares of its budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnviz.training.loop import TrainConfig, TrainState

RECORDS, RECORD_SECONDS = 200, 1.0  # a budget is cut into so many records, or more often
EVALUATIONS, LEAST = 20, 3  # over a budget, and over one in which they are most of the work
EVAL_SHARE, EVAL_SECONDS = 0.1, 6.0  # of the time or the tokens at most; and seconds between two


class Pace:
    """What is due at a step of a training, whose `state` is followed.

    `valid`: tokens that an evaluation reads. In a budget of minutes its time is bounded, in others
    its tokens beside those trained on: what a step does must not depend on a clock.
    """

    def __init__(self, config: TrainConfig, per_epoch: int, valid: int, state: TrainState) -> None:
        self.config, self.per_epoch, self.state = config, per_epoch, state
        self.last_step = config.steps or (config.epochs or 0) * per_epoch
        self.eval_every = None if config.eval_every is None else min(config.eval_every, per_epoch)
        self.evaluations = EVALUATIONS
        if not config.minutes:
            tokens = self.last_step * config.batch_size * config.sequence_length
            self.evaluations = min(
                EVALUATIONS, max(LEAST, int(EVAL_SHARE * tokens / max(1, valid)))
            )
        self.recorded = state.seconds
        self.next_record = _mark_after(self.spent(), RECORDS)
        self.next_evaluation = _mark_after(self.spent(), self.evaluations)

    def spent(self, ahead: int = 0) -> float:
        """Share of the budget, up to 1; in a few steps from now, as far as that is known."""
        if self.config.minutes:
            return min(1.0, self.state.seconds / 60 / self.config.minutes)
        return min(1.0, (self.state.step + ahead) / self.last_step)

    def records_next(self) -> bool:
        """Whether the next step makes a record; asked once before each."""
        if self.config.log_every is not None:
            return (self.state.step + 1) % self.config.log_every == 0
        reached = self.spent(ahead=1)
        due = reached >= self.next_record or self.state.seconds - self.recorded >= RECORD_SECONDS
        if due:
            self.recorded, self.next_record = self.state.seconds, _mark_after(reached, RECORDS)
        return due

    def evaluates(self, progress: float) -> bool:
        """Whether the step that was just made, which spent this share of the budget, is followed
        by an evaluation: the last one is, and that of a whole epoch where SGD's rate hangs on it.
        """
        epoch_ends = self.state.step % self.per_epoch == 0
        if progress == 1.0:
            return True
        if self.eval_every is not None:
            return epoch_ends or self.state.step % self.eval_every == 0
        return progress >= self.next_evaluation or (epoch_ends and self.config.optimizer == "sgd")

    def evaluated(self, progress: float, took: float) -> None:
        """An evaluation took so many seconds: the next one may have to wait for its share."""
        self.next_evaluation = _mark_after(progress, self.evaluations)
        if self.config.minutes:
            pause = max(EVAL_SECONDS, took / EVAL_SHARE) / 60 / self.config.minutes
            self.next_evaluation = max(self.next_evaluation, progress + pause)


def _mark_after(progress: float, marks: int) -> float:
    """The first of so many even shares of the budget that lies after a share of it."""
    return (math.floor(progress * marks + 1e-9) + 1) / marks - 1e-9
