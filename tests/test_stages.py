"""Gradients through a decoder into its encoder, against autograd over an unrolled graph."""

import pytest
import torch
from torch import nn

from rnnviz import record
from rnnviz.analysis.stages import Stage, run_back
from rnnviz.nn.cell_types import CELL_TYPES, RNN_TYPES
from rnnviz.nn.model import as_hidden, hidden_tensors, make_rnn

D, H, K = 3, 5, 4


def one_step(rnn, x, hidden):
    """The next state; of an LSTM by its equations, since a fused kernel hides that h reads c."""
    if not isinstance(rnn, nn.LSTM):
        return rnn(x, hidden)[1]
    (w_ih, w_hh, b_ih, b_hh), (h, c) = rnn.all_weights[0], hidden
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def unrolled(rnn, x, hidden):
    """The states after each step of x (1,T,D), with their gradients kept."""
    states = []
    for t in range(x.shape[1]):
        hidden = one_step(rnn, x[:, t : t + 1], hidden)
        for part in hidden_tensors(hidden):
            part.retain_grad()
        states.append(hidden)
    return states


def gradient(hidden) -> torch.Tensor:
    return torch.cat([part.grad.flatten() for part in hidden_tensors(hidden)])


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
@pytest.mark.parametrize(("stages", "step"), [(1, 6), (2, 0), (2, 6), (2, 3), (3, 6)])
def test_a_gradient_through_stages_is_that_of_autograd(rnn_type, stages, step):
    torch.manual_seed(stages + step)
    rnns = [make_rnn(rnn_type, D, H, 1).double().eval() for _ in range(stages)]
    head = nn.Linear(H, K).double()
    inputs = [torch.randn(1, 7, D, dtype=torch.float64) for _ in rnns]
    zeros = [torch.zeros(1, 1, H, dtype=torch.float64) for _ in CELL_TYPES[rnn_type].feeds]
    hidden = as_hidden([part.requires_grad_() for part in zeros])
    walked, traced, seen = [], hidden, []
    for rnn, x in zip(rnns, inputs, strict=True):
        walked.append([hidden, *unrolled(rnn, x, hidden)])
        hidden = walked[-1][-1]
        with record(rnn) as traces:
            traced = rnn(x, traced)[1]
        seen.append(Stage(rnn, traces[""][0].layers[0]))
    h = hidden_tensors(walked[-1][step + 1])[0]
    (-head(h[0]).log_softmax(-1)[0, 2]).backward()
    found = run_back(seen, head, step, 2)
    for number, (rows, states) in enumerate(zip(found, walked, strict=True)):
        last = number == stages - 1
        for place, state in enumerate(states):
            if last and place > step + 1:
                assert not rows[place].any()
                continue
            wanted = gradient(state)
            if place == 0 and number:  # autograd's has the part of c through the last h before it
                continue
            torch.testing.assert_close(rows[place], wanted, rtol=1e-9, atol=1e-14)


def test_a_step_that_is_not_there_is_said():
    rnn = make_rnn("GRU", D, H, 1)
    with record(rnn) as traces:
        rnn(torch.randn(1, 4, D), torch.zeros(1, 1, H))
    stage = Stage(rnn, traces[""][0].layers[0])
    with pytest.raises(ValueError, match="step must be from 0 to 3, not 4"):
        run_back([stage], nn.Linear(H, K), 4, 0)
