"""GRU and RNN layers as they are trained on a CPU, beside torch's own modules and `nn/cells`."""

from functools import partial

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import rnnviz
from rnnviz import RNNModel, TrainConfig, train
from rnnviz.nn import cells
from rnnviz.nn.cell_steps import CELL_STEPS
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model import MODULES, make_rnn
from rnnviz.training import step
from tests.test_training import some_corpus

KINDS = list(CELL_STEPS)
TORCHS = {
    "GRU": nn.GRU,
    "RNN_TANH": partial(nn.RNN, nonlinearity="tanh"),
    "RNN_RELU": partial(nn.RNN, nonlinearity="relu"),
}
BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-12}


def both(kind, *sizes):
    """A module of a cell type as our models have it, and torch's own with the same weights."""
    ours, (*sizes, dropout) = make_rnn(kind, *sizes), sizes
    torchs = TORCHS[kind](*sizes, batch_first=True, dropout=dropout if sizes[-1] > 1 else 0.0)
    torchs.load_state_dict(ours.state_dict())
    return ours, torchs


def run(rnn, x, h0):
    """Outputs, last states, gradients of a loss that weighs each, and a random number drawn
    afterwards."""
    torch.manual_seed(1)
    x, h0 = x.clone().requires_grad_(), h0.clone().requires_grad_()
    found = rnn(x, h0)
    drawn = torch.rand(())
    slopes = [torch.randn(part.shape, dtype=torch.float64).to(part) for part in found]
    loss = sum((part * slope).sum() for part, slope in zip(found, slopes, strict=True))
    return [*found, *torch.autograd.grad(loss, [x, h0, *rnn.parameters()]), drawn]


def assert_close(found, wanted, bound, exact=None):
    """`exact`: what is wanted, computed in float64. Where a sum cancels, torch's own distance from
    it is larger than the bound: then twice that is allowed, and nothing else."""
    for value, true, truth in zip(found, wanted, exact or wanted, strict=True):
        assert value.shape == true.shape
        assert (value - true).norm() <= max(bound * true.norm(), 2 * (true - truth).norm())


