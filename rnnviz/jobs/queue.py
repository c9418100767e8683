"""Training in the background of the app: jobs in line, one thread for each that runs.

A job outlives the page that began it: pages read it whenever they like, and never wait.
"""

from __future__ import annotations

import itertools
import logging
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rnnviz._process import blocks_kept, one_core_left
from rnnviz.data.builtin import Source
from rnnviz.runs.info import MAX_SIZE
from rnnviz.runs.store import runs_folder

if TYPE_CHECKING:
    from rnnviz.data.corpus import Corpus
    from rnnviz.runs.store import Run
    from rnnviz.training.loop import StepRecord, TrainConfig

SAMPLE_TOKENS = {"char": 300, "word": 60}
SAMPLE_TEMPERATURE = 0.8
MAX_FINISHED = 5  # jobs kept after their end, with their texts
MAX_BYTES = 4 * 2**30  # of a training, estimated
EXPECTED = (ValueError, OSError, RuntimeError, MemoryError)  # RuntimeError: a device's memory


@dataclass(frozen=True)
class Plan:
    """One model to train. `name` is made free when the training begins; `model` has the
    arguments of RNNModel but the vocabulary's size; `spec` is what `load_corpus` finds the text
    by, "" for a pasted one."""

    name: str
    source: Source
    level: str
    min_count: int
    model: dict[str, Any]
    config: TrainConfig
    spec: str = ""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A text that can be trained on; `unknown` is the share of `<unk>` in its training text."""

    source: Source
    min_count: int
    corpus: Corpus
    unknown: float


def prepare(source: Source, level: str, min_count: int, spec: str = "") -> Prepared:
    """Raises CorpusError."""
    from rnnviz.data.corpus import UNK, make_corpus

    corpus = make_corpus(source, level, min_count, spec)
    unknown = (corpus.train == corpus.vocab.token2id[UNK]).float().mean().item()
    return Prepared(source, min_count, corpus, unknown)


def against(corpus: Corpus, models: Sequence[dict[str, Any]], config: TrainConfig) -> str:
    """Why these models cannot be trained so, one sentence; "" where they can."""
    if not models:
        return "Choose at least one cell type."
    batch, length, vocab = config.batch_size, config.sequence_length, len(corpus.vocab)
    if len(corpus.train) <= batch * length:
        return (
            f"The text is too short: it has {len(corpus.train):,} tokens to train on, and one "
            f"batch of {batch} rows by {length} steps needs {batch * length + 1:,}. Take a longer "
            "text, a smaller batch or a shorter BPTT length."
        )
    if vocab > MAX_SIZE:
        return (
            f"The vocabulary has {vocab:,} tokens, at most {MAX_SIZE:,} can be: raise the minimum "
            "count or train on characters."
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


@dataclass
class Progress:
    """Of one plan: the run's name once it began, `samples` (step, text), and what went wrong."""

    run: str = ""
    device: str = ""
    records: list[StepRecord] = field(default_factory=list)
    samples: list[tuple[int, str]] = field(default_factory=list)
    message: str = ""
    active: bool = False
    saved: bool = False


class Job:
    """Plans that are trained one after the other; `progress` has one entry a plan.

    `state`: waiting, running, done, stopped or failed; `message`: one sentence, of a failure.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        self.progress = tuple(Progress() for _ in plans)
        self.state = "waiting"
        self.message = ""
        self._stop = threading.Event()

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def stopping(self) -> bool:
        return self.active and self._stop.is_set()

    def stop(self) -> None:
        """Ask it to end after the step it is in; what is learned by then is kept."""
        self._stop.set()
        if self.state == "waiting":
            self._end("")

    def run(self) -> None:
        """Train every plan. A loss that is not finite ends one plan, any other failure all."""
        from rnnviz.training.loop import TrainingError

        try:
            with one_core_left(), blocks_kept():
                for plan, progress in zip(self.plans, self.progress, strict=True):
                    if self._stop.is_set():
                        break
                    try:
                        _train(plan, progress, self._stop.is_set)
                    except TrainingError as error:
                        progress.message = f"{progress.run}: {_sentence(error)}"
            self._end(" ".join(p.message for p in self.progress if p.message))
        except EXPECTED as error:
            self._end(_sentence(error))
        except Exception:
            logging.getLogger(__name__).exception("training in the background")
            self._end("The training ended by an error of the app; its log says which.")

    def _end(self, message: str) -> None:
        self.message = message
        self.state = "failed" if message else "stopped" if self._stop.is_set() else "done"


class Jobs:
    """All jobs of this server, oldest first. At most RNNVIZ_JOBS (default 1) run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[Job] = []

    def submit(self, plans: Sequence[Plan]) -> Job:
        """Begin to train, or wait in line."""
        if not plans:
            raise ValueError("a job needs at least one plan")
        job = Job(plans)
        with self._lock:
            self._jobs.append(job)
        self._begin()
        return job

    def list(self) -> tuple[Job, ...]:
        """As it is now."""
        with self._lock:
            return tuple(self._jobs)

    def in_training(self, name: str) -> bool:
        """Whether a run is written to by a training that goes on."""
        return any(p.active and p.run == name for job in self.list() for p in job.progress)

    def _begin(self) -> None:
        """Start what may run now, and forget the oldest of what has ended."""
        with self._lock:
            finished = [job for job in self._jobs if not job.active]
            for job in finished[:-MAX_FINISHED]:
                self._jobs.remove(job)
            running = sum(job.state == "running" for job in self._jobs)
            waiting = [job for job in self._jobs if job.state == "waiting"]
            for job in waiting[: max(0, _at_once() - running)]:
                job.state = "running"
                threading.Thread(
                    target=self._run, args=(job,), name="training", daemon=True
                ).start()

    def _run(self, job: Job) -> None:
        job.run()
        self._begin()


