"""The losses of a model by how much of the past it knows, and where it gains no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BEYOND = ("cut", "shuffled", "replaced")  # what `context_loss` makes of the rest


@dataclass(frozen=True, eq=False)
class ContextLoss:
    """The loss of a token by how many tokens before it are as they were.

    `distances` (n,) in tokens; `mean` (n,) in nats over the positions, and `standard_error` (n,) of
    it; `nats` (n,P), of each position by itself.
    """

    distances: tuple[int, ...]
    nats: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.nats.mean(1)

    @property
    def standard_error(self) -> np.ndarray:
        return self.nats.std(1, ddof=1) / np.sqrt(self.nats.shape[1])

    @property
    def enough(self) -> int:
        """The least distance from which on no mean is more than a standard error above that of the
        largest distance: what lies further back is not seen to help."""
        last = int(np.argmax(self.distances))
        bound = self.mean[last] + self.standard_error[last]
        above = [d for d, mean in zip(self.distances, self.mean, strict=True) if mean > bound]
        return min(d for d in self.distances if d > max(above, default=0))
