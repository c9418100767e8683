"""Gradients as arrays to draw: bounds and shares against plain loops over one-step Jacobians."""

import math

import numpy as np
import pytest
import torch

from rnnviz import RNN_TYPES, gradient_flow, influence, recurrent_jacobian, trace_model
from rnnviz.analysis import gradient_decay, learning_curves
from rnnviz.figures import gradients
from tests.test_gradients import autograd, unrolled
from tests.test_text_view import some_run

TEXT = "ab a\nb ab a b\n"


def grown(kind, gain=2.0):
    """A run whose recurrent weights are large enough for its gradients to be told apart."""
    run = some_run(kind)
    with torch.no_grad():
        for k in range(2):
            getattr(run.model.rnn, f"weight_hh_l{k}").mul_(gain)
    return run


@pytest.mark.parametrize("target", [0, 1, 9])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_a_flow_is_the_gradient_of_one_loss_up_to_its_target(kind, target):
    run = grown(kind)
    flow, whole = (
        gradient_decay.decay_of_loss(run, TEXT, 1, target),
        gradient_flow(run.model, run.ids(TEXT), target),
    )
    assert flow.h.shape == (target + 1,)
    np.testing.assert_allclose(10**flow.h, whole.h_norm[1, : target + 1], rtol=1e-5)
    assert (flow.c is None) == (kind != "LSTM")
    assert math.isnan(flow.half_life) == (target == 0)


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("layer", [0, 1])
def test_what_is_carried_is_the_gradient_times_each_steps_own_factor(kind, layer):
    """f of an LSTM, z of a GRU, the whole Jacobian of an RNN, against a plain loop."""
    run, t = grown(kind), 9
    found = gradient_decay.decay_of_loss(run, TEXT, layer, t)
    whole, seen = gradient_flow(run.model, run.ids(TEXT), t), trace_model(run.model, run.ids(TEXT))
    v = (whole.h if whole.c is None else whole.c)[layer, t]
    first = v.norm().item()
    for s in range(t, -1, -1):
        assert 10 ** found.carried[s] == pytest.approx(v.norm().item() / first, rel=1e-5)
        before = v
        if kind in ("LSTM", "GRU"):
            v = v * seen.layers[layer].gates["f" if kind == "LSTM" else "z"][s, 0].double()
        else:
            v = recurrent_jacobian(run.model.rnn, seen, layer, s).T @ v
        if s:
            assert found.factors[t - s] == pytest.approx(
                (v.norm() / before.norm()).item(), rel=1e-5
            )


@pytest.mark.parametrize("kind", RNN_TYPES[2:])
def test_in_the_top_layer_of_an_rnn_the_product_is_the_true_norm(kind):
    """By autograd on an unrolled loop: all of the gradient takes the path through W."""
    run, t = grown(kind), 9
    found = gradient_decay.decay_of_loss(run, TEXT, 1, t)
    model, ids = run.model.double(), run.ids(TEXT)
    losses, nodes = unrolled(model, ids[: t + 2])
    norms = torch.stack([n.norm() for n in autograd(losses[t], nodes["h"][1])])
    np.testing.assert_allclose(10**found.carried, (norms / norms[-1]).numpy(), rtol=1e-4)
    assert found.loss == pytest.approx(losses[t].item(), rel=1e-5)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_product_of_singular_values_bounds_what_an_rnn_carries(kind, layer):
    run, t = grown(kind), 9
    bound = gradient_decay.singular_bound(run, TEXT, layer, t)
    if kind in ("LSTM", "GRU"):
        assert bound is None
        return
    carried = gradient_decay.decay_of_loss(run, TEXT, layer, t).carried
    seen, expected = trace_model(run.model, run.ids(TEXT)), 1.0
    for s in range(t, -1, -1):
        assert 10 ** bound[s] == pytest.approx(expected, rel=1e-6)
        assert carried[s] <= bound[s] + 1e-6
        jacobian = recurrent_jacobian(run.model.rnn, seen, layer, s)
        expected *= torch.linalg.matrix_norm(jacobian, 2).item()


