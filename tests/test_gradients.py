"""Gradients through time against autograd on unrolled equations, and against chains of one-step
vector-Jacobian products with logarithmic scales where T is long.

Models in float32 are held to a float64 chain along their own recorded x, h and c (`trace_model`).
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st
from torch import nn

import rnnviz
from rnnviz import RNN_TYPES, RNNModel, gradient_flow, influence, trace, trace_model
from rnnviz.analysis import gradients


def sigmoid(a):
    """Written such that its derivative by autograd keeps its digits where it is small."""
    return torch.exp(-nn.functional.softplus(-a, threshold=700))


def tanh(a):
    return 2 * sigmoid(2 * a) - 1


def loss_of(scores, target):
    """-log p of the target (V,) -> (), written such that its derivative by autograd, p - 1, keeps
    its digits where p is almost 1."""
    others = scores[torch.arange(len(scores)) != target] - scores[target]
    if not len(others):
        return 0 * scores.sum()  # the only token is certain
    return nn.functional.softplus(others.logsumexp(0), threshold=700)


LIMITS = {torch.float64: 1e-9, torch.float32: 1e-5}


def build(
    kind, steps=9, layers=2, vocab=7, embedding=5, hidden=6, tied=False, gain=1.0, dtype=None
):
    """A model in eval mode, recurrent weights with a spectral radius of about `gain`, and ids."""
    torch.manual_seed(steps)
    model = RNNModel(kind, vocab, hidden if tied else embedding, hidden, layers, tie_weights=tied)
    nn.init.normal_(model.embedding.weight)
    for k in range(layers):
        nn.init.normal_(getattr(model.rnn, f"weight_hh_l{k}"), std=gain / math.sqrt(hidden))
    return model.to(dtype or torch.float64).eval(), torch.randint(vocab, (steps + 1,))


def doubled(module, end="", names=("weight_ih", "weight_hh", "bias_ih", "bias_hh")):
    return [getattr(module, name + end).detach().double() for name in names]


def cell(kind, weights, x, h, c, recorded=None):
    """One step on x (D,), h (H,), c (H,): the new h and c (its value as recorded, if given)."""
    w, u, b, d = weights
    a, s = (w @ x + b).split(len(h)), (u @ h + d).split(len(h))
    if kind == "LSTM":
        i, f, g, o = (a[k] + s[k] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        c = c if recorded is None else c + (recorded - c).detach()
        return sigmoid(o) * tanh(c), c
    if kind == "GRU":
        r, z = sigmoid(a[0] + s[0]), sigmoid(a[1] + s[1])
        return (1 - z) * tanh(a[2] + r * s[2]) + z * h, c
    return (tanh(a[0] + s[0]) if kind == "RNN_TANH" else (a[0] + s[0]).clamp(min=0)), c


def unrolled(model, ids, truncate=None):
    """Every step's loss, and its x, h and c: name -> layer -> step, each in the graph."""
    rnn, layers = model.rnn, range(model.rnn.num_layers)
    weights = [doubled(rnn, f"_l{k}") for k in layers]
    output, bias = doubled(model.projection, names=("weight", "bias"))
    h, c = ([torch.zeros(rnn.hidden_size).double() for _ in layers] for _ in "hc")
    nodes, losses = {name: [[] for _ in layers] for name in "xhc"}, []
    for t, token in enumerate(ids[:-1]):
        if truncate and t % truncate == 0:
            h, c = [s.detach() for s in h], [s.detach() for s in c]
        below = model.embedding.weight[token].detach().double().requires_grad_()
        for k in layers:
            x = below.clone()  # what this layer reads, apart from what the layer below keeps
            h[k], c[k] = cell(model.rnn_type, weights[k], x, h[k], c[k])
            below = h[k]
            for name, node in {"x": x, "h": h[k], "c": c[k]}.items():
                nodes[name][k].append(node)
        losses.append(loss_of(output @ below + bias, ids[t + 1]))
    return losses, nodes


def autograd(loss, steps):
    """(T,H): the gradient at each step's node, zero where the loss does not depend on it."""
    options = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
    return torch.stack(torch.autograd.grad(loss, steps, **options))


def scaled(vector, log=0.0):
    size = vector.norm().item()
    return (vector / size, log + math.log(size)) if size else (vector, -math.inf)


def add(one, other):
    top = max(one[1], other[1], -1e300)
    return scaled(sum(vector * math.exp(log - top) for vector, log in (one, other)), top)


