"""A run after one step of its training: its gates, its gradient, what it writes, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis import text_view
from rnnviz.analysis.gradient_decay import GradientDecay, decay_of_loss
from rnnviz.analysis.text_view import View
from rnnviz.analysis.token_scores import log_probs
from rnnviz.data.vocab import writable

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

SAMPLE_TOKENS = 200
TEMPERATURE = 0.8
SAMPLE_HEADING = f"What it writes at temperature {TEMPERATURE:g} with one noise"


@dataclass(frozen=True, eq=False)
class Moment:
    """A run after one step of its training, on a text.

    `view`: one layer. `decay`: of the loss of the last token, None for a text of one token.
    `sample`: what the run writes after the text. `nats`: mean loss a token; of a made task only
    over the tokens that follow a cue, nan where there is none.
    """

    view: View
    decay: GradientDecay | None
    sample: str
    nats: float

    def summary(self, step: int) -> str:
        """The loss after a training step, as a sentence."""
        after = f"After {step:,} step{'s' * (step != 1)}"
        if self.view.info.cue is None:
            return f"{after} the text costs {self.nats:.3f} nats a token."
        costs = "there is none here" if np.isnan(self.nats) else f"{self.nats:.3f} nats"
        return f"{after}, a token after the cue: {costs}. Only these tokens count."


def moment(run: Run, text: str, layer: int) -> Moment:
    """Evaluate a run as it was after one training step (a snapshot) on a text."""
    target = len(run.vocab.spans(text)) - 2
    nats, cue = -log_probs(run, text)[1:], run.info.cue  # (T-1,)
    if cue is not None:
        nats = nats[run.ids(text)[:-1].numpy() == cue]
    return Moment(
        view=text_view.view(run, text, layer),
        decay=None if target < 0 else decay_of_loss(run, text, layer, target),
        sample=write(run, text, TEMPERATURE, 0),
        nats=float(nats.mean()) if len(nats) else np.nan,
    )


def write(run: Run, text: str, temperature: float, seed: int) -> str:
    """The SAMPLE_TOKENS tokens that a run writes after a text."""
    from rnnviz.analysis.sampling import generate

    ids = generate(run.model, run.ids(text), SAMPLE_TOKENS, temperature, seed=seed)
    return writable(run.vocab.decode(ids.tolist()))
