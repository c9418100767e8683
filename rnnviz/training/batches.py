"""What a training reads, step by step: windows of a text, or fresh items of a made task."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnviz.data.corpus import Corpus, bptt_batchify
from rnnviz.data.items import EPOCH, Items
from rnnviz.nn.evaluation import score, score_rows
from rnnviz.nn.model import LanguageModel
from rnnviz.training import distributed
from rnnviz.training.config import TrainConfig


@dataclass(frozen=True)
class Batch:
    """Ids and next ids (B,T), B this process's own rows. `count`: how many tokens of all rows count
    in the loss, divided by the number of processes (gradients are means over them). `begins`:
    whether the rows are read from a state of zeros."""

    inputs: Tensor
    targets: Tensor
    count: float
    begins: bool


@dataclass(frozen=True)
class _Windows:
    """Of a text: one window (B,T) after the other, over and over (S,B,T)."""

    inputs: Tensor
    targets: Tensor
    count: float

    def at(self, step: int) -> Batch:
        place = step % len(self.inputs)
        return Batch(self.inputs[place], self.targets[place], self.count, begins=place == 0)


@dataclass(frozen=True)
class _FreshItems:
    """Of a made task: new items at each step."""

    items: Items
    config: TrainConfig
    device: torch.device

    def at(self, step: int) -> Batch:
        rows = self.config.batch_size
        inputs, targets = self.items.batch(self.config.seed, step, rows)  # (B,T)
        count = float((targets >= 0).sum()) / distributed.size()
        own = distributed.rows(rows)
        inputs, targets = (ids[own].to(self.device) for ids in (inputs, targets))
        return Batch(inputs, targets, count, begins=True)


def batches_of(corpus: Corpus, config: TrainConfig, device: torch.device) -> _Windows | _FreshItems:
    """The batches of a training. Raises ValueError for a text shorter than one."""
    if corpus.items is not None:
        return _FreshItems(corpus.items, config, device)
    shape = config.batch_size, config.sequence_length
    own = distributed.rows(config.batch_size)
    inputs, targets = (
        bptt_batchify(ids, *shape)[:, own].to(device)  # (S,B,T)
        for ids in (corpus.train[:-1], corpus.train[1:])
    )
    return _Windows(inputs, targets, math.prod(shape) / distributed.size())


def steps_per_epoch(corpus: Corpus, config: TrainConfig) -> int:
    """Steps of one pass; 0 for a text shorter than one batch."""
    if corpus.items is not None:
        return max(1, EPOCH // config.batch_size)
    return (len(corpus.train) - 1) // config.batch_size // config.sequence_length


def score_part(model: LanguageModel, corpus: Corpus, ids: Tensor) -> tuple[float, float]:
    """Mean nats and accuracy of a part of a corpus (see `score`); of a made task, each item is read
    from a state of zeros."""
    if corpus.items is None:
        return score(model, ids, corpus.cue)
    return score_rows(model, *corpus.items.of_text(ids))
