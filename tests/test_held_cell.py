"""The figure of a unit whose gates are held, and what the lesson checks of it."""

import numpy as np
import pytest
import torch

from rnnviz import RNNModel, load_run
from rnnviz.analysis.layer_sizes import layer_size
from rnnviz.analysis.unit_steps import unit_steps
from rnnviz.app.lesson import gru_cell, knobs, lstm_cell
from rnnviz.figures import binary_message, circuit_message, held_cell
from rnnviz.figures.held_cell import Row
from rnnviz.runs.run import Run

BOTH = [load_run(name) for name in gru_cell.RUNS]
SIZES = tuple(layer_size(run.info.rnn_type, 8) for run in BOTH)
LSTM = load_run("python-source-lstm")
PAIRS = (("f", 1.0), ("i", 0.0)), (("f", 0.0),), (("o", 0.0),)


def with_random_weights(run: Run, seed: int) -> Run:
    torch.manual_seed(seed)
    return Run(run.info, RNNModel(**run.info.model).eval())


def steps_of(run: Run, pairs=(), start: int = 0):
    unit = knobs.UNITS[run.info.name]
    return unit_steps(run, knobs.TEXT, 0, unit, dict(pairs), start)


def lstm_seen(run: Run, pairs, start: int) -> lstm_cell.Seen:
    shown = [pair for pair in pairs if pair[0] != "o"]
    return lstm_cell.seen(
        steps_of(run, pairs, start), steps_of(run, shown, start), tuple(pairs), start
    )


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
@pytest.mark.parametrize("start", [1, 9, len(knobs.TEXT) - 1])
def test_an_lstms_held_gates_do_what_the_equations_say_for_any_weights(seed, start):
    run = LSTM if seed is None else with_random_weights(LSTM, seed)
    shown = [lstm_seen(run, pairs, start) for pairs in PAIRS]
    assert all(goal.is_met for goal in lstm_cell.goals(shown))


def test_an_lstms_goals_are_not_met_by_what_the_gates_do_not_do():
    start = knobs.START - 1
    free = steps_of(LSTM)
    shown = [lstm_cell.seen(free, free, pairs, start) for pairs in PAIRS]
    assert not any(goal.is_met for goal in lstm_cell.goals(shown))
    nearly = (("f", 0.9), ("i", 0.0)), (("f", 0.1),), (("o", 0.1),)
    shown = [lstm_seen(LSTM, pairs, start) for pairs in nearly]
    assert not any(goal.is_met for goal in lstm_cell.goals(shown))


def test_what_an_output_gate_feeds_back_is_nothing_where_no_gate_reads_it():
    start = knobs.START - 1
    assert lstm_seen(LSTM, (("o", 0.0),), start).fed_back > 0.01
    assert lstm_seen(LSTM, (("f", 1.0), ("i", 0.0), ("o", 0.0)), start).fed_back == 0


def gru_seen(runs: list[Run], z: float | None, start: int) -> gru_cell.Seen:
    held = [steps_of(run, pairs, start) for run, pairs in zip(runs, gru_cell.pairs(z), strict=True)]
    return gru_cell.seen(held, z, start, SIZES)


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
@pytest.mark.parametrize("start", [1, 9, len(knobs.TEXT) - 1])
def test_a_grus_held_gate_does_what_the_equation_says_for_any_weights(seed, start):
    runs = BOTH if seed is None else [with_random_weights(run, seed) for run in BOTH]
    assert all(goal.is_met for goal in gru_cell.goals([gru_seen(runs, z, start) for z in (1, 0)]))


def test_a_grus_goals_are_not_met_by_what_the_gate_does_not_do():
    start = knobs.START - 1
    free = [steps_of(run) for run in BOTH]
    shown = [gru_cell.seen(free, z, start, SIZES[:1] * 2) for z in (1.0, 0.0)]
    assert not any(goal.is_met for goal in gru_cell.goals(shown))
    kept, new, _ = gru_cell.goals([gru_seen(BOTH, z, start) for z in (0.9, 0.1, None)])
    assert not kept.is_met
    assert not new.is_met


