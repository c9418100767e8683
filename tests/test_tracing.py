"""Every gate and state against a loop of PyTorch's own cells and the equations written out."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st
from torch import nn

from rnnviz import RNN_TYPES, RNNModel, trace, trace_model

LIMITS = {torch.float64: 1e-12, torch.float32: 1e-5}
GATES = {"LSTM": ["i", "f", "g", "o"], "GRU": ["r", "z", "n"], "RNN_TANH": ["a"], "RNN_RELU": ["a"]}


def make(kind: str, **options) -> nn.RNNBase:
    if kind in ("LSTM", "GRU"):
        return getattr(nn, kind)(**options).eval()
    return nn.RNN(nonlinearity=kind.removeprefix("RNN_").lower(), **options).eval()


def loop(rnn: nn.RNNBase, end: str, x, h, c, order):
    """h, c (steps, B, H) after each step and the gates, one step after the other."""
    w_ih, w_hh = getattr(rnn, "weight_ih" + end), getattr(rnn, "weight_hh" + end)
    b_ih = getattr(rnn, "bias_ih" + end) if rnn.bias else w_ih.new_zeros(len(w_ih))
    b_hh = getattr(rnn, "bias_hh" + end) if rnn.bias else w_ih.new_zeros(len(w_ih))
    sigmoid, tanh, size = torch.sigmoid, torch.tanh, rnn.hidden_size
    found = {name: [None] * len(x) for name in ["h", "c", *GATES[rnn.mode]]}
    for t in order:
        a, u = w_ih @ x[t].T + b_ih[:, None], w_hh @ h.T + b_hh[:, None]  # (G*H, B)
        a, u = a.split(size), u.split(size)
        if rnn.mode == "LSTM":
            i, f, g, o = (a[k] + u[k] for k in range(4))
            gates = {"i": sigmoid(i), "f": sigmoid(f), "g": tanh(g), "o": sigmoid(o)}
            c = (gates["f"] * c.T + gates["i"] * gates["g"]).T
            h = gates["o"].T * tanh(c)
            h = h @ getattr(rnn, "weight_hr" + end).T if rnn.proj_size else h
        elif rnn.mode == "GRU":
            r, z = sigmoid(a[0] + u[0]), sigmoid(a[1] + u[1])
            gates = {"r": r, "z": z, "n": tanh(a[2] + r * u[2])}
            h = ((1 - z) * gates["n"] + z * h.T).T
        else:
            gates = {"a": a[0] + u[0]}
            h = (tanh(gates["a"]) if rnn.mode == "RNN_TANH" else gates["a"].clamp(min=0)).T
        for name, value in {"h": h.T, "c": None if c is None else c.T, **gates}.items():
            found[name][t] = value if value is None else value.T
    return {k: torch.stack(v) for k, v in found.items() if v[0] is not None}


@st.composite
def modules(draw):
    kind = draw(st.sampled_from(RNN_TYPES))
    options = {
        "input_size": draw(st.integers(1, 4)),
        "hidden_size": draw(st.integers(2, 4)),
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
        "dtype": draw(st.sampled_from([torch.float32, torch.float64])),
    }
    if kind == "LSTM" and draw(st.booleans()):
        options["proj_size"] = 1
    return kind, options


BASE = {"input_size": 3, "hidden_size": 4, "dtype": torch.float64}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@cases(max_examples=120)
@given(modules(), st.integers(1, 5), st.sampled_from([None, 1, 3]), st.booleans())
@example(("LSTM", BASE | {"num_layers": 3, "bidirectional": True, "proj_size": 2}), 4, 2, True)
@example(("GRU", BASE | {"num_layers": 2, "bidirectional": True}), 4, 2, True)
@example(("RNN_RELU", BASE | {"batch_first": True, "bias": False}), 1, None, True)
def test_gates_and_states_are_those_of_a_step_by_step_loop(module, steps, batch, with_state):
    kind, options = module
    torch.manual_seed(steps)
    rnn, dtype = make(kind, **options), options["dtype"]
    x = torch.randn(steps, *([batch] if batch else []), rnn.input_size, dtype=dtype)
    ends = ["", "_reverse"] if rnn.bidirectional else [""]
    count, rows = rnn.num_layers * len(ends), [batch] if batch else []
    h0 = torch.randn(count, *rows, rnn.proj_size or rnn.hidden_size, dtype=dtype)
    c0 = torch.randn(count, *rows, rnn.hidden_size, dtype=dtype)
    state = None
    if with_state:
        state = (h0, c0) if kind == "LSTM" else h0
    else:
        h0, c0 = torch.zeros_like(h0), torch.zeros_like(c0)
    turned = x.transpose(0, 1) if rnn.batch_first and batch else x
    seen = trace(rnn, turned, state)

    assert len(seen.layers) == count
    layer_input = x.reshape(steps, batch or 1, -1)
    for number, layer in enumerate(seen.layers):
        k, reverse = divmod(number, len(ends))
        h, c = h0[number].reshape(batch or 1, -1), c0[number].reshape(batch or 1, -1)
        order = range(steps)[::-1] if reverse else range(steps)
        start = c if kind == "LSTM" else None
        wanted = loop(rnn, f"_l{k}{ends[reverse]}", layer_input, h, start, order)
        got = {"h": layer.h_out, "c": layer.c_out, **layer.gates}
        assert (layer.kind, layer.reverse, list(layer.gates)) == (kind, bool(reverse), GATES[kind])
        assert layer.h.shape == (steps + 1, batch or 1, h.shape[1])
        assert torch.equal(layer.h[-1 if reverse else 0], h)
        assert torch.equal(layer.h_prev, layer.h[1:] if reverse else layer.h[:-1])
        if kind == "LSTM":
            assert torch.equal(layer.c[-1 if reverse else 0], c)
        else:
            assert layer.c is layer.c_out is None
        close = {"rtol": 0, "atol": LIMITS[dtype]}
        torch.testing.assert_close(layer.x, layer_input, **close)
        for name, value in wanted.items():
            torch.testing.assert_close(got[name], value, **close)
        if reverse == len(ends) - 1:
            layer_input = torch.cat(
                [s.h_out for s in seen.layers[number - reverse : number + 1]], -1
            )
    own, _ = rnn(turned, state)
    if rnn.batch_first and batch:
        own = own.transpose(0, 1)
    torch.testing.assert_close(layer_input, own.reshape(layer_input.shape), **close)
    assert 0 <= seen.residual < LIMITS[dtype]


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_states_are_those_of_pytorchs_own_cells(kind):
    torch.manual_seed(0)
    rnn = make(kind, input_size=3, hidden_size=5).double()
    cell = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell}.get(kind, nn.RNNCell)(3, 5).double()
    if kind == "RNN_RELU":
        cell.nonlinearity = "relu"
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in rnn.state_dict().items()})
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    layer, state = trace(rnn, x).layers[0], None
    for t in range(6):
        state = cell(x[t], state)
        h, c = state if kind == "LSTM" else (state, None)
        torch.testing.assert_close(layer.h[t + 1], h, rtol=0, atol=1e-12)
        if kind == "LSTM":
            torch.testing.assert_close(layer.c[t + 1], c, rtol=0, atol=1e-12)


def shifted(result, by: float):
    """An output and its last states, each moved by the same amount."""
    if isinstance(result, tuple):
        return tuple(shifted(part, by) for part in result)
    return result + by


def test_the_residual_shows_states_of_a_lower_layer_that_are_not_the_modules(monkeypatch):
    rnn, x = make("GRU", input_size=3, hidden_size=4, num_layers=2), torch.randn(5, 3)
    assert trace(rnn, x).residual < 1e-6
    true = torch.gru
    kernels = trace.__globals__["KERNELS"]
    monkeypatch.setitem(kernels, "GRU", lambda *a: shifted(true(*a), 0.01))
    assert trace(rnn, x).residual > 1e-3


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("part", ["output", "last h", "last c"])
def test_the_residual_includes_the_modules_own_output_and_last_states(kind, part, monkeypatch):
    rnn, x = make(kind, input_size=3, hidden_size=4, num_layers=2), torch.randn(5, 2, 3)
    true = type(rnn).forward

    def forward(self, x, state=None):
        output, last = true(self, x, state)
        if part == "output":
            return shifted(output, 0.01), last
        if kind != "LSTM":
            return output, shifted(last, 0.01)
        h, c = last
        return output, (shifted(h, 0.01), c) if part == "last h" else (h, shifted(c, 0.01))

    assert trace(rnn, x).residual < 1e-6
    monkeypatch.setattr(type(rnn), "forward", forward)
    assert trace(rnn, x).residual > 1e-3


def test_the_residual_of_weights_that_are_not_finite_is_not_finite():
    rnn = make("GRU", input_size=3, hidden_size=4, num_layers=2)
    nn.init.constant_(rnn.weight_hh_l0, float("nan"))
    assert not np.isfinite(trace(rnn, torch.randn(5, 3)).residual)


@pytest.mark.parametrize("steps", [1, 15, 16, 17, 33, 200])
def test_the_cell_state_is_that_of_a_loop_at_the_borders_of_blocks(steps):
    torch.manual_seed(0)
    rnn = make("LSTM", input_size=3, hidden_size=4, bidirectional=True).double()
    x, c0 = torch.randn(steps, 2, 3).double(), 5 * torch.randn(2, 2, 4).double()
    for layer in trace(rnn, x, (torch.zeros_like(c0), c0)).layers:
        c = c0[int(layer.reverse)]
        for t in range(steps)[:: -1 if layer.reverse else 1]:
            c = layer.gates["f"][t] * c + layer.gates["i"][t] * layer.gates["g"][t]
            torch.testing.assert_close(layer.c_out[t], c, rtol=0, atol=1e-13)


def test_tf32_is_off_while_the_kernel_runs_and_as_before_after_it(monkeypatch):
    onednn, cuda = torch.backends.mkldnn, torch.backends.cuda
    settings = torch.backends.cudnn.rnn, cuda.matmul, onednn.matmul
    seen, true = [], nn.GRU.forward

    def forward(self, *a):
        seen.extend(setting.fp32_precision for setting in settings)
        return true(self, *a)

    monkeypatch.setattr(nn.GRU, "forward", forward)
    before = [setting.fp32_precision for setting in settings]
    rnn = make("GRU", input_size=3, hidden_size=4)
    trace(rnn, torch.zeros(2, 3))
    assert seen == ["ieee"] * 3
    monkeypatch.setattr(nn.GRU, "forward", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trace(rnn, torch.zeros(2, 3))
    assert [setting.fp32_precision for setting in settings] == before


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("training", [True, False])
def test_module_gradients_mode_and_random_state_are_left_as_they_were(kind, training):
    rnn = make(kind, input_size=3, hidden_size=4, num_layers=2).train(training)
    rnn.weight_ih_l0.grad = torch.ones_like(rnn.weight_ih_l0)
    before = {k: v.clone() for k, v in rnn.state_dict().items()}
    random, x = torch.get_rng_state(), torch.randn(4, 2, 3, requires_grad=True)
    torch.set_rng_state(random)
    trace(rnn, x)
    assert torch.equal(torch.get_rng_state(), random)
    assert rnn.training is training
    assert x.grad is None
    assert [name for name, p in rnn.named_parameters() if p.grad is not None] == ["weight_ih_l0"]
    assert torch.equal(rnn.weight_ih_l0.grad, torch.ones_like(rnn.weight_ih_l0))
    assert all(p.requires_grad for p in rnn.parameters())
    assert all(torch.equal(before[k], v) for k, v in rnn.state_dict().items())


def test_traced_arrays_are_detached_also_from_an_input_that_asks_for_gradients():
    x = torch.randn(4, 2, 3, requires_grad=True)
    for layer in trace(make("LSTM", input_size=3, hidden_size=4, num_layers=2), x).layers:
        for tensor in (layer.x, layer.h, layer.c, *layer.gates.values()):
            assert not tensor.requires_grad


@pytest.mark.parametrize(
    "x",
    [torch.zeros(4, 5), torch.zeros(4, 2, 5), torch.zeros(3), torch.zeros(1, 1, 1, 3), [1.0], None],
    ids=["width", "width in a batch", "one axis", "four axes", "list", "none"],
)
def test_an_input_of_another_shape_is_refused_with_the_shape_wanted(x):
    with pytest.raises(ValueError, match=r"steps.*3"):
        trace(make("LSTM", input_size=3, hidden_size=4), x)


@pytest.mark.parametrize("wrong", [torch.zeros(6, 5), torch.zeros(6), torch.zeros(6, 2, 3)])
def test_a_packed_sequence_of_another_shape_is_refused_with_its_sizes(wrong):
    packed = nn.utils.rnn.PackedSequence(wrong, torch.tensor([2, 2, 1, 1]))
    with pytest.raises(ValueError, match=r"\(steps, batch, 3\).*PackedSequence of \(6"):
        trace(make("LSTM", input_size=3, hidden_size=4), packed)


@pytest.mark.parametrize("other", [nn.LSTMCell(3, 4), nn.Linear(3, 4), None])
def test_anything_but_a_recurrent_module_is_refused_by_its_name(other):
    with pytest.raises(ValueError, match=f"nn.GRU or nn.RNN, not {type(other).__name__}"):
        trace(other, torch.zeros(4, 3))


@pytest.mark.parametrize(
    ("kind", "options", "shape", "state", "wanted"),
    [
        ("GRU", {}, (5, 2, 3), (1, 3, 4), r"h \(1, 2, 4\), not \(1, 3, 4\)"),
        ("GRU", {}, (5, 3), (1, 1, 4), r"h \(1, 4\), not \(1, 1, 4\)"),
        ("GRU", {"batch_first": True}, (2, 5, 3), (1, 5, 4), r"h \(1, 2, 4\), not \(1, 5, 4\)"),
        ("RNN_TANH", {"num_layers": 2, "bidirectional": True}, (5, 3), (2, 4), r"h \(4, 4\)"),
        ("LSTM", {}, (5, 2, 3), (1, 2, 4), r"h \(1, 2, 4\) and c \(1, 2, 4\), not \(1, 2, 4\)"),
        ("LSTM", {}, (5, 2, 3), ((1, 2, 4), (1, 2, 3)), r"not \(1, 2, 4\) and \(1, 2, 3\)"),
        ("LSTM", {"proj_size": 2}, (5, 3), ((1, 4), (1, 4)), r"h \(1, 2\) and c \(1, 4\)"),
        ("GRU", {}, (5, 3), ((1, 4), (1, 4)), "h .*not tuple"),
    ],
)
def test_a_state_of_another_shape_is_refused_with_the_shape_wanted(
    kind, options, shape, state, wanted
):
    pair = isinstance(state[0], tuple)
    state = tuple(map(torch.zeros, state)) if pair else torch.zeros(state)
    with pytest.raises(ValueError, match=wanted):
        trace(make(kind, input_size=3, hidden_size=4, **options), torch.zeros(shape), state)


@pytest.mark.parametrize("shape", [(0, 3), (0, 2, 3), (4, 0, 3)])
def test_an_input_without_steps_or_rows_is_refused(shape):
    with pytest.raises(ValueError, match="no steps"):
        trace(make("GRU", input_size=3, hidden_size=4), torch.zeros(shape))


def test_an_input_of_another_dtype_than_the_weights_is_refused():
    with pytest.raises(ValueError, match=r"x is torch.float32 .* weights are torch.float64"):
        trace(make("LSTM", input_size=3, hidden_size=4).double(), torch.zeros(4, 3))


def test_training_mode_with_dropout_between_layers_is_refused():
    rnn = make("LSTM", input_size=3, hidden_size=4, num_layers=2, dropout=0.5).train()
    with pytest.raises(ValueError, match="eval"):
        trace(rnn, torch.zeros(4, 3))
    assert len(trace(rnn.eval(), torch.zeros(4, 3)).layers) == 2


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_trace_model_reads_the_embedded_ids_and_leaves_the_model_as_it_was(kind, training):
    torch.manual_seed(0)
    model = RNNModel(kind, 9, 3, 4, 2, dropout=0.5).double().train(training)
    ids = torch.randint(9, (6,))
    seen = trace_model(model, ids)
    modes = {name: module.training for name, module in model.named_modules()}
    assert set(modes.values()) == {training}
    assert torch.equal(seen.layers[0].x[:, 0], model.embedding.weight[ids])
    top, _ = model.eval().states(ids[None], model.init_hidden(1))
    torch.testing.assert_close(seen.layers[1].h_out[:, 0], top[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_saved_trace_holds_every_array_under_its_name(kind, tmp_path):
    rnn = make(kind, input_size=3, hidden_size=4, num_layers=2)
    seen = trace(rnn, torch.randn(5, 2, 3))
    seen.save(tmp_path / "any name")
    names = ["x", "h", *GATES[kind]] + (["c"] if kind == "LSTM" else [])
    with np.load(tmp_path / "any name", allow_pickle=False) as file:
        assert set(file) == {"residual", *(f"layer{n}.{name}" for n in (0, 1) for name in names)}
        assert file["residual"] == seen.residual
        for n, layer in enumerate(seen.layers):
            for name in names:
                tensor = layer.gates[name] if name in layer.gates else getattr(layer, name)
                assert np.array_equal(file[f"layer{n}.{name}"], tensor.numpy())


@cases(max_examples=25)
@given(st.sampled_from(RNN_TYPES), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
def test_a_frame_has_a_row_for_every_gate_and_state_of_every_step(kind, steps, batch, named):
    rnn = make(kind, input_size=2, hidden_size=3, bidirectional=True)
    seen = trace(rnn, torch.randn(steps, batch, 2))
    tokens = [[f"{b}{t}" for t in range(steps)] for b in range(batch)]  # (B,T)
    frame = seen.to_frame(1, [None, tokens[0], tokens][named])
    assert list(frame) == ["batch", "step", "token", "unit", "gate", "value"]
    layer = seen.layers[1]
    values = {"h": layer.h_out, **({"c": layer.c_out} if kind == "LSTM" else {}), **layer.gates}
    assert len(frame) == steps * batch * 3 * len(values)
    assert not frame.duplicated(["batch", "step", "unit", "gate"]).any()
    for row in frame.itertuples():
        assert row.value == values[row.gate][row.step, row.batch, row.unit].item()
        assert row.token == [None, tokens[0][row.step], tokens[row.batch][row.step]][named]


def test_a_frame_of_a_projected_lstm_has_the_units_of_h_and_those_of_the_gates():
    rnn = make("LSTM", input_size=2, hidden_size=3, proj_size=2)
    frame = trace(rnn, torch.randn(4, 2)).to_frame(-1)
    units = frame.groupby("gate")["unit"].max().to_dict()
    assert units == {"i": 2, "f": 2, "g": 2, "o": 2, "c": 2, "h": 1}


def test_tokens_that_do_not_name_every_step_are_refused_with_the_sizes():
    seen = trace(make("GRU", input_size=3, hidden_size=4), torch.zeros(5, 2, 3))
    with pytest.raises(ValueError, match=r"\(4,\).*5 steps of 2 rows"):
        seen.to_frame(0, list("abcd"))


def test_two_that_overlap_leave_the_precision_as_it_was():
    """As two threads do: the first to begin is the first to end."""
    from rnnviz.analysis.tracing import full_float32

    backend = torch.backends.cudnn.rnn
    before = backend.fp32_precision
    first, second = full_float32(), full_float32()
    first.__enter__()
    second.__enter__()
    assert backend.fp32_precision == "ieee"
    first.__exit__(None, None, None)
    assert backend.fp32_precision == "ieee"
    second.__exit__(None, None, None)
    assert backend.fp32_precision == before