def _at_once() -> int:
    number = os.environ.get("RNNVIZ_JOBS", "")
    return max(1, int(number)) if number.isdecimal() else 1


def _sentence(error: BaseException) -> str:
    """What went wrong, as one line."""
    return (" ".join(str(error).split())[:300] or type(error).__name__).rstrip(".") + "."


def _train(plan: Plan, progress: Progress, stop: Callable[[], bool]) -> None:
    """Train one plan, keep its run, and let it write at each evaluation."""
    from rnnviz.data.corpus import make_corpus
    from rnnviz.jobs.fit import claimed, fit, new_run, pick_device

    folder = runs_folder()
    corpus = make_corpus(plan.source, plan.level, plan.min_count, plan.spec)
    run, device = new_run(plan.name, corpus, plan.config, **plan.model), pick_device("auto")
    run.model.to(device)
    run = claimed(run, folder)
    progress.run, progress.device, progress.active = run.name, str(device), True
    try:
        for record in fit(run, corpus, folder, stop=stop):
            progress.records.append(record)
            if record.valid_loss is not None:
                progress.samples.append((record.step, _sample(run, corpus)))
    finally:
        progress.saved, progress.active = (folder / run.name / "run.json").exists(), False


def _sample(run: Run, corpus: Corpus) -> str:
    """What the model writes after the first tokens of the validation text, always the same."""
    from rnnviz.analysis.sampling import generate

    start, n_tokens = corpus.valid[:1], SAMPLE_TOKENS[corpus.level]
    tokens = generate(run.model, start, n_tokens, SAMPLE_TEMPERATURE, seed=0)
    return corpus.vocab.decode(start.tolist() + tokens.tolist())


@dataclass(frozen=True)
class Speed:
    """Of one shape on this device: parameters by part, steps and tokens a second (measured)."""

    parameters: dict[str, int]
    steps_per_second: float
    tokens_per_second: float
    device: str


def measure_speed(
    corpus: Corpus, model: dict[str, Any], config: TrainConfig, seconds: float = 0.7
) -> Speed:
    """Train a model of this shape for some real steps; the median counts, the first two do not."""
    from rnnviz.jobs.fit import pick_device
    from rnnviz.nn.model import RNNModel, count_parameters
    from rnnviz.training.loop import train

    device, per_step = pick_device("auto"), config.batch_size * config.sequence_length
    corpus = replace(corpus, train=corpus.train[: 60 * per_step + 1], valid=corpus.valid[:200])
    built = RNNModel(vocab_size=len(corpus.vocab), **model).to(device)
    budget = {"minutes": None, "epochs": None, "steps": 50}
    config = replace(config, **budget, lr=1e-6, log_every=1, eval_every=50)  # no rate overflows
    times, end = [0.0], time.monotonic() + seconds
    with one_core_left(), blocks_kept():
        for record in train(
            built, corpus, config, stop=lambda: len(times) > 4 and time.monotonic() > end
        ):
            times.append(record.seconds)
    rate = 1 / statistics.median(b - a for a, b in itertools.pairwise(times[2:]))
    return Speed(count_parameters(built), rate, rate * per_step, str(device))
