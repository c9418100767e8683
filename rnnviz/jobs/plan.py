"""What to train, whether it can be trained here, and how fast it would be."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rnnviz._process import blocks_kept, one_core_left
from rnnviz.data.source import Source
from rnnviz.nn.model_config import MAX_VOCABULARY, ModelShape

if TYPE_CHECKING:
    from rnnviz.data.corpus import Corpus
    from rnnviz.training.config import TrainConfig

MAX_BYTES = 4 * 2**30  # memory of a training, estimated


@dataclass(frozen=True)
class Plan:
    """One model to train.

    `name` is made unique when the training begins. `model`: the arguments of RNNModel but the
    vocabulary's size. `spec`: what `load_corpus` finds the text by, "" for a pasted one.
    """

    name: str
    source: Source
    level: str
    min_count: int
    model: ModelShape
    config: TrainConfig
    spec: str = ""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A text as tokens; `unknown`: the share of its training text that is `<unk>`."""

    source: Source
    min_count: int
    corpus: Corpus
    unknown: float


def prepare(source: Source, level: str, min_count: int, spec: str = "") -> Prepared:
    """A text as tokens. Raises CorpusError."""
    from rnnviz.data.corpus import make_corpus
    from rnnviz.data.vocab import UNK

    corpus = make_corpus(source, level, min_count, spec)
    unknown = (corpus.train == corpus.vocab.token2id[UNK]).float().mean().item()
    return Prepared(source, min_count, corpus, unknown)


def why_not(corpus: Corpus, models: Sequence[ModelShape], config: TrainConfig) -> str:
    """Why these models cannot be trained like this, in a sentence or two; "" if they can."""
    if not models:
        return "Choose at least one cell type."
    config = config.fitting(corpus)
    batch, length, vocab = config.batch_size, config.sequence_length, len(corpus.vocab)
    if corpus.items is None and len(corpus.train) <= batch * length:
        return (
            f"The text is too short: it has {len(corpus.train):,} tokens to train on, and one "
            f"batch of {batch} rows by {length} steps needs {batch * length + 1:,}. Take a longer "
            "text, a smaller batch or a shorter BPTT length."
        )
    if vocab > MAX_VOCABULARY:
        return (
            f"The vocabulary has {vocab:,} tokens, at most {MAX_VOCABULARY:,} can be: raise the "
            "minimum count or train on characters."
        )
    hidden, layers = models[0]["hidden_size"], models[0]["num_hidden_layers"]
    weights = 2 * vocab * hidden + 8 * layers * hidden**2
    size = 4 * (batch * length * (3 * vocab + 12 * layers * hidden) + 4 * weights)
    if size > MAX_BYTES:
        return (
            f"This would need about {size / 2**30:,.0f} GB of memory, at most "
            f"{MAX_BYTES >> 30} GB are allowed: make the batch, the BPTT length, the hidden size "
            "or the vocabulary smaller."
        )
    return ""


@dataclass(frozen=True)
class Speed:
    """How fast models of one shape train on a device, measured; and their parameters by part."""

    parameters: dict[str, int]
    steps_per_second: float
    tokens_per_second: float
    device: str


def measure_speed(
    corpus: Corpus, model: ModelShape, config: TrainConfig, seconds: float = 0.7
) -> Speed:
    """Train a model of this shape for some steps; the median counts, without the first two."""
    from rnnviz.jobs.start import pick_device
    from rnnviz.nn.model import RNNModel, count_parameters
    from rnnviz.training.loop import train

    config = config.fitting(corpus)
    device, per_step = pick_device("auto"), config.batch_size * config.sequence_length
    if corpus.items is None:
        corpus = replace(corpus, train=corpus.train[: 60 * per_step + 1], valid=corpus.valid[:200])
    built = RNNModel(vocab_size=len(corpus.vocab), **model).to(device)
    budget = {"minutes": None, "epochs": None, "steps": 50}
    config = replace(
        config, **budget, lr=1e-6, log_every=1, eval_every=50
    )  # no such rate overflows
    times, end = [0.0], time.monotonic() + seconds
    with one_core_left(), blocks_kept():
        for record in train(
            built, corpus, config, stop=lambda: len(times) > 4 and time.monotonic() > end
        ):
            times.append(record.seconds)
    rate = 1 / statistics.median(b - a for a, b in itertools.pairwise(times[2:]))
    return Speed(count_parameters(built), rate, rate * per_step, str(device))
