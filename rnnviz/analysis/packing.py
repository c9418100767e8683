"""Rows of different lengths: torch's PackedSequence, and the padded arrays of a trace."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence


@dataclass(frozen=True, eq=False)
class Packing:
    """How rows lie in a PackedSequence: step by step, the longest row first.

    Padded arrays, states and `lengths` (B,) have the rows in the order in which they were given;
    packed data (N,...) and the fused kernels have them sorted by length.
    """

    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None
    lengths: Tensor

    @classmethod
    def of(cls, packed: PackedSequence) -> Packing:
        _, batch_sizes, sorted_indices, unsorted_indices = packed
        _, lengths = pad_packed_sequence(packed)
        return cls(batch_sizes, sorted_indices, unsorted_indices, lengths)

    def padded(self, data: Tensor) -> Tensor:
        """Packed data (N,D) as (T,B,D), nan after each row's own end."""
        packed = PackedSequence(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)
        return pad_packed_sequence(packed, padding_value=float("nan"))[0]

    def sort(self, state: Tensor) -> Tensor:
        """A state (L,B,H) with its rows in the order of the kernels."""
        if self.sorted_indices is None:
            return state
        return state.index_select(1, self.sorted_indices)

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Where each row's own end is in states (T+1,B,H)."""
        return self.lengths, torch.arange(len(self.lengths), device=self.lengths.device)

    def places(self, device: torch.device) -> Tensor:
        """Which places of (T,B) are steps of a row, not padding."""
        steps = torch.arange(len(self.batch_sizes), device=device)[:, None]  # (T,1)
        return steps < self.lengths.to(device)