def chained(model, ids, target, truncate=None):
    """name -> unit vectors (L,T,H) and logs of norms (L,T), along the states of `trace_model`."""
    layers, size = trace_model(model, ids[:-1]).layers, model.rnn.hidden_size
    weights = [doubled(model.rnn, f"_l{k}") for k in range(len(layers))]
    output, bias = doubled(model.projection, names=("weight", "bias"))
    zero = torch.zeros(size).double()
    units = {name: torch.zeros(len(layers), len(ids) - 1, size).double() for name in "hc"}
    logs = {name: torch.full(units["h"].shape[:2], -math.inf).double() for name in "xhc"}
    carried = [scaled(zero.repeat(2))] * len(layers)  # the adjoint of (h, c) from later steps
    share = (output @ layers[-1].h[target + 1, 0].double() + bias).softmax(0)
    share[ids[target + 1]] = 0
    share[ids[target + 1]] = -share.sum()  # p - 1 without the cancellation
    above = scaled(torch.cat([output.T @ share, zero]))
    for t in range(target, truncate * (target // truncate) - 1 if truncate else -1, -1):
        for k, layer in reversed(list(enumerate(layers))):
            adjoint, log = add(carried[k], above)
            states = (layer.x, layer.h, layer.h if layer.c is None else layer.c)
            leaves = [s[t, 0].double().requires_grad_() for s in states]
            h, c = cell(model.rnn_type, weights[k], *leaves, states[2][t + 1, 0].double())
            score = adjoint[:size] @ h + adjoint[size:] @ c  # without c: its adjoint is zero
            x, h, c, c_out = torch.autograd.grad(score, [*leaves, c])
            for name, vector in {"h": adjoint[:size], "c": c_out}.items():
                units[name][k, t], logs[name][k, t] = scaled(vector, log)
            logs["x"][k, t] = scaled(x, log)[1]
            carried[k] = scaled(torch.cat([h, c]), log)
            above = scaled(torch.cat([x, zero]), log)
        above = scaled(zero.repeat(2))
    return units, logs


def agree(found, expected, limit):
    """Relative to the norm of each row; a NaN never passes."""
    assert found.dtype == torch.float64
    assert found.shape == expected.shape
    assert ((found - expected).norm(dim=-1) <= limit * expected.norm(dim=-1)).all()


def agree_with_chain(model, ids, limit, target=-1, truncate=None):
    flow, t = gradient_flow(model, ids, target, truncate), target % (len(ids) - 1)
    units, logs = chained(model, ids, t, truncate)
    for name in "hc" if model.rnn_type == "LSTM" else "h":
        vectors, norms, found = (getattr(flow, name + end) for end in ("", "_norm", "_log_norm"))
        unit, log = units[name], logs[name]
        assert ((found == log) | ((found - log).abs() <= limit)).all()  # no false zeros
        seen = log.abs() < 650  # where float64 holds the numbers themselves
        back = torch.exp(-log[seen])[:, None]
        agree(vectors[seen] * back, unit[seen], limit)
        agree(norms[seen][:, None] * back, torch.ones_like(back), limit)
        assert vectors.shape == unit.shape
        assert not any(array.isnan().any() for array in (vectors, norms))
    for name in "xhc" if model.rnn_type == "LSTM" else "xh":
        for k, log in enumerate(logs[name] if truncate is None else ()):
            row, seen = influence(model, ids, of=name, layer=k)[t], log > -650
            agree(row[seen][:, None], log[seen][:, None].exp(), limit)
            assert (row[~seen] <= 2 * log[~seen].exp()).all()
    return logs


def refused(call):
    """A ValueError of one sentence."""
    with pytest.raises(ValueError, match=r"\A[^\n]{15,200}\Z"):
        call()


most = {"steps": 8, "layers": 3, "vocab": 6, "embedding": 4, "hidden": 5}
sizes = {name: st.integers(1, size) for name, size in most.items()}
others = {"tied": st.booleans(), "gain": st.sampled_from([0.5, 1.5])}
options = st.fixed_dictionaries({"kind": st.sampled_from(RNN_TYPES), **sizes, **others})
three = {"layers": 3, "vocab": 2, "hidden": 4, "tied": True}
certain = {"embedding": 1, "tied": True, "gain": 1.5}  # a prediction has p = 1 in float64
target_and_window = st.integers(-15, 15), st.none() | st.integers(1, 9)


@cases(max_examples=60)
@given(options, *target_and_window)
@example({"kind": "LSTM", "steps": 1, **three}, 0, None)
@example({"kind": "LSTM", "steps": 7, **three}, -1, 3)
@example({"kind": "GRU", "steps": 6, **three}, 13, 2)
def test_gradient_flow_is_autograd_of_one_loss(options, target, truncate):
    model, ids = build(**options)
    flow, t = gradient_flow(model, ids, target, truncate), target % options["steps"]
    losses, nodes = unrolled(model, ids, truncate)
    units, logs = chained(model, ids, t, truncate)
    for name in "hc" if model.rnn_type == "LSTM" else "h":
        expected = torch.stack([autograd(losses[t], states) for states in nodes[name]])
        agree(units[name] * logs[name].exp()[..., None], expected, 1e-9)  # the oracles themselves
        agree(getattr(flow, name), expected, 1e-9)
        agree(getattr(flow, name + "_norm")[..., None], expected.norm(dim=-1)[..., None], 1e-9)
    if model.rnn_type != "LSTM":
        assert flow.c is flow.c_norm is flow.c_log_norm is None


@cases(max_examples=60)
@given(options, *target_and_window)
def test_float32_models_follow_their_recorded_states(options, target, truncate):
    agree_with_chain(*build(**options, dtype=torch.float32), 1e-5, target, truncate)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("gain", [0.01, 1, 3])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_three_hundred_steps_vanish_and_explode_without_false_zeros(kind, gain, dtype):
    model, ids = build(kind, 300, hidden=9, gain=gain, dtype=dtype)
    top = trace_model(model, ids[:-1]).layers[-1].h[-1, 0]
    ids[-1] = model.projection(top).argmin()  # a certain prediction has no gradient
    if dtype == torch.float32 and kind == "RNN_RELU" and gain == 3:
        refused(lambda: gradient_flow(model, ids))  # its states overflow
    else:
        agree_with_chain(model, ids, LIMITS[dtype])


@pytest.mark.parametrize("dtype", LIMITS)
def test_layers_of_unlike_memory_and_a_prediction_almost_certain(dtype):
    model, ids = build("LSTM", 300, dtype=dtype)
    with torch.no_grad():
        model.rnn.bias_hh_l0[6:12], model.rnn.bias_hh_l1[6:12] = 3, -12
        model.rnn.weight_hh_l1 *= 1e-3
        model.projection.bias[ids[-1]] += 30
    logs = agree_with_chain(model, ids, LIMITS[dtype])["h"]
    assert logs[1, 0] < -1000 < -100 < logs[0, 0]


@cases(max_examples=30)
@given(options)
@example({"kind": "GRU", "steps": 1, **three})
@example({"kind": "LSTM", "steps": 6, **three})
@example({"kind": "RNN_RELU", "steps": 7, "layers": 1, "vocab": 2, "hidden": 2, **certain})
def test_influence_is_each_row_by_autograd_and_by_gradient_flow(options):
    model, ids = build(**options)
    losses, nodes = unrolled(model, ids)
    flows = [gradient_flow(model, ids, target) for target in range(len(losses))]
    for of in "hcx" if model.rnn_type == "LSTM" else "hx":
        for layer in range(-options["layers"], options["layers"]):
            matrix = influence(model, ids, of=of, layer=layer)[..., None]  # entry by entry
            rows = [autograd(loss, nodes[of][layer]).norm(dim=-1) for loss in losses]
            agree(matrix, torch.stack(rows)[..., None], 1e-9)
            if of != "x":
                rows = [getattr(flow, of + "_norm")[layer] for flow in flows]
                agree(matrix, torch.stack(rows)[..., None], 1e-9)
    assert torch.equal(influence(model, ids), influence(model, ids, "h", options["layers"] - 1))


@cases(max_examples=60)
@given(st.sampled_from(RNN_TYPES), st.sampled_from(list(LIMITS)), st.booleans(), st.data())
def test_recurrent_jacobian_is_jacrev_of_one_step(kind, dtype, both_ways, data):
    size, layers, steps, batch = (data.draw(st.integers(1, 3)) for _ in range(4))
    make = {"LSTM": nn.LSTM, "GRU": nn.GRU}.get(kind, nn.RNN)
    more = {"nonlinearity": kind.removeprefix("RNN_").lower()} if make is nn.RNN else {}
    rnn = make(3, size, layers, bidirectional=both_ways, dtype=dtype, **more)
    seen = trace(rnn, 3 * torch.randn(steps, batch, 3, dtype=dtype))
    n, step, b = (data.draw(st.integers(0, s - 1)) for s in (len(seen.layers), steps, batch))
    layer, end = seen.layers[n], f"_l{n // 2}" if both_ways else f"_l{n}"
    weights = doubled(rnn, end + "_reverse" * layer.reverse)
    states = [s[step + layer.reverse, b] for s in (layer.h, layer.c) if s is not None]

    def after(state):
        h, c = cell(kind, weights, layer.x[step, b].double(), state[:size], state[size:])
        return torch.cat([h, c])

    expected = torch.func.jacrev(after)(torch.cat(states).double())
    found = rnnviz.recurrent_jacobian(rnn, seen, n, step, b)
    assert found.shape == expected.shape == (len(states) * size,) * 2
    agree(found.double().flatten()[None], expected.flatten()[None], LIMITS[dtype])


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_training_mode_and_grad_mode_change_nothing_and_are_left_alone(kind):
    model, ids = build(kind, dtype=torch.float32)
    flow, matrix = gradient_flow(model, ids, 5), influence(model, ids)
    model.train()
    model.dropout.eval()
    model.rnn.weight_hh_l0.requires_grad_(False)
    noise = torch.get_rng_state()
    with torch.no_grad():
        assert torch.equal(gradient_flow(model, ids.tolist(), 5).h, flow.h)
    assert torch.equal(influence(model, np.array(ids)), matrix)
    assert torch.equal(torch.get_rng_state(), noise)
    assert [m.training for m in (model, model.rnn, model.dropout)] == [True, True, False]
    assert [p.requires_grad for p in model.rnn.parameters()].count(False) == 1
    assert all(p.grad is None for p in model.parameters())
    assert not any(found.requires_grad for found in (flow.h, flow.h_log_norm, matrix))


def test_what_cannot_be_computed_is_refused_in_one_sentence():
    model, ids = build("RNN_RELU", dtype=torch.float32)
    for wrong in ([], [1], torch.tensor([], dtype=torch.long)):
        refused(lambda ids=wrong: gradient_flow(model, ids))
        refused(lambda ids=wrong: influence(model, ids))
    for of in ("c", "H", ""):
        refused(lambda of=of: influence(model, ids, of=of))
    for layer in (-3, 2, 0.0, True, None):
        refused(lambda layer=layer: influence(model, ids, layer=layer))
    for wrong in (0, 2.5, "3", True):
        refused(lambda wrong=wrong: gradient_flow(model, ids, truncate=wrong))
    for wrong in (1.5, None, True):
        refused(lambda wrong=wrong: gradient_flow(model, ids, target=wrong))
    for weights in (model.rnn.weight_hh_l0, model.rnn.weight_ih_l0, model.embedding.weight):
        nn.init.constant_(weights, 1e20)
    refused(lambda: gradient_flow(model, ids))
    refused(lambda: influence(model, ids, of="x", layer=0))


@pytest.mark.parametrize(
    "ids",
    [[0, 7], [-1, 0], [0.0, 1.0], [True, False], [1j, 1], 3, [[0, 1]], [[0], [1, 2]], "ab", None],
    ids=str,
)
def test_ids_that_are_no_sequence_of_the_vocabulary_are_refused_in_one_sentence(ids):
    model, _ = build("GRU")
    for function in (gradient_flow, influence, trace_model, rnnviz.next_token):
        refused(lambda function=function: function(model, ids))
    for tensor in (torch.tensor([0, 6], dtype=torch.uint8), np.array([0, 6], dtype=np.int16)):
        assert torch.equal(influence(model, tensor), influence(model, [0, 6]))
    refused(lambda: trace_model(model, []))


def test_a_saturated_cell_has_a_small_slope_and_no_false_zero():
    for bias in (8.0, 15.0, 40.0):
        rnn = nn.RNN(1, 1, dtype=torch.float64)
        for parameter in rnn.parameters():
            nn.init.zeros_(parameter)
        nn.init.ones_(rnn.weight_hh_l0)
        nn.init.constant_(rnn.bias_ih_l0, bias)
        seen = trace(rnn, torch.zeros(2, 1).double())
        slope = rnnviz.recurrent_jacobian(rnn, seen, 0, 0).item()  # from h = 0: a = bias
        assert slope == pytest.approx(4 / (math.exp(bias) + math.exp(-bias)) ** 2, rel=1e-12)


def test_layers_steps_and_rows_that_a_trace_does_not_have_are_refused():
    rnn = build("LSTM")[0].rnn
    seen = trace(rnn, torch.randn(3, 9, 5).double())
    last = rnnviz.recurrent_jacobian(rnn, seen, -1, -1, -1)
    assert torch.equal(last, rnnviz.recurrent_jacobian(rnn, seen, 1, 8, 2))
    for wrong in ((2, 0, 0), (-3, 0, 0), (0, 9, 0), (0, -10, 0), (0, 0, 3), (0, 0, -4), (0.0, 0)):
        refused(lambda wrong=wrong: rnnviz.recurrent_jacobian(rnn, seen, *wrong))
    for layer in (2, -3, 1.0, None, True):
        refused(lambda layer=layer: rnnviz.memory_half_life(seen, layer))


def test_the_jacobian_of_a_projected_lstm_is_that_of_its_unprojected_step():
    rnn = nn.LSTM(3, 5, proj_size=2, dtype=torch.float64)
    seen = trace(rnn, torch.randn(4, 3).double())
    layer, (w_hr,) = seen.layers[0], doubled(rnn, "_l0", ["weight_hr"])
    w, u, b, d = doubled(rnn, "_l0")

    def after(state):
        i, f, g, o = (w @ layer.x[2, 0] + b + u @ state[:2] + d).split(5)
        c = sigmoid(f) * state[2:] + sigmoid(i) * tanh(g)
        return torch.cat([w_hr @ (sigmoid(o) * tanh(c)), c])

    expected = torch.func.jacrev(after)(torch.cat([layer.h[2, 0], layer.c[2, 0]]))
    found = rnnviz.recurrent_jacobian(rnn, seen, 0, 2)
    agree(found.flatten()[None], expected.detach().flatten()[None], 1e-12)


def test_half_lives_of_gates_and_of_a_row_of_norms():
    for kind, name in {"LSTM": "f", "GRU": "z"}.items():
        seen = trace(build(kind)[0].rnn, torch.randn(3, 20, 5).double())
        units = seen.layers[1].gates[name].flatten(0, 1).T.tolist()
        plain = [math.log(0.5) / np.mean([math.log(f) for f in unit]) for unit in units]
        assert rnnviz.memory_half_life(seen, 1).tolist() == pytest.approx(plain, rel=1e-12)
        nn.init.constant_((rnn := build(kind)[0].rnn).bias_hh_l0, 1e4)  # nothing is ever forgotten
        seen = trace(rnn, torch.ones(9, 5).double())
        assert (rnnviz.memory_half_life(seen, 0) == math.inf).all()
    seen = trace(build("RNN_TANH")[0].rnn, torch.randn(9, 5).double())
    refused(lambda: rnnviz.memory_half_life(seen, 0))
    fit, decay = rnnviz.fit_half_life, 0.5 ** (torch.arange(40.0).flip(0).double() / 7)
    noisy = decay * torch.rand(40)
    line = np.polyfit(np.arange(39, -1, -1), noisy.log().numpy(), 1)[0]
    assert fit(noisy) == pytest.approx(-math.log(2) / line, rel=1e-9)
    assert fit(decay.where(torch.arange(40) % 13 > 0, 0).numpy()) == pytest.approx(7, rel=1e-9)
    assert fit(decay.flip(0)) == fit(torch.ones(9)) == math.inf
    assert all(math.isnan(fit(torch.tensor(norms))) for norms in ([], [2.0], [0.0, 3.0, 0.0]))
    assert isinstance(fit(decay), float)


@pytest.mark.parametrize("function", [gradient_flow, influence])
def test_gradients_use_one_thread_and_give_back_those_that_were_set(function, monkeypatch):
    model, before, seen = RNNModel("LSTM", 9, 4, 4, 1).eval(), torch.get_num_threads(), []
    true = gradients.cells.step_back
    monkeypatch.setattr(
        gradients.cells, "step_back", lambda *a: (seen.append(torch.get_num_threads()), true(*a))
    )
    torch.set_num_threads(3)
    try:
        function(model, [1, 2, 3])
        assert set(seen) == {1}
        assert torch.get_num_threads() == 3
        with pytest.raises(ValueError, match="at least 2"):
            function(model, [1])
        assert torch.get_num_threads() == 3
        seen.clear()
        monkeypatch.setattr(gradients, "TEAM_FROM", 0)
        influence(model, [1, 2, 3])
        assert set(seen) == {3}  # large products are worth a team
    finally:
        torch.set_num_threads(before)
