"""What `record` leaves of a model's own forward passes."""

import pytest
import torch
from torch import nn

from rnnviz.analysis.tracing import record, trace

CELLS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}


class Tagger(nn.Module):
    """Two recurrent modules, one of them nested, called in the ways that PyTorch allows."""

    def __init__(self, kind: str, how: str):
        super().__init__()
        self.how = how
        self.first = CELLS[kind](3, 4, num_layers=2, batch_first=True)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.GRU(4, 2, batch_first=True)])
        self.unused = nn.RNN(1, 1)

    def forward(self, x, state=None):
        if self.how == "position":
            y, last = self.first(x, state)
        elif self.how == "hx":
            y, last = self.first(x, hx=state)
        else:
            y, last = self.first(input=x, hx=state)
        linear, gru = self.blocks
        return gru(linear(y))[0], last


@pytest.fixture(params=["position", "hx", "names"])
def how(request):
    return request.param


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("with_state", [True, False])
def test_each_recurrent_module_leaves_a_trace_a_call_under_its_name(kind, with_state, how):
    torch.manual_seed(0)
    model = Tagger(kind, how).double()
    state = torch.randn(2, 2, 4, dtype=torch.float64) if with_state else None
    state = (state, state.flip(0)) if with_state and kind == "LSTM" else state
    batches = [torch.randn(2, steps, 3, dtype=torch.float64) for steps in (5, 1)]
    outputs = [model(x, state) for x in batches]
    with record(model) as traces:
        seen = [model(x, state) for x in batches]
    assert {name: len(calls) for name, calls in traces.items()} == {
        "first": 2,
        "blocks.1": 2,
        "unused": 0,
    }
    for (y, _), (plain, _) in zip(seen, outputs, strict=True):
        assert torch.equal(y, plain)
    for n, x in enumerate(batches):
        wanted = trace(model.first, x, state)
        for got, layer in zip(traces["first"][n].layers, wanted.layers, strict=True):
            assert torch.equal(got.h, layer.h)
            assert all(torch.equal(got.gates[name], layer.gates[name]) for name in layer.gates)
        top = traces["blocks.1"][n].layers[0].h_out.transpose(0, 1)  # (B,T,H)
        torch.testing.assert_close(top, outputs[n][0], rtol=0, atol=1e-12)
        assert traces["first"][n].residual < 1e-12


def test_a_bare_module_is_recorded_under_the_empty_name():
    rnn = nn.GRU(3, 4)
    with record(rnn) as traces:
        rnn(torch.zeros(5, 3))
    assert list(traces) == [""]
    assert traces[""][0].layers[0].h.shape == (6, 1, 4)


def test_nothing_is_recorded_after_the_block_nor_after_an_exception_in_it():
    model = Tagger("LSTM", "position")
    with record(model) as traces:
        model(torch.zeros(1, 2, 3))
    model(torch.zeros(1, 2, 3))
    assert len(traces["first"]) == 1
    with pytest.raises(RuntimeError, match="stop"), record(model) as traces:
        raise RuntimeError("stop")
    assert not any(module._forward_hooks for module in model.modules())
    model(torch.zeros(1, 2, 3))
    assert traces["first"] == []


def test_training_goes_on_under_record_with_the_same_gradients():
    torch.manual_seed(0)
    model, x = Tagger("LSTM", "hx").train(), torch.randn(2, 5, 3)
    model(x)[0].sum().backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    with record(model):
        model(x)[0].sum().backward()
    for name, p in model.named_parameters():
        assert (p.grad is None) == (name not in wanted)
        assert p.grad is None or torch.equal(p.grad, wanted[name])


def test_other_hooks_of_the_module_are_called_once_a_forward():
    rnn, calls = nn.LSTM(3, 4), []
    rnn.register_forward_hook(lambda *_: calls.append("after"))
    rnn.register_forward_pre_hook(lambda *_: calls.append("before"))
    with record(rnn) as traces:
        rnn(torch.zeros(5, 3))
    assert calls == ["before", "after"]
    assert len(traces[""]) == 1


def test_a_trace_keeps_its_input_when_the_batch_is_overwritten_later():
    rnn, x = nn.RNN(3, 4), torch.ones(5, 2, 3)
    with record(rnn) as traces:
        rnn(x)
    x.zero_()
    assert torch.equal(traces[""][0].layers[0].x, torch.ones(5, 2, 3))


def test_a_packed_sequence_is_refused_also_inside_a_model():
    rnn = nn.LSTM(3, 4)
    packed = nn.utils.rnn.pack_sequence([torch.zeros(4, 3), torch.zeros(2, 3)])
    with record(rnn), pytest.raises(ValueError, match=r"PackedSequence of \(6, 3\)"):
        rnn(packed)
    assert not rnn._forward_hooks
