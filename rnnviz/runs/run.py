"""A trained model with all that is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnnviz.data.vocab import Vocab
from rnnviz.runs.info import RunInfo

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import RNNModel


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model with all that is known about it."""

    info: RunInfo
    model: RNNModel = field(repr=False)

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def vocab(self) -> Vocab:
        return self.info.vocab

    def ids(self, text: str) -> Tensor:
        """Ids of a text (T,), int64."""
        import torch

        return torch.from_numpy(self.vocab.encode(text))
