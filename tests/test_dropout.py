"""Dropout with a cheaper mask: each value by itself, with the probability that was asked for."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rnnviz.nn.dropout import LEVELS, Dropout


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=4),
    st.sampled_from((0.1, 0.5, 0.9)),
    st.sampled_from((torch.float32, torch.float64, torch.bfloat16)),
)
def test_a_value_is_zero_or_larger_and_so_is_its_gradient(shape, p, dtype):
    x = torch.rand(shape, dtype=dtype).add_(1).requires_grad_()
    y = Dropout(p)(x)
    assert (y.shape, y.dtype) == (x.shape, dtype)
    y.backward(torch.ones_like(y))
    factor = torch.tensor(1 / (1 - p), dtype=dtype)
    precision = 4 * torch.finfo(dtype).eps + 2 / LEVELS / (1 - p)
    assert torch.equal(x.grad == 0, y == 0)
    assert torch.allclose(x.grad[y != 0], factor, rtol=precision)
    assert torch.allclose(y, x * x.grad, rtol=precision)


@pytest.mark.parametrize("p", [0.0001, 0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_asked_and_neighbours_have_nothing_to_do_with_each_other(p):
    torch.manual_seed(0)
    count = 4_000_000
    dropped = (Dropout(p)(torch.ones(count)) == 0).double()
    error = math.sqrt(p * (1 - p) / count)
    assert abs(dropped.mean() - round(p * LEVELS) / LEVELS) < 4 * error
    for distance in (1, 2, 3, 4, 8):  # four values share a random number
        both = (dropped[distance:] * dropped[:-distance]).mean()
        assert abs(both - p**2) < 5 * error * math.sqrt(p) + 2 * p / LEVELS
    of_lane = dropped.view(-1, 4).mean(0)
    assert (of_lane - p).abs().max() < 4 * 2 * error + 1 / LEVELS


@pytest.mark.parametrize("p", [0.0, 1e-9, 1.0, 0.3])
def test_in_evaluation_and_at_both_ends_it_is_torchs(p):
    x = torch.rand(5, 7)
    assert torch.equal(Dropout(p).eval()(x), x)
    if p != 0.3:
        assert torch.equal(Dropout(p)(x), nn.Dropout(p)(x))


def test_a_seed_gives_the_same_mask():
    def masked() -> torch.Tensor:
        torch.manual_seed(3)
        return Dropout(0.5)(torch.ones(1001))

    assert torch.equal(masked(), masked())
