"""The tasks that ship: each score once more, each file's hash, one model trained again."""

import time

import numpy as np
import pytest
import torch

from rnnviz import _paths
from rnnviz.analysis.reading import gradient_norms, read
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.model import hidden_tensors
from rnnviz.tasks import files, results
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.models import build, input_tensors
from rnnviz.tasks.results import SCORED
from rnnviz.tasks.scores import answers, by_length, exact, tokens_right
from rnnviz.tasks.task import END, NEW, NOT_COUNTED, SHAPES, TRAIN
from rnnviz.tasks.training import train

SCORES = results.read_scores()
FILE_LIMIT = 500_000  # bytes
# Other processors round otherwise, and another Python has other files of Python source
LOOSE = {"prose": 0.02, "source": 0.02}


def test_every_shape_has_a_task():
    assert {task.shape for task in TASKS.values()} == set(SHAPES)


@pytest.mark.parametrize("name", TASKS)
def test_a_model_that_ships_reaches_its_bound_on_new_inputs_and_its_row_of_the_table(name):
    task, path = TASKS[name], files.model_file(TASKS[name])
    rows = {row.part: row for row in SCORES if row.task == name and row.sha256}
    assert set(rows) == {NEW, *task.held_out}
    assert {row.sha256 for row in rows.values()} == {files.sha256(path)}
    assert path.stat().st_size < FILE_LIMIT
    model = files.load_model(task)
    for part, row in rows.items():
        found = exact(task, model, task.examples(0, SCORED, part))
        assert found == pytest.approx(row.exact, abs=LOOSE.get(name, 0.01)), part
    assert rows[NEW].exact >= task.bound
    assert exact(task, model, task.examples("another seed", SCORED)) >= task.bound - 0.01


def test_the_table_has_every_type_and_three_seeds_of_what_ships():
    for task in TASKS.values():
        rows = [row for row in SCORES if row.task == task.name and row.part == NEW]
        types = {row.rnn_type for row in rows}
        assert types == (set(RNN_TYPES) if task.rnn_type else {""})
        shipped = [row for row in rows if row.rnn_type == (task.rnn_type or "")]
        assert sorted(row.seed for row in shipped) == [0, 1, 2]
        assert min(row.exact for row in shipped) >= task.bound
        assert all(row.seconds < 120 for row in rows if row in shipped)


def test_a_task_is_learned_again():
    task, begun = TASKS["film"], time.perf_counter()
    torch.manual_seed(7)
    model = build(task)
    *_, last = train(task, model, seed=7)
    assert exact(task, model, task.examples(0, SCORED)) >= 0.9 * task.bound
    assert (last.step, last.steps) == (task.recipe.steps,) * 2
    assert last.seconds <= time.perf_counter() - begun


@pytest.mark.parametrize("name", [name for name in TASKS if TASKS[name].writes])
def test_what_is_written_ends_and_the_truth_helps(name):
    task, model = TASKS[name], files.load_model(TASKS[name])
    examples = task.examples(1, 200)
    said = answers(model, examples)
    assert said.shape == (200, task.longest)
    lengths = (examples.targets != NOT_COUNTED).sum(1)
    is_right = task.right(said, examples.targets)
    for k in np.flatnonzero(is_right):
        assert (said[k, : lengths[k]] == examples.targets[k, : lengths[k]]).all()
        assert said[k, lengths[k] - 1] == END
    held_out = task.examples(1, 200, next(iter(task.held_out)))
    free, forced = tokens_right(model, answers(model, held_out), held_out)
    assert free <= forced
    for length, share in by_length(task, said, examples).items():
        assert share == is_right[examples.lengths == length].mean()


@pytest.mark.parametrize("name", [name for name in TASKS if TASKS[name].writes])
def test_the_gradient_at_the_bottleneck_is_that_of_autograd(name):
    task, model = TASKS[name], files.load_model(TASKS[name]).double()
    examples = task.examples(2, 1)
    inputs, lengths = input_tensors(examples)
    inputs = inputs if task.symbols else inputs.double()
    targets = torch.from_numpy(examples.targets)
    said = examples.targets[0]
    layers = ["rnn"] if not task.symbols else ["encoder.rnn", "rnn"]
    reading = read(model, layers, lambda: model.logits(inputs, lengths, targets), said)
    place = len(said) - 1
    (*_, found) = gradient_norms(reading, model.head, place)
    kept = []

    def keep(module, args, output):
        for part in hidden_tensors(output):
            part.retain_grad()
            kept.append(part)

    hook = model.encoder.register_forward_hook(keep)
    log_p = model.logits(inputs, lengths, targets).log_softmax(-1)
    (-log_p[0, place, said[place]]).backward()
    hook.remove()
    wanted = torch.cat([part.grad.flatten() for part in kept]).norm()
    assert 10 ** found[0] == pytest.approx(float(wanted), rel=1e-6)


def test_parts_are_apart_and_seeds_are_kept():
    for task in TASKS.values():
        for part in (TRAIN, NEW, *task.held_out):
            first, again, other = (task.examples(seed, 8, part) for seed in (1, 1, 2))
            assert (first.inputs == again.inputs).all()
            assert (first.targets == again.targets).all()
            assert first.inputs.shape != other.inputs.shape or (first.inputs != other.inputs).any()


def test_files_of_models_are_found_beside_the_table():
    assert sorted(path.stem for path in _paths.TASKS.glob("*")) == sorted(TASKS)
