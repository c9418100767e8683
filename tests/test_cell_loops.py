"""Cells called in a loop are traced as the fused module with their weights."""

import pytest
import torch
from torch import nn

from rnnviz import Untraced, record, trace

DOUBLE = {"dtype": torch.float64}
CELLS = {
    "LSTM": (nn.LSTMCell, nn.LSTM, {}),
    "GRU": (nn.GRUCell, nn.GRU, {}),
    "RNN_TANH": (nn.RNNCell, nn.RNN, {}),
    "RNN_RELU": (nn.RNNCell, nn.RNN, {"nonlinearity": "relu"}),
}


def pair(kind: str, bias: bool = True):
    """A cell, and the fused module with the same weights."""
    torch.manual_seed(0)
    cell_class, rnn_class, options = CELLS[kind]
    cell = cell_class(3, 4, bias=bias, **options, **DOUBLE)
    rnn = rnn_class(3, 4, bias=bias, **options, **DOUBLE)
    rnn.load_state_dict({f"{name}_l0": w for name, w in cell.state_dict().items()})
    return cell, rnn


def run(cell, x, state=None):
    for step in x:
        state = cell(step, state)
    return state


def check(seen, wanted):
    assert seen.residual < 1e-12
    for mine, its in zip(seen.layers, wanted.layers, strict=True):
        assert mine.kind == its.kind
        torch.testing.assert_close(mine.h, its.h, rtol=0, atol=1e-12)
        assert list(mine.gates) == list(its.gates)
        for name, gate in mine.gates.items():
            torch.testing.assert_close(gate, its.gates[name], rtol=0, atol=1e-12)
        if its.c is not None:
            torch.testing.assert_close(mine.c, its.c, rtol=0, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("kind", CELLS)
def test_a_loop_is_traced_as_the_fused_module(kind, batch, bias):
    cell, rnn = pair(kind, bias)
    x = torch.randn(5, *batch, 3, **DOUBLE)
    given = torch.randn(*batch, 4, **DOUBLE)
    given = (given, given + 1) if kind == "LSTM" else given
    with record(nn.ModuleList([cell])) as traces:
        plain = run(cell, x)
        run(cell, x[:2], given)
    assert [len(seen.layers[0].x) for seen in traces["0"]] == [5, 2]
    check(traces["0"][0], trace(rnn, x))
    state = tuple(s[None] for s in given) if kind == "LSTM" else given[None]
    check(traces["0"][1], trace(rnn, x[:2], state))
    outside = run(cell, x)
    for mine, its in zip(plain, outside, strict=True):
        assert torch.equal(mine, its)


@pytest.mark.parametrize("between", ["detach", "weights", "in place", "other state", "batch"])
def test_a_sequence_goes_on_only_with_the_state_and_the_weights_of_the_last_call(between):
    cell, rnn = pair("LSTM")
    x = torch.randn(6, 2, 3, **DOUBLE)
    with record(cell) as traces:
        h, c = run(cell, x[:4])
        first = trace(rnn, x[:4])
        if between == "detach":
            h, c = h.detach(), c.clone()
        elif between == "weights":
            with torch.no_grad():
                cell.weight_hh.mul_(2)
        elif between == "in place":
            h.data.mul_(0.5)
        elif between == "other state":
            h, c = h + 1, c
        else:
            h, c = h[:1], c[:1]
            x = x[:, :1]
        run(cell, x[4:], (h, c))
    if between == "detach":
        check(traces[""][0], trace(rnn, x))
        assert len(traces[""]) == 1
        return
    check(traces[""][0], first)
    rnn.load_state_dict({f"{name}_l0": w for name, w in cell.state_dict().items()})
    check(traces[""][1], trace(rnn, x[4:], (h[None], c[None])))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("kind", CELLS)
def test_a_sequence_goes_on_though_its_state_is_no_number(kind, value):
    cell, _ = pair(kind)
    x = torch.randn(5, 2, 3, **DOUBLE)
    x[1, 0] = value  # the other row stays
    with record(cell) as traces:
        run(cell, x)
    (seen,) = traces[""]
    assert seen.layers[0].x.shape == (5, 2, 3)


def test_cells_above_each_other_are_sequences_of_their_own():
    lower, fused_lower = pair("LSTM")
    upper = nn.GRUCell(4, 2, **DOUBLE)
    x, state, top = torch.randn(4, 2, 3, **DOUBLE), None, None
    with record(nn.ModuleDict({"lower": lower, "upper": upper})) as traces:
        for step in x:
            state = lower(step, state)
            top = upper(input=state[0], hx=top)
    check(traces["lower"][0], trace(fused_lower, x))
    (seen,) = traces["upper"]
    read = traces["lower"][0].layers[0].h_out
    torch.testing.assert_close(seen.layers[0].x, read, rtol=0, atol=1e-12)
    torch.testing.assert_close(seen.layers[0].h[-1], top, rtol=0, atol=1e-12)


class Doubled(nn.GRUCell):
    def forward(self, input, hx=None):
        return 2 * super().forward(input, hx)


class Silent(nn.GRUCell):
    def forward(self, input, hx=None):
        super().forward(input, hx)


class OwnCell(nn.RNNCellBase):
    def __init__(self):
        super().__init__(3, 4, True, 1)

    def forward(self, input, hx=None):
        return (input @ self.weight_ih.T).tanh()


@pytest.mark.parametrize("given", ["bfloat16", "autocast"])
@pytest.mark.parametrize("kind", CELLS)
def test_rounding_of_large_states_is_not_something_else(kind, given):
    """In bfloat16, which rounds 50 to a multiple of 0.25, all the more from call to call."""
    torch.manual_seed(0)
    cell_class, _, options = CELLS[kind]
    cell, x = cell_class(3, 16, **options), torch.ones(100, 2, 3)
    x = 20 * torch.randn(30, 2, 3) if kind == "RNN_RELU" else x
    with torch.no_grad():
        if kind == "LSTM":
            cell.bias_ih.fill_(3.0)  # c grows by about 1 a step
    cell, x = (cell.bfloat16(), x.bfloat16()) if given == "bfloat16" else (cell, x)
    with torch.autocast("cpu", torch.bfloat16, enabled=given == "autocast"), record(cell) as traces:
        run(cell, x)
    (seen,) = traces[""]
    assert len(seen.layers[0].x) == len(x)


def test_in_bfloat16_something_else_is_still_found():
    cell = Doubled(3, 4).bfloat16()
    with pytest.warns(UserWarning, match="Doubled gives something else"), record(cell) as traces:
        run(cell, torch.ones(9, 2, 3).bfloat16())
    assert len(traces[""]) == 1


@pytest.mark.parametrize(
    ("cell", "x", "reason"),
    [
        (Doubled(3, 4), torch.ones(2, 3), "Doubled gives something else"),
        (Silent(3, 4), torch.ones(2, 3), "gives no tensors"),
        (OwnCell(), torch.ones(2, 3), "OwnCell is a cell of its own"),
        (nn.GRUCell(3, 4), torch.ones(0, 3), "no steps"),
        (nn.LSTMCell(3, 4, device="meta"), torch.ones(2, 3, device="meta"), "meta device"),
    ],
    ids=["subclass", "gives nothing", "own cell", "no rows", "meta"],
)
def test_a_cell_that_cannot_be_traced_says_why(cell, x, reason):
    wanted = cell(x)
    with pytest.warns(UserWarning, match=reason), record(cell) as traces:
        got = cell(x)
    if wanted is None:
        assert got is None
    elif not cell.weight_ih.is_meta:
        assert torch.equal(got, wanted)
    (found,) = traces[""]
    assert isinstance(found, Untraced)
    assert reason in found.reason
