"""How long units really hold, against a search by hand over all stretches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnviz.analysis import stretches, text_view
from tests.test_text_view import RUNS


def by_hand(gate: list[float]) -> list[int]:
    """The lengths for one unit: after the first token of a stretch, go on as long as the whole
    product from there is above one half."""
    lengths, start = [], 0
    while start < len(gate):
        end = start + 1
        while end < len(gate) and math.prod(gate[start + 1 : end + 1]) > 0.5:
            end += 1
        lengths.append(end - start)
        start = end
    return lengths


GATES = st.sampled_from([0.0, 0.25, 0.5, 0.7, 0.75, 0.9, 0.99, 1.0])


@given(st.integers(1, 25).flatmap(lambda t: st.lists(st.lists(GATES, min_size=t, max_size=t))))
def test_stretches_are_those_of_a_search_by_hand(gates):
    keep = np.array(gates).T if gates else np.zeros((3, 0))
    found = [lengths.tolist() for lengths in stretches.stretch_lengths(keep)]
    assert found == [by_hand(gate) for gate in gates]
    assert all(sum(lengths) == len(gate) for lengths, gate in zip(found, gates, strict=True))


def made_view(kind: str, name: str, gate: np.ndarray, c: np.ndarray) -> text_view.View:
    states = {"h": np.tanh(c)} | ({"c": c} if kind == "LSTM" else {})
    half_life = math.log(0.5) / np.log(gate).mean(0)
    info, spans = RUNS[kind, "char"].info, np.zeros((len(gate), 2))
    return text_view.View(
        info, ("a",) * len(gate), spans, {name: gate}, states, 0.0, (), 0, "cpu", half_life
    )


@pytest.mark.parametrize(("kind", "name"), [("LSTM", "f"), ("GRU", "z")])
def test_a_reset_ends_a_stretch_and_is_no_decay_of_what_was_held(kind, name):
    """A unit that keeps all of it but for two resets in 60 tokens, beside one that always fades."""
    gate = np.full((60, 2), 0.7)
    gate[:, 0] = 1.0
    gate[[20, 40], 0] = 1e-9
    c = np.repeat([-1.0, 1.0, -1.0], 20)[:, None] * [1.0, 0.1]
    seen = made_view(kind, name, gate, c)
    found = stretches.held(seen)
    assert (found.median.tolist(), found.longest.tolist()) == ([20, 2], [20, 2])
    assert seen.half_life[0] < 1.1 < seen.half_life[1] < 2  # the average decay says the opposite
    assert stretches.in_words(seen, found) == (
        "Unit 0 of made holds for up to 20 tokens, in the median for 20; the half-life of its "
        "average decay is 1."
    )


def test_an_rnn_has_no_gate_that_keeps():
    assert stretches.held(text_view.view(RUNS["RNN_TANH", "char"], "ab a", 0)) is None
