"""A network unrolled in time against autograd on its unrolled equations, in float64."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from rnnviz import RNN_TYPES
from rnnviz.analysis import unrolled as module
from rnnviz.analysis.unrolled import REACH, forgetting, unrolled
from rnnviz.nn.model import hidden_tensors
from tests.test_gradient_decay import grown
from tests.test_gradients import autograd
from tests.test_gradients import unrolled as by_hand

TEXT = "ab a\nb ab a b\nabb a  ab\n"  # longer than REACH


def double(kind):
    run = grown(kind)
    run.model.double()
    return run


def log10_norms(losses, nodes):
    """(T,T): row t, column s: log10 ||dL_t/d node_s|| by autograd."""
    with np.errstate(divide="ignore"):
        rows = [[float(n.norm()) for n in autograd(loss, nodes)] for loss in losses]
        return np.log10(np.array(rows))


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_norms_of_every_loss_by_every_state_in_reach_are_those_of_autograd(kind):
    run = double(kind)
    found = unrolled(run, TEXT)
    ids = run.ids(TEXT)
    losses, nodes = by_hand(run.model, ids)
    np.testing.assert_allclose(found.losses, [loss.item() for loss in losses], rtol=1e-9)
    steps = len(losses)
    assert steps > REACH  # else some distances would not be seen
    assert found.norms.keys() == ({"x", "h", "c"} if kind == "LSTM" else {"x", "h"})
    for name in found.norms:
        for layer in range(2):
            wanted = log10_norms(losses, nodes[name][layer])
            for t in range(steps):
                for d in range(REACH):
                    got = found.norms[name][layer, t, d]
                    if d > t:
                        assert got == -np.inf
                    else:
                        assert got == pytest.approx(wanted[t, t - d], abs=1e-7), (name, layer, t, d)


@pytest.mark.parametrize("step", [1, 7, 22])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_forgetting_is_the_models_own_forward_with_zero_states_from_there_on(kind, step):
    run = double(kind)
    ids, model = run.ids(TEXT), run.model
    whole = unrolled(run, TEXT)
    found = forgetting(run, TEXT, whole, step)
    with torch.no_grad():
        hidden, losses, states = model.init_hidden(1), [], []
        for t, (now, following) in enumerate(pairwise(ids)):
            if t == step:
                hidden = model.init_hidden(1)
            log_p, hidden = model(now[None, None], hidden)
            losses.append(-float(log_p[0, 0, following]))
            states.append([part[:, 0].numpy() for part in hidden_tensors(hidden)])
    np.testing.assert_allclose(found.losses, losses, rtol=1e-9)
    for n, name in enumerate(found.states):
        wanted = np.stack([state[n] for state in states], 1)  # (L,T,H)
        np.testing.assert_allclose(found.states[name], wanted, atol=1e-9)
    assert (found.losses[:step] == whole.losses[:step]).all()
    assert (found.losses[step:] != whole.losses[step:]).any()


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_no_gradient_passes_the_place_where_the_past_is_forgotten(kind):
    run, step = double(kind), 7
    whole = unrolled(run, TEXT)
    found = forgetting(run, TEXT, whole, step)
    for name, norms in found.norms.items():
        for t in range(len(found.losses)):
            for d in range(min(REACH, t + 1)):
                if t >= step > t - d:
                    assert (norms[:, t, d] == -np.inf).all()
                elif t < step:
                    assert (norms[:, t, d] == whole.norms[name][:, t, d]).all()
                else:
                    assert np.isfinite(norms[:, t, d]).all()


def test_a_long_text_is_unrolled_over_its_first_steps(monkeypatch):
    run = double("GRU")
    all_of_it = unrolled(run, TEXT)
    monkeypatch.setattr(module, "STEPS", 5)
    found = unrolled(run, TEXT)
    assert len(found.likeliest) == 5
    np.testing.assert_allclose(found.losses, all_of_it.losses[:5])
    assert len(forgetting(run, TEXT, found, 4).losses) == 5


def test_what_is_likeliest_is_what_the_model_gives_the_largest_probability():
    run = double("LSTM")
    found = unrolled(run, "ab ")
    with torch.no_grad():
        log_p, _ = run.model(run.ids("ab ")[None, :-1], run.model.init_hidden(1))
    for t in range(2):
        best = int(log_p[0, t].argmax())
        assert found.likeliest[t] == {" ": "\u2423", "\n": "\u23ce"}.get(
            run.vocab.id2token[best], run.vocab.id2token[best]
        )
        assert found.probability[t] == pytest.approx(float(log_p[0, t].max().exp()))


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_without_a_prediction_is_refused(text):
    with pytest.raises(ValueError, match="at least 2"):
        unrolled(double("GRU"), text)
