"""The factors that a gradient meets, in their binary message, against autograd."""

import json
import struct

import numpy as np
import pytest
import torch

from rnnviz.analysis import gradient_decay
from rnnviz.analysis.text_view import view
from rnnviz.figures import products_message
from rnnviz.figures.products_message import Factors, of_gate, pack
from tests.test_gradient_decay import TEXT, grown
from tests.test_gradients import autograd, doubled, sigmoid, tanh, unrolled


def unpack(message):
    (size,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + size])
    count = (len(message) - 4 - size) // 4
    values = np.array(struct.unpack_from(f"<{count}f", message, 4 + size))
    found = []
    for model in header["models"]:
        shape = (model["steps"], model["units"])
        found.append(values[model["offset"] :][: np.prod(shape)].reshape(shape))
    assert sum(each.size for each in found) == count
    return header, found


def test_the_factors_of_an_rnn_are_those_of_its_true_gradient():
    run, target = grown("RNN_TANH"), 9
    factors = gradient_decay.decay_of_loss(run, TEXT, 1, target).factors
    _, [found] = unpack(pack([Factors(run.info, "tanh", factors)], "b", dark=False))
    losses, nodes = unrolled(run.model.double(), run.ids(TEXT))
    norms = torch.stack([n.norm() for n in autograd(losses[target], nodes["h"][1])])
    back = norms[: target + 1].flip(0)  # the target's own first
    np.testing.assert_allclose(found[:, 0], back[1:] / back[:-1], rtol=1e-4)


def test_the_products_of_a_unit_of_an_lstm_are_what_its_cell_state_passes_on():
    """d c_T / d c_s of a unit, by autograd, where what its gates read does not depend on c."""
    run, target = grown("LSTM"), 9
    seen = view(run, TEXT, 0)
    factors = of_gate(seen.gates["f"], target)
    header, [found] = unpack(pack([Factors(run.info, "LSTM", factors)], "b", dark=True))
    assert header["models"][0]["gate"] == "f"
    w, u, b, d = doubled(run.model.rnn, "_l0")
    h = np.concatenate([np.zeros((1, 4)), seen.states["h"]])
    c = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    states = []
    for t, token in enumerate(run.ids(TEXT)[: target + 1]):
        x = run.model.embedding.weight[token].detach().double()
        a = w @ x + b + u @ torch.from_numpy(h[t]).double() + d
        i, f, g, _ = a.split(4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        states.append(c)
    for unit in range(4):
        by = torch.autograd.grad(states[-1][unit], states, retain_graph=True)
        wanted = [float(each[unit]) for each in reversed(by)]
        np.testing.assert_allclose(np.cumprod(found[:, unit]), wanted[1:], rtol=1e-5)


def test_no_more_steps_are_sent_than_are_shown(monkeypatch):
    monkeypatch.setattr(products_message, "MOST_STEPS", 3)
    gate = np.arange(20.0).reshape(10, 2)
    assert of_gate(gate, 7)[:, 0].tolist() == [14, 12, 10]
    assert of_gate(gate, 2)[:, 0].tolist() == [4, 2]  # c before the first step is no state
    assert not len(of_gate(gate, 0))
    run = grown("RNN_RELU")
    _, [found] = unpack(pack([Factors(run.info, "m", np.ones(9))], "b", dark=False))
    assert found.shape == (3, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(value):
    with pytest.raises(ValueError, match="mine: some factors"):
        pack([Factors(grown("GRU").info, "mine", np.array([1.0, value]))], "b", dark=False)
