"""What the models of tasks say, computed once and kept for all sessions.

Wings beside each other know nothing of each other: here tasks meet what looks inside of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from rnnviz._process import compute_slot
from rnnviz.app import shape_inputs
from rnnviz.tasks import files, results
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.results import SCORED, Score
from rnnviz.tasks.task import END, NEW

if TYPE_CHECKING:
    from rnnviz.analysis.reading import Reading
    from rnnviz.tasks.models import TaskModel
    from rnnviz.tasks.task import Task


@dataclass(frozen=True, eq=False)
class Evidence:
    """`p` (T,): the probability of an output after each character. `by_gradient`, `by_cutting`
    (T,): what each character adds to its log odds at the end, in nats."""

    p: np.ndarray
    by_gradient: np.ndarray
    by_cutting: np.ndarray


@st.cache_resource(show_spinner=False)
def model(name: str) -> TaskModel:
    """The one of a task that ships. Raises OSError where it is gone."""
    return files.load_model(TASKS[name])


@st.cache_data(show_spinner=False)
def scores(name: str) -> list[Score]:
    """Of all trainings of a task. Raises OSError."""
    return [one for one in results.read_scores() if one.task == name]


@st.cache_resource(max_entries=64, show_spinner=False)
def reading(name: str, text: str) -> Reading:
    """What the model of a task makes of an input (see `shape_inputs.ask`)."""
    import torch

    from rnnviz.analysis.reading import read
    from rnnviz.tasks import models, scores

    found, examples = model(name), shape_inputs.ask(TASKS[name], text).examples
    said = scores.answers(found, examples)  # (1,S)
    if TASKS[name].writes:
        said = said[:, : _lengths(said)[0]]
    inputs, lengths = models.input_tensors(examples)
    layers = [n for n, part in found.named_modules() if isinstance(part, torch.nn.RNNBase)]
    answers = torch.from_numpy(said)
    return read(found, layers, lambda: found.logits(inputs, lengths, answers), said[0])


def _lengths(said: np.ndarray) -> np.ndarray:
    """How many tokens were written, END among them, in each row of (N,S): (N,)."""
    over = said == END
    return np.where(over.any(1), over.argmax(1) + 1, said.shape[1])


@st.cache_resource(max_entries=256, show_spinner=False)
def norms(name: str, text: str, place: int) -> list[np.ndarray]:
    """See `gradient_norms`; [] without time."""
    from rnnviz.analysis.reading import gradient_norms

    found = reading(name, text)
    return gradient_norms(found, model(name).head, place) if found.stages else []


@dataclass(frozen=True)
class Written:
    """What a task's model writes for SCORED examples of a part. `by_length`: the share of right
    answers by length of the input, of lengths that occur often enough. `free`, `forced`: shares of
    right tokens, see `scores.tokens_right`."""

    by_length: dict[int, float]
    free: float
    forced: float


@st.cache_data(show_spinner=False)
def written(name: str) -> dict[str, Written]:
    """By part of a task with a decoder."""
    task = TASKS[name]
    with compute_slot():
        return {part: _written(task, part) for part in (NEW, *task.held_out)}


def _written(task: Task, part: str) -> Written:
    from rnnviz.tasks import scores

    found, examples = model(task.name), task.examples(0, SCORED, part)
    given = scores.answers(found, examples)  # (N,S)
    shares = scores.tokens_right(found, given, examples)
    return Written(scores.by_length(task, given, examples), *shares)


@st.cache_resource(max_entries=64, show_spinner=False)
def evidence(name: str, text: str, output: int) -> Evidence:
    """For one output of a task whose loss sits at the end."""
    from rnnviz.tasks import evidence
    from rnnviz.tasks.models import EachStep

    found, ids = model(name), shape_inputs.ask(TASKS[name], text).examples.inputs[0]
    assert isinstance(found, EachStep)
    odds = evidence.log_odds(found, ids, output)
    of_each = (evidence.by_gradient, evidence.by_cutting)
    return Evidence(1 / (1 + np.exp(-odds)), *(of(found, ids, output) for of in of_each))