@example("RNN_TANH", 3, (2, 9), (4, 1), 0.0, torch.float32, 0)  # a gradient of terms that cancel
@given(
    st.sampled_from(KINDS),
    st.integers(1, 3),
    st.tuples(st.integers(1, 5), st.integers(1, 20)),
    st.tuples(st.integers(1, 9), st.integers(1, 40)),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from(list(BOUNDS)),
    st.integers(0, 2**16),
)
def test_states_and_gradients_are_those_of_torchs_module(
    kind, layers, batch_and_steps, sizes, dropout, dtype, seed
):
    torch.manual_seed(seed)
    modules = [rnn.to(dtype) for rnn in both(kind, *sizes, layers, dropout)]
    x = torch.randn(*batch_and_steps, sizes[0], dtype=dtype)
    h0 = torch.randn(layers, batch_and_steps[0], sizes[1], dtype=dtype)
    found, wanted = (run(rnn, x, h0) for rnn in modules)
    exact = None
    if dropout == 0.0 or layers == 1:  # dropout draws other numbers in float64
        exact = [*run(modules[1].double(), x.double(), h0.double())[:-1], wanted[-1]]
    assert_close(found, wanted, BOUNDS[dtype], exact)


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_size_of_a_training(kind):
    torch.manual_seed(0)
    x, h0 = torch.randn(32, 64, 128), torch.randn(2, 32, 320)
    assert_close(*(run(rnn, x, h0) for rnn in both(kind, 128, 320, 2, 0.3)), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_needs_no_gradient_gets_none(kind):
    rnn = make_rnn(kind, 3, 4, 2)
    rnn.weight_hh_l0.requires_grad_(False)
    output, last = rnn(torch.randn(2, 5, 3), torch.zeros(2, 2, 4))
    (output.sum() + last.sum()).backward()
    assert [name for name, p in rnn.named_parameters() if p.grad is None] == ["weight_hh_l0"]


def test_a_gradient_of_gradients_is_refused():
    rnn = make_rnn("GRU", 3, 4, 1)
    output, _ = rnn(torch.randn(2, 5, 3), torch.zeros(1, 2, 4))
    slope, *_ = torch.autograd.grad(output.exp().sum(), list(rnn.parameters()), create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def test_a_state_of_another_batch_is_refused():
    with pytest.raises(RuntimeError, match="hidden size"):
        make_rnn("GRU", 3, 4, 1)(torch.randn(2, 5, 3), torch.zeros(1, 1, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_steps_are_those_of_the_equations(kind):
    torch.manual_seed(0)
    size, rows = 6, 6 * CELL_TYPES[kind].blocks
    from_x, b_hh, w_hh = (torch.randn(*shape, rows).double() for shape in ((9, 3), (), (size,)))
    states = torch.randn(10, 3, size).double()
    pre, cell = from_x + b_hh, CELL_STEPS[kind]
    kept = cell.forward(pre, b_hh, lambda a, h: a.addmm_(h, w_hh), states)
    h_prev, from_h = states[:-1], states[:-1] @ w_hh + b_hh
    gates = cells.gates(kind, from_x, from_h)
    torch.testing.assert_close(states[1:], cells.output(kind, gates, h_prev, None))
    found = cell.derivatives(states, *kept)
    wanted = cells.gate_derivatives(kind, from_x, from_h, h_prev, None, None)
    torch.testing.assert_close(found.h, wanted.h)
    torch.testing.assert_close(found.keep, wanted.keep)
    last_x = found.h[:, :, -1] if found.last_x is None else found.last_x
    torch.testing.assert_close(last_x, wanted.x[:, :, -1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_is_that_of_torchs_module(kind, monkeypatch):
    config = TrainConfig(steps=20, batch_size=4, sequence_length=12, log_every=1)

    def losses():
        torch.manual_seed(3)
        model = RNNModel(kind, 7, 10, 24, 2, dropout=0.3)
        return [record.loss for record in train(model, some_corpus(600), config)]

    ours = losses()
    monkeypatch.setitem(MODULES, kind, TORCHS[kind])
    assert ours == pytest.approx(losses(), rel=1e-5)
    assert len(set(ours)) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_record_sees_a_training_and_changes_nothing(kind):
    torch.manual_seed(0)
    model = RNNModel(kind, 7, 4, 5, 2, dropout=0.0)
    ids, hidden = torch.randint(7, (2, 6)), model.init_hidden(2)
    outside, _ = model(ids, hidden)
    with rnnviz.record(model) as traces:
        inside, _ = model(ids, hidden)
    assert torch.equal(inside, outside)
    assert traces["rnn"][0].residual < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_without_training_or_without_a_batch_and_its_state_torchs_own_forward_runs(kind):
    ours, torchs = both(kind, 30, 40, 2, 0.0)
    x, h0 = torch.randn(3, 50, 30), torch.randn(2, 3, 40)
    with torch.no_grad():
        assert torch.equal(ours(x, h0)[0], torchs(x, h0)[0])
    assert torch.equal(ours.eval()(x, h0)[0], torchs(x, h0)[0])
    assert torch.equal(ours.train()(x)[0], torchs(x)[0])
    assert torch.equal(ours(x[0], h0[:, 0])[0], torchs(x[0], h0[:, 0])[0])
    packed = pack_padded_sequence(x, [50, 20, 3], batch_first=True)
    assert torch.equal(ours(packed, h0)[0].data, torchs(packed, h0)[0].data)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_products_are_held_against_float32(kind, monkeypatch):
    torch.manual_seed(0)
    model = RNNModel(kind, 7, 16, 256, 2, dropout=0.0)  # emulated where the processor has none
    ids, hidden = torch.randint(7, (2, 13)), model.init_hidden(2)
    found = []
    for low in (True, False):
        monkeypatch.setattr(step, "has_bfloat16", lambda low=low: low)
        loss, last = step.WindowLoss(model, None)(ids[:, :-1], ids[:, 1:], hidden, 2 * 12)
        found.append([loss, last, *torch.autograd.grad(loss, list(model.parameters()))])
    assert all(part.dtype == torch.float32 for part in found[0])
    assert not torch.equal(found[0][1], found[1][1])
    # Where rounding changes the sign of an `a`, relu's slope jumps: its gradients differ by more.
    assert_close(*found, 6e-2 if kind == "RNN_RELU" else 2e-2)
    assert found[0][0].item() == pytest.approx(found[1][0].item(), rel=2e-3)
