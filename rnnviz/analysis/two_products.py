"""What a gradient is multiplied by on its way back: by a matrix at each step of a plain RNN, by one
number a unit along the cell state of an LSTM."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.data.made import recall_question
from rnnviz.nn.cell_types import CELL_TYPES

if TYPE_CHECKING:
    from rnnviz.runs.run import Run


# One that multiplies by a matrix at each step, one that does by a gate of each unit's own.
PAIR = ("RNN_TANH", "LSTM")
# Each letter has a saturated state of its own: of the tanh RNN's gradient 1e-13 to 1e-101 is left
# after 100 steps. This one is in the middle.
SYMBOL = "C"


@dataclass(frozen=True, eq=False)
class Product:
    """Factors (D,), the step from the loss first. `unit`: whose forget gate they are, None where
    they are those of a matrix along the direction that the gradient takes."""

    factors: np.ndarray
    unit: int | None

    @property
    def log10(self) -> np.ndarray:
        """log10 of the product of the first 0, 1, ... D factors, (D+1,)."""
        with np.errstate(divide="ignore"):
            return np.append(0.0, np.log10(self.factors).cumsum())


def product(run: Run, distance: int, seed: int = 0) -> Product:
    """For the loss of the answer of one item of recall with so many fillers. Of a cell with a gate
    that keeps: of the unit that keeps most over the whole distance."""
    from rnnviz.analysis.gradient_decay import decay_of_loss
    from rnnviz.analysis.tracing import trace_model

    text = recall_question(random.Random(seed), SYMBOL, distance) + SYMBOL
    gate = CELL_TYPES[run.info.rnn_type].keep_gate
    if gate is None:
        return Product(decay_of_loss(run, text, 0, distance + 1).factors, None)
    seen = trace_model(run.model, run.ids(text)[:-1]).layers[0].gates[gate][1:, 0].double()
    unit = int(seen.log().sum(0).argmax())  # seen: (D,H), a step for each token after the letter
    return Product(seen[:, unit].flip(0).numpy(), unit)
