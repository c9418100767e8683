"""Trainings in the background of the app: a queue of jobs, one thread for each that runs.

A job outlives the page that submitted it. Pages read its progress at any time and never wait for
it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from rnnviz._process import blocks_kept, one_core_left
from rnnviz.jobs.plan import Plan
from rnnviz.runs.names import runs_folder

if TYPE_CHECKING:
    from rnnviz.data.corpus import Corpus
    from rnnviz.runs.run import Run
    from rnnviz.training.config import StepRecord

SAMPLE_TOKENS = {"char": 300, "word": 60}
SAMPLE_TEMPERATURE = 0.8
MAX_FINISHED = 5  # jobs kept after their end, with their texts
EXPECTED = (ValueError, OSError, RuntimeError, MemoryError)  # RuntimeError: a device's memory


@dataclass
class Progress:
    """Of one plan: the run's name once it began, its records, `samples` (step, text), and the
    message of a failure."""

    run: str = ""
    device: str = ""
    records: list[StepRecord] = field(default_factory=list)
    samples: list[tuple[int, str]] = field(default_factory=list)
    message: str = ""
    active: bool = False
    saved: bool = False


class Job:
    """Plans that are trained one after the other; `progress` has one entry a plan.

    `state`: waiting, running, done, stopped or failed. `message`: one sentence about a failure.
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
        """Ask it to end after the current step; what is learned by then is kept."""
        self._stop.set()
        if self.state == "waiting":
            self._end("")

    def run(self) -> None:
        """Train every plan. A loss that is not finite ends its plan, any other failure all."""
        try:
            with one_core_left(), blocks_kept():
                self.train()
            self._end(" ".join(p.message for p in self.progress if p.message))
        except EXPECTED as error:
            self._end(sentence(error))
        except Exception:
            logging.getLogger(__name__).exception("training in the background")
            self._end("The training ended by an error of the app; its log says which.")

    def train(self) -> None:
        from rnnviz.training.config import TrainingError

        for plan, progress in zip(self.plans, self.progress, strict=True):
            if self.must_stop():
                break
            try:
                _train(plan, progress, self.must_stop)
            except TrainingError as error:
                progress.message = f"{progress.run}: {sentence(error)}"

    def must_stop(self) -> bool:
        return self._stop.is_set()

    def _end(self, message: str) -> None:
        self.message = message
        self.state = "failed" if message else "stopped" if self._stop.is_set() else "done"


T = TypeVar("T", bound=Job)


class Jobs:
    """All jobs of this server, the oldest first. At most RNNVIZ_JOBS (default 1) run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[Job] = []

    def submit(self, plans: Sequence[Plan]) -> Job:
        """Start a job now, or when those before it have ended."""
        if not plans:
            raise ValueError("a job needs at least one plan")
        return self.add(Job(plans))

    def add(self, job: T) -> T:
        """As `submit`, of a job of another kind."""
        with self._lock:
            self._jobs.append(job)
        self._begin()
        return job

    def list(self) -> tuple[Job, ...]:
        """All jobs there are now."""
        with self._lock:
            return tuple(self._jobs)

    def in_training(self, name: str) -> bool:
        """Whether a training is writing to the run of this name."""
        return any(p.active and p.run == name for job in self.list() for p in job.progress)

    def _begin(self) -> None:
        """Start the jobs that may run now, and forget the oldest of those that have ended."""
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


def sentence(error: BaseException) -> str:
    """The message of an error, as one line that ends with a full stop."""
    return (" ".join(str(error).split())[:300] or type(error).__name__).rstrip(".") + "."


def _train(plan: Plan, progress: Progress, stop: Callable[[], bool]) -> None:
    """Train one plan, save its run, and sample from it at each evaluation."""
    from rnnviz.data.corpus import make_corpus
    from rnnviz.jobs.fit import fit
    from rnnviz.jobs.start import claimed, new_run, pick_device
    from rnnviz.runs.lock import locked

    folder = runs_folder()
    corpus = make_corpus(plan.source, plan.level, plan.min_count, plan.spec)
    run, device = new_run(plan.name, corpus, plan.config, **plan.model), pick_device("auto")
    run.model.to(device)
    run = claimed(run, folder)
    progress.run, progress.device, progress.active = run.name, str(device), True
    try:
        with locked(folder / run.name):
            for record in fit(run, corpus, folder, stop=stop):
                progress.records.append(record)
                if record.valid_loss is not None:
                    progress.samples.append((record.step, _sample(run, corpus)))
    finally:
        progress.saved, progress.active = (folder / run.name / "run.json").exists(), False


def _sample(run: Run, corpus: Corpus) -> str:
    """What the model writes after the first token of the validation text, with a fixed seed. Of a
    task with a cue, the text up to its first cue and the one token after it that counts."""
    from rnnviz.analysis.sampling import generate

    start, n_tokens = corpus.valid[:1], SAMPLE_TOKENS[corpus.level]
    cues = (corpus.valid == corpus.cue).nonzero() if corpus.cue is not None else ()
    if len(cues):
        start, n_tokens = corpus.valid[: int(cues[0]) + 1], 1
    tokens = generate(run.model, start, n_tokens, SAMPLE_TEMPERATURE, seed=0)
    return corpus.vocab.decode(start.tolist() + tokens.tolist())
