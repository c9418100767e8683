"""One unit along a text: its numbers are those of the trace, its predictions the model's own."""

import numpy as np
import pytest
import torch

from rnnviz import hold, trace_model
from rnnviz.analysis.unit_steps import unit_steps
from tests.test_text_view import some_run

TEXT = "ab ba abba b\na ab"


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_units_numbers_are_those_of_the_trace(kind, layer):
    run, unit = some_run(kind), 2
    seen = trace_model(run.model, run.ids(TEXT)).layers[layer]
    steps = unit_steps(run, TEXT, layer, unit)
    for name, gate in (
        seen.gates | {"h": seen.h} | ({"c": seen.c} if kind == "LSTM" else {})
    ).items():
        np.testing.assert_allclose(steps.series[name], gate[:, 0, unit], atol=1e-6)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH"])
def test_gates_are_made_from_their_sums(kind):
    steps = unit_steps(some_run(kind), TEXT, 1, 2)
    for name in steps.gates:
        total = steps.from_x[name] + steps.from_h[name] * (steps.gates["r"] if name == "n" else 1)
        made = {"g": np.tanh, "n": np.tanh, "a": lambda a: a}.get(
            name, lambda a: 1 / (1 + np.exp(-a))
        )
        np.testing.assert_allclose(steps.gates[name], made(total), atol=1e-5)


def test_predictions_are_those_of_the_model_and_of_a_held_unit():
    run = some_run("LSTM")
    ids = run.ids(TEXT)
    log_probs, _ = run.model.eval()(ids[None], run.model.init_hidden(1))
    steps = unit_steps(run, TEXT, 0, 1)
    held = unit_steps(run, TEXT, 0, 1, {"h": 2.0}, start=4)
    for found, wanted in (
        (steps, log_probs[0]),
        (held, hold(run.model, ids, 1, "h", 2.0, 4, 0)[1]),
    ):
        best = wanted.exp().sort(descending=True)
        np.testing.assert_allclose(found.probs, best.values[:, :5].detach(), atol=1e-6)
        following = torch.stack([wanted[t, ids[t + 1]] for t in range(len(ids) - 1)])
        np.testing.assert_allclose(found.next_log_p[:-1], following.detach(), atol=1e-5)
        assert np.isnan(found.next_log_p[-1])
    assert np.array_equal(held.probs[:4], steps.probs[:4])
    assert not np.allclose(held.probs[4:], steps.probs[4:])
