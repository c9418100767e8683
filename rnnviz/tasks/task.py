"""What a task is: a shape of input and output, and examples whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

ONE_TO_ONE, ONE_TO_MANY, MANY_TO_ONE = "one-to-one", "one-to-many", "many-to-one"
SEQUENCE_TO_SEQUENCE, MANY_TO_MANY = "sequence-to-sequence", "many-to-many"
SHAPES = (ONE_TO_ONE, ONE_TO_MANY, MANY_TO_ONE, SEQUENCE_TO_SEQUENCE, MANY_TO_MANY)
WRITES = (ONE_TO_MANY, SEQUENCE_TO_SEQUENCE)  # the output is written, token by token, until END

NOT_COUNTED = -1  # the target where no loss sits
END = 0  # the output token that ends what is written
TRAIN, NEW = "train", "new"  # parts: what is trained on; new inputs of the same kinds


@dataclass(frozen=True, eq=False)
class Examples:
    """N inputs and their truth.

    `inputs`: ids (N,T) int64, or values (N,F) of one step or (N,T,F) float32. `lengths` (N,): the
    steps of each input; what lies after them is filling. `targets` (N,S) int64: numbers of outputs,
    NOT_COUNTED where no loss sits; S is T where each step may answer, and of what is written the
    last that counts is END.
    """

    inputs: np.ndarray
    lengths: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Recipe:
    """How a task's models are built and trained: hidden units, AdamW steps on fresh batches.

    `embedding`: numbers by which an input of one step is read, and a written token is fed back.
    `forget_bias`: of the gate that keeps, None for PyTorch's (see `RNNModel`). `symbol_std`: the
    deviation of the embedding of input symbols at first, small where there are many: one that is
    seldom seen unlearns large numbers too slowly.
    """

    width: int
    embedding: int
    steps: int
    batch_size: int = 64
    lr: float = 3e-3
    clip: float = 1.0
    forget_bias: float | None = None
    symbol_std: float = 1.0


@dataclass(frozen=True)
class Task:
    """One task.

    `title`: what goes in and what comes out. `symbols`: what the input ids stand for; none where
    the input is `features` values a step. `outputs`: what the output numbers stand for; where the
    output is written, number END ends it and at most `longest` tokens are written. `make(rng, n,
    part)` makes n examples: of TRAIN, of NEW (inputs that were not trained on), or of a key of
    `held_out`, whose value says what was never trained. `rnn_type`: of the model that ships, None
    without time. `bound`: the share of right answers on NEW that the model has at least.
    """

    name: str
    shape: str
    title: str
    outputs: tuple[str, ...]
    make: Callable[[np.random.Generator, int, str], Examples] = field(repr=False, compare=False)
    held_out: Mapping[str, str] = field(hash=False)
    rnn_type: str | None
    recipe: Recipe
    bound: float
    symbols: tuple[str, ...] = ()
    features: int = 0
    longest: int = 1

    @property
    def writes(self) -> bool:
        """Whether the output is written token by token."""
        return self.shape in WRITES

    def examples(self, seed: int | str, n: int, part: str = NEW) -> Examples:
        """n examples of a part; the same seed gives the same ones."""
        numbers = f"{self.name} {part} {seed}".encode()
        return self.make(np.random.default_rng(list(numbers)), n, part)

    def right(self, given: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Which of some answers, numbers (N,S), are right: of what is written, whether all of it
        is, up to its END, (N,); else of each target that counts, (M,)."""
        counted = targets != NOT_COUNTED  # (N,S)
        if not self.writes:
            return given[counted] == targets[counted]
        wanted = np.full_like(given, NOT_COUNTED)
        wanted[:, : targets.shape[1]] = targets[:, : given.shape[1]]
        return ((given == wanted) | (wanted == NOT_COUNTED)).all(1)