def test_a_step_that_lets_nothing_through_leaves_nothing_to_draw():
    run = some_run("RNN_RELU")
    with torch.no_grad():
        run.model.rnn.bias_hh_l1.fill_(-1e3)  # no unit is on: every slope is 0
    found = gradient_decay.decay_of_loss(run, TEXT, 1, 5)
    assert np.isneginf(found.h[:5]).all()
    assert not np.isfinite(found.carried[:5]).any()
    assert figure_of(found, "RNN_RELU").data[1].name == "m: W, typically ×0.00"


def test_truncated_bptt_sees_the_last_window_alone():
    norms = np.arange(8.0)
    for window in (1, 3, 8, 100):
        seen = [s >= window * (7 // window) for s in range(8)]
        assert (gradient_decay.truncated(norms, window) == np.where(seen, norms, -np.inf)).all()


def test_a_record_counts_for_the_steps_since_the_one_before():
    history = [{"step": 20, "clipped": 1.0}, {"step": 25, "clipped": 0.2}]
    assert learning_curves.clipped_share(history) == pytest.approx((20 * 1.0 + 5 * 0.2) / 25)


def test_the_matrix_of_all_pairs_is_in_decades():
    run = grown("GRU")
    found = gradient_decay.influence_log10(run, TEXT, 0)
    matrix = influence(run.model, run.ids(TEXT), of="x", layer=0).numpy()
    np.testing.assert_allclose(10**found, matrix, rtol=1e-12)
    assert np.isneginf(found[np.triu_indices(len(found), 1)]).all()


def figure_of(decay, kind, bound=None):
    model = gradients.ModelDecay("m", kind, "#000000", "solid", decay, bound)
    return gradients.carriers([model])


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_lines_of_a_model_begin_at_1_and_what_truncation_hides_is_pale(kind):
    decay = gradient_decay.decay_of_loss(grown(kind), TEXT, 1, 9)
    model = gradients.ModelDecay(kind, kind, "#000000", "solid", decay)
    norms = [norm for norm in (decay.h, decay.c) if norm is not None]
    lines = gradients.norm_lines([model], 0, absolute=True)
    assert [line.log10.tolist() for line in lines] == [norm.tolist() for norm in norms]
    shares = gradients.norm_lines([model], 0, absolute=False)
    assert [line.log10[-1] for line in shares] == [0.0] * len(norms)
    for line, norm in zip(shares, norms, strict=True):
        np.testing.assert_allclose(10**line.log10, 10**norm / 10 ** norm[-1])
    seen, pale = gradients.norm_lines([model], 4, absolute=True)[:2]
    assert np.isneginf(seen.log10[:8]).all()
    assert np.isfinite(seen.log10[8:]).all()
    assert (pale.legend, pale.opacity) == (False, 0.3)
    assert pale.log10.tolist() == decay.h.tolist()


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_bars_go_from_1_to_each_factor_and_the_line_is_their_product(kind, monkeypatch):
    monkeypatch.setattr(gradients, "STEPS_BACK", 6)
    decay = gradient_decay.decay_of_loss(grown(kind), TEXT, 1, 9)
    bars, line = figure_of(decay, kind).data
    assert (bars.type, bars.base, line.type) == ("bar", 1, "scatter")
    assert bars.x.tolist() == [1, 2, 3, 4, 5, 6]
    product = np.cumprod(1 + bars.y.astype(float))
    np.testing.assert_allclose(10 ** line.y[1:], product, rtol=1e-4)
    assert line.y[0] == 0
    assert f"×{np.median(decay.factors[:6]):.2f}" in line.name
    assert len(figure_of(decay, kind, decay.carried + 1).data) == 3
    one = gradient_decay.decay_of_loss(grown(kind), TEXT, 1, 0)
    assert len(figure_of(one, kind).data[0].x) == 0
