"""Gradients as arrays to draw: bounds and shares against plain loops over one-step Jacobians."""

import math

import numpy as np
import pytest
import torch

from rnnviz import RNN_TYPES, gradient_flow, influence, recurrent_jacobian, trace_model
from rnnviz.analysis import gradient_decay, learning_curves
from rnnviz.figures import gradients
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


def test_the_forget_gates_alone_carry_their_product():
    run, t = grown("LSTM"), 9
    flow, whole = (
        gradient_decay.decay_of_loss(run, TEXT, 0, t),
        gradient_flow(run.model, run.ids(TEXT), t),
    )
    f = trace_model(run.model, run.ids(TEXT)).layers[0].gates["f"][:, 0].double()
    for s in range(t + 1):
        expected = (f[s + 1 : t + 1].prod(0) * whole.c[0, t]).norm().item()
        assert 10 ** flow.bound[s] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", RNN_TYPES[2:])
def test_the_product_of_singular_values_is_a_bound_of_the_top_layer(kind):
    run, t = grown(kind), 9
    flow, seen = (
        gradient_decay.decay_of_loss(run, TEXT, 1, t),
        trace_model(run.model, run.ids(TEXT)),
    )
    bound = 10 ** flow.h[t]
    for s in range(t, -1, -1):
        assert 10 ** flow.bound[s] == pytest.approx(bound, rel=1e-6)
        assert flow.h[s] <= flow.bound[s] + 1e-9
        jacobian = recurrent_jacobian(run.model.rnn, seen, 1, s)
        bound *= torch.linalg.matrix_norm(jacobian, 2).item()
    assert (
        gradient_decay.decay_of_loss(run, TEXT, 0, t).bound is None
    )  # more than its own Jacobians reach layer 0
    assert gradient_decay.decay_of_loss(grown("GRU"), TEXT, 1, t).bound is None


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


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_laboratory_clips_as_clipping_the_recurrent_gradient_would(kind):
    free = gradient_decay.laboratory(kind, 3.0, 0.0, 16, 40, clip=False)
    clipped = gradient_decay.laboratory(kind, 3.0, 0.0, 16, 40, clip=True)
    shift = free - clipped
    assert free.shape == (40,)
    assert np.isfinite(free).all()
    assert shift == pytest.approx(np.full(40, shift[0]), abs=1e-9)
    assert shift[0] >= 0


def test_a_forget_bias_moves_the_lstm():
    low, high = (
        gradient_decay.laboratory("LSTM", 1.0, bias, 16, 100, clip=False) for bias in (-2.0, 4.0)
    )
    assert high[0] > low[0] + 5  # decades, at the far end


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_lines_of_a_model_are_its_norms_and_what_truncation_hides_is_pale(kind):
    decay = gradient_decay.decay_of_loss(grown(kind), TEXT, 1, 9)
    model = gradients.ModelDecay(kind, "#000000", "solid", decay)
    lines = gradients.norm_lines([model], 0)
    norms = [norm for norm in (decay.h, decay.c) if norm is not None]
    assert [line.log10.tolist() for line in lines] == [norm.tolist() for norm in norms]
    seen, pale = gradients.norm_lines([model], 4)[:2]
    assert np.isneginf(seen.log10[:8]).all()
    assert np.isfinite(seen.log10[8:]).all()
    assert (pale.legend, pale.opacity) == (False, 0.3)
    assert pale.log10.tolist() == decay.h.tolist()
    carriers = [len(gradients.carrier_lines([model], cell, "bound")) for cell in (True, False)]
    assert carriers == {"LSTM": [2, 0], "GRU": [0, 0]}.get(kind, [0, 2])
