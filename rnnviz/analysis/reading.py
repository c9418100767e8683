"""What a model with an input and an output makes of one input, seen from inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rnnviz.analysis.recording import record
from rnnviz.analysis.stages import Stage, run_back
from rnnviz.analysis.traces import Trace

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Reading:
    """One input of a model.

    `stages`: its recurrent layers in the order in which they hand on their state, along this input;
    none without time. `log_probs` (S,K): natural logs of all outputs at each place of the output,
    which are the steps of the last stage. `said` (S,): the outputs that the model gave.
    """

    stages: tuple[Stage, ...]
    log_probs: np.ndarray
    said: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """The probabilities (S,) of what was given."""
        return np.exp(self.log_probs[np.arange(len(self.said)), self.said])

    def states(self, number: int) -> np.ndarray:
        """h of a stage (T+1,H); row 0 is the state with which it begins."""
        return self.stages[number].trace.h[:, 0].numpy()


@torch.no_grad()
def read(
    model: nn.Module, layers: Sequence[str], logits: Callable[[], Tensor], said: np.ndarray
) -> Reading:
    """Run a model once: `logits` (1,S,K) does it, `layers` names its recurrent modules."""
    with record(model) if layers else nullcontext({}) as traces:
        log_probs = logits()[0, : len(said)].log_softmax(-1)  # (S,K)
    stages = []
    for name in layers:
        trace, rnn = traces[name][0], model.get_submodule(name)
        assert isinstance(trace, Trace)
        assert isinstance(rnn, torch.nn.RNNBase)
        stages.append(Stage(rnn, trace.layers[0]))
    return Reading(tuple(stages), log_probs.numpy(), said)


def gradient_norms(reading: Reading, head: nn.Linear, place: int) -> list[np.ndarray]:
    """For L = -log p(what was given at a place of the output): log10 of ||dL/d(state)|| of each
    stage, (T+1,), row 0 of the state with which it begins, -inf where it is zero. Of an LSTM the
    state is h and c together."""
    found = run_back(reading.stages, head, place, int(reading.said[place]))
    with np.errstate(divide="ignore"):
        return [np.log10(np.linalg.norm(rows.numpy(), axis=1)) for rows in found]
