"""What an RNN's unit adds up, against its pre-activation, and the equations that show it."""

import math
import re

import numpy as np
import pytest
import torch

from rnnviz import RNN_TYPES
from rnnviz.analysis import preactivation, text_view
from rnnviz.figures import equations
from tests.test_text_view import RUNS

TEXT = "ab a\nb ab."
NUMBER = r"-?\d[\d.]*"


def added(kind: str, split: str, layer: int, unit: int, t: int):
    run = RUNS[kind, split]
    seen, below = (text_view.view(run, TEXT, k) for k in (layer, max(layer - 1, 0)))
    found = preactivation.pre_activation(run, TEXT, layer, seen, below if layer else None, unit, t)
    return seen, found


@pytest.mark.parametrize("split", ["char", "word"])
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("kind", ["RNN_TANH", "RNN_RELU"])
def test_the_parts_add_up_to_the_pre_activation(kind, layer, split):
    rnn = RUNS[kind, split].model.rnn
    for t in (0, 1, 4):
        for unit in range(4):
            seen, found = added(kind, split, layer, unit, t)
            of_x = found.from_x.total if layer else found.from_x
            wanted = float(seen.gates["a"][t, unit])
            assert of_x + found.from_h.total + found.bias == pytest.approx(wanted, abs=1e-6)
            before = torch.tensor(seen.states["h"][t - 1]) if t else torch.zeros(4)
            terms = (getattr(rnn, f"weight_hh_l{layer}")[unit] * before).tolist()
            best = sorted(range(4), key=lambda j: -abs(terms[j]))[: preactivation.LARGEST]
            assert [abs(term.value) for term in found.from_h.largest] == pytest.approx(
                [abs(terms[j]) for j in best], abs=1e-7
            )
            assert found.from_h.rest == pytest.approx(
                sum(terms) - sum(term.value for term in found.from_h.largest), abs=1e-6
            )


def test_the_largest_terms_come_first_with_the_unit_they_come_from():
    found = preactivation.summed(np.array([1.0, -3.0, 0.1, 2.0, 0.5]), np.array([1, 1, 1, -0.1, 1]))
    assert [term.unit for term in found.largest] == [1, 0, 4]
    assert [term.value for term in found.largest] == pytest.approx([-3, 1, 0.5])
    assert (found.rest, found.total) == pytest.approx((-0.1, -1.6))
    assert found.others == 2


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_cell_type_with_gates_has_none(kind):
    assert added(kind, "char", 0, 1, 2)[1] is None


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("kind", ["RNN_TANH", "RNN_RELU"])
def test_the_equations_of_an_rnn_show_what_it_adds_up(kind, layer):
    """Each written sum is right to its three digits, from numbers that stand there."""
    seen, found = added(kind, "char", layer, 2, 3)
    first, last, *products = equations.one_step(seen, 2, 3, found)
    assert "W x_t + U h_{t-1} + b" in first
    assert len(products) == 1 + layer
    assert "U h_{t-1}" in products[-1]
    for unit in (term.unit for term in found.from_h.largest):
        assert rf"\text{{unit {unit}}}" in products[-1]
    assert r"\text{1 other unit}" in products[-1]
    for line in (first, *products):
        *_, written, total = line.removesuffix(r" \end{aligned}").split("&= ")
        terms = [
            math.prod(float(number) for number in re.findall(NUMBER, term.partition("&&")[0]))
            for term in re.split(r" (?:\\\\ &)?\+ ", written)
        ]
        assert sum(terms) == pytest.approx(float(total), abs=0.01 * max(map(abs, terms)))
    assert f"{seen.states['h'][3, 2]:#.3g}".lstrip("-") in last


def test_other_cell_types_have_the_equations_they_had():
    for kind in RNN_TYPES:
        seen = text_view.view(RUNS[kind, "char"], TEXT, 0)
        assert len(equations.one_step(seen, 0, 1)) == {"LSTM": 2}.get(kind, 1)
