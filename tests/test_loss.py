"""The loss with its gradient in the forward pass, beside autograd's cross entropy in float32/64."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as cases
from hypothesis import strategies as st
from torch.nn import functional as F

from rnnviz.nn import loss
from rnnviz.nn.loss import nats_, total_nats


def some(rows: int, hidden: int, vocab_size: int, dtype, seed: int = 0, scale: float = 1.0):
    torch.manual_seed(seed)
    h = torch.randn(rows, hidden, dtype=dtype) * scale
    weight = torch.randn(vocab_size, hidden, dtype=dtype)
    bias = torch.randn(vocab_size, dtype=dtype)
    return [x.requires_grad_() for x in (h, weight, bias)], torch.randint(vocab_size, (rows,))


def plain(h, weight, bias, target):
    return F.cross_entropy(F.linear(h, weight, bias), target, reduction="sum")


def relative(value, expected) -> float:
    return ((value - expected).norm() / expected.norm()).item()


@cases(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(2, 30), st.integers(1, 600))
def test_loss_and_gradients_are_those_of_autograd(rows, hidden, vocab_size, block):
    inputs, target = some(rows, hidden, vocab_size, torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss, "BLOCK", block)  # one row a block up to all in one
        value = total_nats(*inputs, target)
    expected = plain(*inputs, target)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
    slopes = (torch.autograd.grad(x / 7, inputs) for x in (value, expected))
    for found, wanted in zip(*slopes, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_bfloat16_products_are_held_against_float32(scale, monkeypatch):
    monkeypatch.setattr(loss, "has_bfloat16", lambda: True)  # emulated where it is not
    inputs, target = some(150, 64, 5_000, torch.float32, scale=scale / 8)
    value, expected = total_nats(*inputs, target), plain(*inputs, target)
    assert value.item() == pytest.approx(expected.item(), rel=1e-3)
    slopes = (torch.autograd.grad(x, inputs) for x in (value, expected))
    for found, wanted in zip(*slopes, strict=True):
        assert found.dtype == torch.float32
        assert relative(found, wanted) < 1e-2


def test_a_small_vocabulary_stays_in_float32():
    inputs, target = some(300, 32, 100, torch.float32)
    value, expected = total_nats(*inputs, target), plain(*inputs, target)
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    slopes = (torch.autograd.grad(x, inputs) for x in (value, expected))
    for found, wanted in zip(*slopes, strict=True):
        assert relative(found, wanted) < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_target_that_no_float_can_hold_the_probability_of_has_a_finite_loss(dtype):
    logits = torch.tensor([[0.0, 2000.0, 1000.0], [3.0, 1.0, 3.0]], dtype=dtype)
    nats, below = nats_(logits, torch.tensor([0, 2]))
    assert nats.tolist() == pytest.approx([2000.0, 0.758624], rel=2e-3)
    assert below.tolist() == [2000.0, 0.0]
    assert logits[0].tolist() == [0.0, 1.0, 0.0]  # probabilities by now
    assert nats.dtype == below.dtype == max((dtype, torch.float32), key=lambda d: d.itemsize)


def test_rows_that_are_not_finite_are_not_hidden():
    assert not nats_(torch.tensor([[0.0, float("inf")]]), torch.tensor([0]))[0].isfinite().any()
    assert not nats_(torch.tensor([[0.0, float("nan")]]), torch.tensor([0]))[0].isfinite().any()


def test_no_rows_cost_nothing():
    inputs, target = some(0, 3, 5, torch.float64)
    value = total_nats(*inputs, target)
    assert value.item() == 0
    assert not any(x.any() for x in torch.autograd.grad(value, inputs))


def test_a_graph_serves_once():
    inputs, target = some(4, 3, 5, torch.float64)
    value = total_nats(*inputs, target)
    value.backward(retain_graph=True)
    with pytest.raises(RuntimeError):
        value.backward()
