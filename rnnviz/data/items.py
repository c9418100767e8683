"""Batches of a made task: each row is one fresh item."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnviz.data.source import CorpusError
from rnnviz.data.task import Task
from rnnviz.data.vocab import Vocab

EPOCH = 6_400  # items that count as one pass, since a task has no end
NOT_COUNTED = -1  # the target where nothing counts


@dataclass(frozen=True)
class Items:
    """The items of a task as ids. They are as long as the longest, filled up at their end with
    tokens that do not count."""

    task: Task
    vocab: Vocab

    @property
    def length(self) -> int:
        """Tokens that are read of each item, T: the last is only predicted."""
        return self.task.longest - 1

    def batch(self, seed: int, step: int, rows: int) -> tuple[Tensor, Tensor]:
        """Fresh items of a training step: ids and next ids, (B,T) each, NOT_COUNTED where no token
        counts. The same seed and step give the same items."""
        rng = random.Random(f"{seed} {step}")
        texts = [self.task.item(rng) for _ in range(rows)]
        ids = torch.from_numpy(self.vocab.encode("".join(texts)))  # (N,)
        return self._rows(ids, torch.tensor([len(text) for text in texts]))

    def of_text(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The whole items of a text (N,), as `batch` gives them. Raises CorpusError for none."""
        last = self.vocab.token2id[self.task.cue or "\n"]
        ends = (ids == last).nonzero()[:, 0] + (1 if self.task.cue is None else 2)
        ends = ends[ends <= len(ids)]
        lengths = ends.diff(prepend=ends.new_zeros(1))
        if not len(ends) or lengths.max() > self.task.longest:
            raise CorpusError(f"this text is not made of items of {self.task.spec}")
        return self._rows(ids[: ends[-1]], lengths)

    def _rows(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One item after the other (N,), of these lengths (B,) -> ids and next ids (B,T)."""
        there = torch.arange(self.task.longest) < lengths[:, None]  # (B,T+1)
        rows = torch.zeros(there.shape, dtype=ids.dtype).masked_scatter_(there, ids)  # (B,T+1)
        inputs, targets = rows[:, :-1].contiguous(), rows[:, 1:]
        counted = there[:, 1:]
        if self.task.cue is not None:
            counted = counted & (inputs == self.vocab.token2id[self.task.cue])
        return inputs, targets.where(counted, NOT_COUNTED)