@pytest.mark.parametrize("z", [0.0, 0.3, 1.0])
def test_an_lstm_with_the_gates_of_a_gru_mixes_as_it_does(z):
    """Both states are z of what they were and 1 - z of their candidate."""
    names = gru_cell.STATES
    for run, pairs, (state, candidate) in zip(BOTH, gru_cell.pairs(z), names, strict=True):
        steps = steps_of(run, pairs, 9)
        old, new = steps.states[state][9:-1], steps.gates[candidate][9:]
        assert steps.states[state][10:] == pytest.approx(z * old + (1 - z) * new, abs=1e-6)


def test_the_units_shown_tell_strings():
    """Their state after each token inside the quotes has the other sign of its mean elsewhere."""
    inside = np.zeros(len(knobs.TEXT), bool)
    inside[knobs.TEXT.index('"') + 1 : knobs.TEXT.rindex('"')] = True
    for name in knobs.UNITS:
        steps = steps_of(load_run(name))
        state = steps.states.get("c", steps.states["h"])[1:]
        assert state[inside].max() < -0.85 < state[~inside].min()


def test_the_figure_has_the_states_and_the_equation_of_a_token():
    start, pairs = 9, (("f", 0.5),)
    own, held = steps_of(LSTM), steps_of(LSTM, pairs, start)
    rows = [Row("LSTM", state, own, held) for state in "ch"]
    figure = held_cell.held_cell(rows, list(knobs.TEXT), start, dark=False)
    wanted = [one.states[state][1:] for state in "ch" for one in (held, own)]
    for line, values in zip(figure.data, wanted, strict=True):
        assert np.array_equal(line.y, values)
    of_c, of_h = (note.text.replace("−", "-") for note in figure.layout.annotations)
    assert f"0.50 · ({held.states['c'][start]:.2f})" in of_c
    assert of_c.endswith(f"= {held.states['c'][start + 1]:.2f}")
    assert of_h.endswith(f"tanh({held.states['c'][start + 1]:.2f}) = {held.states['h'][10]:.2f}")


def test_a_grus_equation_has_the_share_of_the_candidate():
    start, (pairs, _) = 9, gru_cell.pairs(0.7)
    steps = steps_of(BOTH[0], pairs, start)
    row = Row("GRU", "h", steps_of(BOTH[0]), steps)
    (first, _) = held_cell.held_cell([row, row], list(knobs.TEXT), start, True).layout.annotations
    n, old, new = steps.gates["n"][start], *steps.states["h"][start : start + 2]
    written = first.text.replace("−", "-").split("= ")[2:]
    assert written == [f"0.30 · {n:.2f} + 0.70 · ({old:.2f}) ", f"{new:.2f}"]


@pytest.mark.parametrize("run", BOTH, ids=lambda run: run.name)
def test_a_circuit_has_the_numbers_of_a_token_as_it_is_and_held(run):
    start, pairs = 9, gru_cell.pairs(0.3)[run.name == lstm_cell.RUN]
    own, held = steps_of(run), steps_of(run, pairs, start)
    unit = knobs.UNITS[run.name]
    given = run.info, unit, own, held, dict(pairs), "<b>", start, True
    header = binary_message.header_of(circuit_message.pack(*given))
    assert (header["token"], header["unit"], header["place"]) == ("<b>", unit, start + 1)
    assert [tuple(pair) for pair in header["held"]] == [*pairs]
    for series, steps in ((header["series"], own), (header["held_series"], held)):
        assert series.keys() == steps.series.keys()
        for name, values in steps.gates.items():
            assert series[name] == [values[start]]
        for name, values in steps.states.items():
            assert series[name] == [*values[start : start + 2]]
    assert header["held_series"] != header["series"]
    shares = {name for name, strip in header["strips"].items() if strip["scale"] == "sequential"}
    assert shares == set("ifo" if run.name == lstm_cell.RUN else "rz")
