"""A run after one step of its training: its gates, its gradient, what it writes, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.analysis import text_view
from rnnviz.analysis.counted import counts_after, last_target
from rnnviz.analysis.gradient_decay import GradientDecay, decay_of_loss
from rnnviz.analysis.text_view import View
from rnnviz.analysis.token_scores import log_probs
from rnnviz.data.vocab import writable

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

SAMPLE_TOKENS = 200
TEMPERATURE = 0.8
SAMPLE_HEADING = f"What it writes at temperature {TEMPERATURE:g} with one noise"


@dataclass(frozen=True)
class Sample:
    """A text that a run wrote, in pieces: (text, whether its tokens count)."""

    pieces: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.pieces)

    @property
    def all_counts(self) -> bool:
        return all(counts for _, counts in self.pieces)


@dataclass(frozen=True, eq=False)
class Moment:
    """A run after one step of its training, on a text.

    `view`: one layer. `decay`: of the loss of the last token that counts, None without one.
    `sample`: what the run writes after the text. `nats`: mean loss of the tokens that count, nan
    without one.
    """

    view: View
    decay: GradientDecay | None
    sample: Sample
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
    view = text_view.view(run, text, layer)
    target, nats = last_target(view.counts), -log_probs(run, text)[view.counts]
    return Moment(
        view=view,
        decay=None if target is None else decay_of_loss(run, text, layer, target),
        sample=write(run, text, TEMPERATURE, 0),
        nats=float(nats.mean()) if len(nats) else np.nan,
    )


def write(run: Run, text: str, temperature: float, seed: int) -> Sample:
    """The SAMPLE_TOKENS tokens that a run writes after a text."""
    from rnnviz.analysis.sampling import generate

    given = run.ids(text)
    ids = generate(run.model, given, SAMPLE_TOKENS, temperature, seed=seed).tolist()
    before = np.array([*given[-1:].tolist(), *ids[:-1]])  # (N,)
    pieces, start, written = [], 0, ""
    for counts, group in groupby(counts_after(run.info.cue, before).tolist()):
        start += len(list(group))
        whole = run.vocab.decode(ids[:start])
        pieces.append((writable(whole[len(written) :]), counts))
        written = whole
    return Sample(tuple(pieces))
