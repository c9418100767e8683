"""What a training is told (TrainConfig), reports (StepRecord) and keeps (TrainState)."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rnnviz.nn.cell_types import required
from rnnviz.nn.model_config import LARGEST
from rnnviz.nn.seed import checked_seed

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.data.corpus import Corpus

# The rate that serves each cell type well under each recipe, measured. One rate for all would be
# unfair: with SGD at 20 a ReLU-RNN overflows and a tanh-RNN stalls.
DEFAULT_LR = {
    "sgd": {"LSTM": 20.0, "GRU": 10.0, "RNN_TANH": 5.0, "RNN_RELU": 5.0},
    "adamw": {"LSTM": 1e-2, "GRU": 1e-2, "RNN_TANH": 6e-3, "RNN_RELU": 4e-3},
}
WHOLE = ("batch_size", "sequence_length", "steps", "epochs", "seed", "log_every", "eval_every")
NUMBERS = ("lr", "clip", "minutes")
BUDGETS = ("steps", "epochs", "minutes")
MOST_BUDGET = 2**53  # up to which floats count


class TrainingError(ValueError):
    """A training that cannot begin or go on; the message says why, and what was kept."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train. One of `steps`, `epochs`, `minutes` is the budget.

    `optimizer`: "adamw" with warm-up and cosine decay, or "sgd", the lecture notes' recipe:
    param -= lr * grad after clipping, lr divided by 4 when validation stops improving.
    `lr` defaults by cell type and optimizer; `clip` bounds the global gradient norm (a
    ReLU-RNN on source code overflows with 1.0, where one bad batch outweighs the others).
    Records and evaluations come every `log_every` and `eval_every` steps; None: at even shares of
    the budget (see `RecordSchedule`). `sequence_length` is that of truncated BPTT; of a made task
    it is the longest item's.
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
        self._use_plain_numbers()
        if self.optimizer not in DEFAULT_LR:
            raise ValueError(f"optimizer must be sgd or adamw, not {self.optimizer!r}")
        budgets = [b for b in map(vars(self).get, BUDGETS) if b is not None]
        if len(budgets) != 1 or not 0 < budgets[0] <= MOST_BUDGET:
            raise ValueError("give one budget above 0, no endless one: steps, epochs or minutes")
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
            if not 0 < value <= LARGEST:
                raise ValueError(f"{name} must be above 0 and at most {LARGEST:g}, not {value}")

    def _use_plain_numbers(self) -> None:
        """Numbers of numpy as Python's, which run.json and torch take. Raises ValueError."""
        object.__setattr__(self, "seed", checked_seed(self.seed))
        for names, plain, kind in ((WHOLE, operator.index, "whole "), (NUMBERS, float, "")):
            for name in names:
                value = getattr(self, name)
                try:
                    object.__setattr__(self, name, None if value is None else plain(value))
                except (TypeError, ValueError, OverflowError):
                    raise ValueError(f"{name} must be a {kind}number, not {value!r}") from None

    @property
    def budget(self) -> str:
        """The budget in words: 3 minutes."""
        return budget_text(vars(self))

    def resolved(self, rnn_type: str) -> TrainConfig:
        """The same with the default learning rate of a cell type filled in. Raises ValueError."""
        if self.lr is not None:
            return self
        return replace(self, lr=required(DEFAULT_LR[self.optimizer], rnn_type, "training/config"))

    def fitting(self, corpus: Corpus) -> TrainConfig:
        """The same for a made task, whose windows are whole items."""
        if corpus.items is None:
            return self
        return replace(self, sequence_length=corpus.items.length)


def budget_text(config: Mapping[str, Any]) -> str:
    """The budget among the fields of a TrainConfig, in words; "" where there is none."""
    name = next((name for name in BUDGETS if config.get(name)), "")
    unit = name.removesuffix("s") if name and config[name] == 1 else name
    return f"{config[name]:,.15g} {unit}" if name else ""


@dataclass(frozen=True)
class StepRecord:
    """Means over the steps since the last record; losses in nats a token.

    `grad_norm` is taken before clipping, `clipped` is the share of clipped steps,
    `seconds` the training time so far, `tokens` the tokens seen so far, `progress` the
    share of the budget that is spent. All of them count on when a training is resumed.
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
    """All that a training needs to go on from where it was; `train` keeps it up to date.

    `best`: the weights of the best validation loss; before the first evaluation, the last ones
    known to give a finite loss. `last`: the weights to go on from, the model's own tensors while
    it trains. `moments`: AdamW's averages by name. `hidden`: h and c (L,B,H). `rng`: torch's
    random state. The place in the data follows from `step`.

    A state without `moments` but with a `step` goes on from weights alone: the averages of AdamW
    begin anew, and so does the warm-up.
    """

    step: int = 0
    seconds: float = 0.0
    anneal: float = 1.0  # factor on sgd's learning rate: 1, 1/4, 1/16, ...
    best_valid: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict, repr=False)
    last: dict[str, Tensor] = field(default_factory=dict, repr=False)
    moments: dict[str, Tensor] = field(default_factory=dict, repr=False)
    hidden: tuple[Tensor, ...] = field(default=(), repr=False)
    rng: Tensor | None = field(default=None, repr=False)
    done: bool = False
