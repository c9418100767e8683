"""The table of cell types, and what the places say that must know each of them."""

import re

import numpy as np
import pytest
import torch

from rnnviz import RNN_TYPES, TrainConfig
from rnnviz._paths import component
from rnnviz.analysis import tracing
from rnnviz.analysis.unit_steps import UnitSteps
from rnnviz.figures import equations, held_cell, style
from rnnviz.nn import cell_steps, cell_types, cells
from rnnviz.nn.cell_types import CELL_TYPES, SIGMOIDS, CellType
from rnnviz.nn.model import make_rnn

MADE_UP = CellType(gates=("u", "v"), feeds_h=("u", "v"), sigmoids=("u",), keep_gate="u")


@pytest.fixture
def fifth(monkeypatch) -> str:
    """A cell type that stands in the table and nowhere else."""
    monkeypatch.setitem(CELL_TYPES, "MADE_UP", MADE_UP)
    return "MADE_UP"


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_the_table_agrees_with_torch(rnn_type):
    cell, rnn = CELL_TYPES[rnn_type], make_rnn(rnn_type, 3, 5, 1)
    assert cells.kind_of(rnn) == rnn_type
    assert rnn.weight_ih_l0.shape == (cell.blocks * 5, 3)
    assert cell.has_cell_state == isinstance(rnn(torch.zeros(1, 2, 3))[1], tuple)
    assert set(cell.sigmoids) <= set(cell.gates) <= set(cell.feeds_h + cell.feeds_c)
    assert cell.orders_units in cell.gates


def test_the_sigmoid_gates_are_those_of_all_types():
    assert set(SIGMOIDS) == {"i", "f", "o", "r", "z"}


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_gates_called_sigmoid_stay_between_0_and_1_and_bounded_states_within_1(rnn_type):
    cell, rng = CELL_TYPES[rnn_type], torch.Generator().manual_seed(0)
    from_x, from_h = (30 * torch.randn(50, cell.blocks * 4, generator=rng) for _ in range(2))
    gates = cells.gates(rnn_type, from_x, from_h)
    for name, values in gates.items():
        assert (name in cell.sigmoids) == bool((values >= 0).all() and (values <= 1).all())
    c = torch.randn(50, 4, generator=rng) if cell.has_cell_state else None
    h = cells.output(rnn_type, gates, torch.rand(50, 4, generator=rng), c)
    assert cell.bounded == bool((h.abs() <= 1).all())


NO_STEPS = UnitSteps({}, {}, {}, {}, *[np.zeros(0)] * 3)
PLACES = {
    "nn/model": lambda kind: make_rnn(kind, 3, 4, 1),
    "nn/cells": lambda kind: cells.gates(kind, torch.zeros(2, 8), torch.zeros(2, 8)),
    "training/config": lambda kind: TrainConfig(steps=1).resolved(kind),
    "figures/style": lambda kind: style.color(kind),
    "figures/equations": lambda kind: equations.for_cell_type(kind),
    "analysis/tracing": lambda kind: tracing.kernel_of(kind),
    "nn/cell_steps": lambda kind: cell_steps.steps_of(kind),
    "figures/held_cell": lambda kind: held_cell._equation(kind, "h", NO_STEPS, 0),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_lacks_a_cell_type_says_so_in_one_sentence(place, fifth):
    with pytest.raises(ValueError, match="no entry for the cell type") as raised:
        PLACES[place](fifth)
    assert str(raised.value) == f"{place} has no entry for the cell type 'MADE_UP'"


def test_each_cell_type_has_a_circuit():
    table = re.search(r"CIRCUITS = \{(.*)\};", component("cell_circuit.js"))
    assert set(re.findall(r"\b[A-Z][A-Z_]+\b", table[1])) == set(CELL_TYPES)


def test_what_follows_from_the_table_alone_needs_no_other_entry(fifth):
    assert cell_types.CELL_TYPES[fifth].orders_units == "u"
    assert cells.gate_blocks(fifth, torch.zeros(8, 3)).shape == (2, 4, 3)
    assert TrainConfig(steps=1, lr=0.1).resolved(fifth).lr == 0.1
