"""Dropout in training on a CPU, where drawing torch's mask would take a sixth of a step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 2**16  # of the random number that decides on one value


class Dropout(nn.Dropout):
    """nn.Dropout (Srivastava et al. 2014), with a cheaper mask in training on a CPU: four values
    share a random number of 64 bits, so that p is rounded to a multiple of 1/65,536."""

    def forward(self, input: Tensor) -> Tensor:
        """x of any shape -> the same shape."""
        dropped = round(self.p * LEVELS)
        if self.training and input.is_cpu and 0 < dropped < LEVELS:
            return _drop(input, dropped)
        return super().forward(input)


def _drop(x: Tensor, dropped: int) -> Tensor:
    """Each value becomes 0 with probability dropped / LEVELS, else it is divided by the probability
    of being kept, so that its mean stays."""
    count = x.numel()
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = bits.view(torch.int16)[:count].view(x.shape) >= dropped - LEVELS // 2
    return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - dropped))
