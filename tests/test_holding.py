"""A held unit, against a loop over the equations that is written out here."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import RNN_TYPES, RNNModel, hold, trace_model
from rnnviz.analysis.holding import hold_all

NAMES = {"LSTM": "ifgohc", "GRU": "rznh", "RNN_TANH": "ah", "RNN_RELU": "ah"}
V, D, H, T = 6, 3, 4, 5


def some_model(kind: str, layers: int, seed: int = 0) -> RNNModel:
    torch.manual_seed(seed)
    model = RNNModel(kind, V, D, H, layers, dropout=0.4).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


def sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def affine(model, name: str, k: int, row: int, vector: list[float]) -> float:
    weight = getattr(model.rnn, f"weight_{name}_l{k}")[row].tolist()
    bias = getattr(model.rnn, f"bias_{name}_l{k}")[row].item()
    return sum(w * v for w, v in zip(weight, vector, strict=True)) + bias


def one_unit(kind, model, k, j, x, h, c, held) -> dict[str, float]:
    """Gates and states of unit j after one step, one number after the other."""

    def block(n: int) -> tuple[float, float]:
        return affine(model, "ih", k, n * H + j, x), affine(model, "hh", k, n * H + j, h)

    found = {}

    def put(name: str, value: float) -> float:
        found[name] = held.get(name, value)
        return found[name]

    if kind == "LSTM":
        i, f = put("i", sigmoid(sum(block(0)))), put("f", sigmoid(sum(block(1))))
        g, o = put("g", math.tanh(sum(block(2)))), put("o", sigmoid(sum(block(3))))
        put("h", o * math.tanh(put("c", f * c[j] + i * g)))
    elif kind == "GRU":
        r, z = put("r", sigmoid(sum(block(0)))), put("z", sigmoid(sum(block(1))))
        of_x, of_h = block(2)
        n = put("n", math.tanh(of_x + r * of_h))
        put("h", (1 - z) * n + z * h[j])
    else:
        a = put("a", sum(block(0)))
        put("h", math.tanh(a) if kind == "RNN_TANH" else max(a, 0.0))
    return found


def by_hand(model, ids, unit, held, start, layer):
    """Of each layer a list of steps, name -> H numbers; and log-probabilities (T,V)."""
    kind, layers = model.rnn_type, []
    read = [model.embedding.weight[n].tolist() for n in ids]
    for k in range(model.rnn.num_layers):
        h, c, steps = [0.0] * H, [0.0] * H, []
        for t, x in enumerate(read):
            is_held = [held if (k, j) == (layer, unit) and t >= start else {} for j in range(H)]
            units = [one_unit(kind, model, k, j, x, h, c, is_held[j]) for j in range(H)]
            steps.append({name: [u[name] for u in units] for name in units[0]})
            h, c = steps[-1]["h"], steps[-1].get("c", c)
        layers.append(steps)
        read = [step["h"] for step in steps]
    top = torch.tensor(read, dtype=torch.float64)
    logits = top @ model.projection.weight.T + model.projection.bias
    return layers, logits - logits.exp().sum(-1, keepdim=True).log()


def check(found, model, ids, unit, held, start, layer):
    trace, log_probs = found
    layers, wanted = by_hand(model, ids, unit, held, start, layer)
    assert len(trace.layers) == len(layers)
    for mine, its in zip(trace.layers, layers, strict=True):
        for name, values in (mine.gates | mine.states_out).items():
            by_loop = torch.tensor([step[name] for step in its], dtype=torch.float64)
            torch.testing.assert_close(values[:, 0], by_loop, rtol=0, atol=1e-9)
    torch.testing.assert_close(log_probs, wanted, rtol=0, atol=1e-9)


ids = st.lists(st.integers(0, V - 1), min_size=1, max_size=T)
numbers = st.floats(-3, 3)


@given(st.data(), st.sampled_from(RNN_TYPES), st.integers(1, 3), ids, numbers)
def test_a_held_unit_is_that_of_a_loop_in_every_layer(data, kind, layers, ids, value):
    model = some_model(kind, layers, data.draw(st.integers(0, 50)))
    layer, unit = data.draw(st.integers(0, layers - 1)), data.draw(st.integers(0, H - 1))
    start, of = data.draw(st.integers(0, len(ids))), data.draw(st.sampled_from(NAMES[kind]))
    found = hold(model, ids, unit, of, value, start, layer)
    check(found, model, ids, unit, {of: value}, start, layer)


@given(st.data(), st.sampled_from(RNN_TYPES), ids)
def test_several_are_held_at_once(data, kind, ids):
    held = data.draw(st.dictionaries(st.sampled_from(NAMES[kind]), numbers))
    model, start = some_model(kind, 2), data.draw(st.integers(0, len(ids)))
    check(hold_all(model, ids, 1, held, start, 0), model, ids, 1, held, start, 0)


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_nothing_held_is_the_trace_and_the_models_own_prediction(kind):
    model, ids = some_model(kind, 2), [3, 1, 4, 1, 5]
    found, log_probs = hold(model, ids, 0, "h", 1.0, start=5)
    for mine, its in zip(found.layers, trace_model(model, ids).layers, strict=True):
        for name, values in (its.gates | its.states_out).items():
            assert torch.equal((mine.gates | mine.states_out)[name], values)
    wanted, _ = model.eval()(torch.tensor([ids]), model.init_hidden(1))
    torch.testing.assert_close(log_probs, wanted[0], rtol=0, atol=1e-12)


def test_an_open_forget_gate_and_a_closed_input_gate_keep_c():
    model = some_model("LSTM", 1)
    found, _ = hold_all(model, [0, 1, 2, 3, 4], 2, {"f": 1, "i": 0}, start=2)
    c = found.layers[0].c[:, 0, 2]
    assert (c[2:] == c[2]).all()
    assert c[1] != c[2]
    assert found.note == "unit 2 of layer 0: f held at 1, i held at 0 from step 2 on"


def test_the_model_and_the_random_numbers_stay_as_they_were():
    model = some_model("GRU", 2).train()
    before = {name: w.clone() for name, w in model.state_dict().items()}
    rng = torch.get_rng_state()
    hold(model, [1, 2], 0, "z", 1.0, layer=0)
    assert model.training
    assert torch.equal(rng, torch.get_rng_state())
    assert all(torch.equal(w, before[name]) for name, w in model.state_dict().items())


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("LSTM", {"unit": 4}, "unit must be a whole number from 0 to 3, not 4"),
        ("LSTM", {"unit": -1}, "unit must be a whole number from 0 to 3, not -1"),
        ("LSTM", {"unit": 1.0}, "unit must be a whole number from 0 to 3, not 1.0"),
        ("LSTM", {"start": 3}, "start must be a whole number from 0 to 2, not 3"),
        ("LSTM", {"start": -1}, "start must be a whole number from 0 to 2, not -1"),
        ("LSTM", {"layer": 2}, "layer must be a whole number from -2 to 1, not 2"),
        ("LSTM", {"of": "z"}, "a unit of LSTM can be held by i, f, g, o, h, c, not by 'z'"),
        ("GRU", {"of": "c"}, "a unit of GRU can be held by r, z, n, h, not by 'c'"),
        ("RNN_RELU", {"value": math.nan}, "the value of h must be a finite number, not nan"),
        ("LSTM", {"value": math.inf}, "the value of h must be a finite number, not inf"),
        ("LSTM", {"value": "much"}, "the value of h must be a finite number, not 'much'"),
        ("LSTM", {"value": 1e39}, "the value of h must be a finite number, not 1e+39"),
        ("LSTM", {"ids": [9]}, "ids must be one sequence of whole numbers from 0 to 5"),
        ("LSTM", {"ids": []}, "ids must be at least 1 token, not 0"),
    ],
)
def test_what_cannot_be_held_says_so_in_one_sentence(kind, options, says):
    model = some_model(kind, 2).float()
    given = {"ids": [0, 1], "unit": 0, "of": "h", "value": 1.0} | options
    with pytest.raises(ValueError, match=" be ") as raised:
        hold(model, **given)
    assert str(raised.value).startswith(says)
