"""What `record` leaves of a model's own forward passes."""

import pickle
import re
import threading
import warnings
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import register_parametrization

from rnnviz import Trace, Untraced, record, trace
from rnnviz.analysis import recording

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


class OutputAlone(nn.GRU):
    def forward(self, input, hx=None):
        return super().forward(input, hx)[0]


class OtherNames(nn.GRU):
    def forward(self, features, memory=None):
        return super().forward(features, memory)


class AnyArguments(nn.GRU):
    def forward(self, *args, **kwargs):
        return super().forward(*args, **kwargs)


class StateByName(nn.GRU):
    def forward(self, features, *_, mask=None, hx=None):
        return super().forward(features, hx)


class StateLast(nn.GRU):
    def forward(self, features, mask=None, hx=None):
        return super().forward(features, hx)


H = torch.full((1, 2, 4), 0.5)


@pytest.mark.parametrize(
    ("kind", "args", "kwargs"),
    [
        (AnyArguments, (), ("input", "hx")),
        (AnyArguments, ("input",), ("hx",)),
        (AnyArguments, ("input", "hx"), ()),
        (StateByName, ("features",), ("hx",)),
        (StateLast, ("features", "mask"), ("hx",)),
        (StateLast, ("features", "mask", "hx"), ()),
        (OtherNames, (), ("features", "memory")),
    ],
)
def test_input_and_state_are_found_by_place_and_by_name(kind, args, kwargs):
    values = {"input": X, "features": X, "hx": H, "memory": H, "mask": None}
    module = kind(3, 4)
    with record(module) as traces:
        module(*map(values.get, args), **{name: values[name] for name in kwargs})
    (seen,) = traces[""]
    assert torch.equal(seen.layers[0].h[0], H[0])
    assert seen.residual < 1e-6
    assert trace(module, X).residual < 1e-6


class DropWeights(nn.Module):
    """Other weights at each call (Merity et al. 2018)."""

    def forward(self, weight):
        return nn.functional.dropout(weight, 0.5, self.training)


def weight_dropout():
    rnn = nn.LSTM(3, 4)
    register_parametrization(rnn, "weight_hh_l0", DropWeights())
    return rnn


class Residual(nn.GRU):
    """Something else than a GRU with its weights."""

    def forward(self, input, hx=None):
        output, last = super().forward(input, hx)
        return output + 1, last


class LessSmall(nn.GRU):
    def forward(self, input, hx=None):
        return 2 * super().forward(input, hx)[0]


class ByHand(nn.RNN):
    """A ReLU network step by step, whose sums are rounded in another order."""

    shift = 0.0

    def forward(self, x):
        h, states = x.new_zeros(x.shape[1], self.hidden_size), []
        weight = torch.cat([self.weight_ih_l0, self.weight_hh_l0], -1)
        for step in x:
            h = torch.relu(torch.cat([step, h], -1) @ weight.T + self.bias_ih_l0 + self.bias_hh_l0)
            states.append(h + self.shift)
        return torch.stack(states)


class ByHandShifted(ByHand):
    shift = 2.0


class LastStep(nn.GRU):
    def forward(self, input, hx=None):
        return super().forward(input, hx)[0][-1]


class Kept(nn.GRU):
    """Gives its output by an attribute, and counts its calls."""

    calls = 0

    def forward(self, input, hx=None):
        self.output, _ = super().forward(input, hx)
        self.calls += 1


class OwnKind(nn.RNNBase):
    def __init__(self):
        super().__init__("GRU", 3, 4)

    def forward(self, input):
        return input @ self.weight_ih_l0.T


class OfIds(nn.GRU):
    def __init__(self):
        super().__init__(3, 4)
        self.table = nn.Embedding(5, 3)

    def forward(self, ids):
        return super().forward(self.table(ids))[0]


class Sentences(nn.LSTM):
    """Takes lengths where torch's takes a state, and packs by itself."""

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths)
        return nn.utils.rnn.pad_packed_sequence(super().forward(packed)[0])[0]


def quantized():
    model = nn.Sequential(nn.LSTM(3, 4))
    return torch.ao.quantization.quantize_dynamic(model, {nn.LSTM}, dtype=torch.qint8)


X = torch.linspace(-1, 1, 30).view(5, 2, 3)
ODD = {
    "output alone": (lambda: OutputAlone(3, 4), (X,), None),
    "dropout": (lambda: nn.LSTM(3, 4, 2, dropout=0.5), (X,), None),
    "other names": (lambda: OtherNames(3, 4), (X,), None),
    "weight dropout": (weight_dropout, (X,), None),
    "spectral norm": (lambda: spectral_norm(nn.GRU(3, 4), "weight_hh_l0"), (X,), None),
    "cell with spectral norm": (
        lambda: spectral_norm(nn.GRUCell(3, 4), "weight_hh"),
        (X[0],),
        None,
    ),
    "no batch": (lambda: nn.LSTM(3, 4), (X[:, 0],), None),
    "batch of 0": (lambda: nn.LSTM(3, 4), (X[:, :0],), "no steps"),
    "something else": (
        lambda: Residual(3, 4),
        (X,),
        "Residual gives something else than torch's own GRU",
    ),
    "something else, dropout": (lambda: Residual(3, 4, 2, dropout=0.5), (X,), "in eval mode"),
    "last step, dropout": (lambda: LastStep(3, 4, 2, dropout=0.5), (X,), "in eval mode"),
    "of its own": (OwnKind, (X,), "OwnKind has a forward of its own: subclasses of LSTM"),
    "last step": (lambda: LastStep(3, 4), (X,), "cannot be compared"),
    "ids": (OfIds, (torch.tensor([1, 2, 4]),), "OfIds has a forward of its own: x must be"),
    "lengths": (lambda: Sentences(3, 4), (X, torch.tensor([5, 2])), "of its own: state must be"),
    "scripted": (lambda: torch.jit.script(nn.Sequential(nn.GRU(3, 4))), (X,), "script"),
    "jit trace": (lambda: torch.jit.trace(nn.LSTM(3, 4), (X,)), (X,), "scripted"),
    "quantized": (quantized, (X,), "quantized"),
    "compiled": (lambda: torch.compile(nn.GRU(3, 4), backend="eager"), (X,), None),
    "compiled cell": (lambda: compiled_cell(), (X[0],), "compiled cell"),
    "nothing": (lambda: nn.Linear(3, 4), (X,), "no LSTM, GRU, RNN"),
    "forward replaced": (lambda: replaced(nn.GRU(3, 4)), (X,), "cannot be compared"),
}


def compiled_cell():
    cell = nn.GRUCell(3, 4)
    cell.compile(backend="eager")
    return cell


def replaced(rnn):
    rnn.forward = lambda x: x.sum()
    return rnn


def tensors_of(result) -> list[torch.Tensor]:
    if isinstance(result, torch.Tensor):
        return [result]
    return [tensor for part in result for tensor in tensors_of(part)]


def run(make, args):
    """Outputs, gradients and the random numbers after a call of a new model in training mode."""
    torch.manual_seed(0)
    model = make()
    torch.manual_seed(1)

    def call():
        outputs = tensors_of(model(*args))
        differentiable = [y for y in outputs if y.requires_grad and y.numel()]
        if differentiable:
            sum(y.sum() for y in differentiable).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        return [*outputs, *grads, torch.rand(3)]

    return model, call


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("case", ODD)
def test_a_model_runs_as_without_us_whatever_it_is(case):
    make, args, reason = ODD[case]
    _, call = run(make, args)
    wanted = call()
    model, call = run(make, args)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with record(model) as traces:
            got = call()
    assert len(got) == len(wanted)
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
    assert traces
    said = [str(w.message) for w in warned if "is not traced" in str(w.message)]
    found = [seen for calls in traces.values() for seen in calls]
    if reason is None:
        assert [type(seen) for seen in found] == [Trace]
        assert found[0].residual < 1e-6
        assert not said
        return
    assert found
    for seen in found:
        assert isinstance(seen, Untraced)
        assert re.search(reason, seen.reason)
        assert "\n" not in seen.reason
    assert len(said) == 1


def test_a_trace_of_training_with_dropout_is_that_of_eval_mode_and_says_so():
    rnn = nn.LSTM(3, 4, 2, dropout=0.5)
    with record(rnn) as traces:
        rnn(X)
    (seen,) = traces[""]
    assert "dropped" in seen.note
    assert seen.note in repr(seen)
    wanted = trace(rnn.eval(), X)
    assert torch.equal(seen.layers[1].h, wanted.layers[1].h)
    assert wanted.note == ""


@pytest.mark.parametrize("training", [True, False])
def test_a_forward_that_gives_nothing_is_run_once_and_untraced(training):
    rnn = Kept(3, 4, 2, dropout=0.5).train(training)
    with pytest.warns(UserWarning, match="not traced"), record(rnn) as traces:
        rnn(X)
    assert ("in eval mode" if training else "no tensors") in traces[""][0].reason
    assert rnn.calls == 1
    if not training:
        with pytest.raises(ValueError, match="gives no tensors where torch's gives 2"):
            trace(rnn, X)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, "autocast"])
@pytest.mark.parametrize(("kind", "found"), [(ByHand, Trace), (ByHandShifted, Untraced)])
def test_what_rounding_explains_is_not_something_else(kind, found, dtype):
    """States of up to 15; bfloat16 rounds them to multiples of 0.06, and the trace does not."""
    torch.manual_seed(0)
    rnn, x = kind(3, 16, nonlinearity="relu"), 20 * torch.randn(30, 2, 3)
    if dtype != "autocast":
        rnn, x = rnn.to(dtype), x.to(dtype)
    with warnings.catch_warnings(), record(rnn) as traces:
        warnings.simplefilter("ignore")
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "autocast"):
            largest = rnn(x).max()
    assert largest > 10
    assert [type(seen) for seen in traces[""]] == [found]


@pytest.mark.parametrize("kind", [ByHand, nn.GRUCell])
def test_under_autocast_what_is_used_later_has_its_gradients(kind):
    """Autocast keeps its casts of weights and inputs: one made by us would have no gradient."""

    def gradients(recorded: bool) -> list[torch.Tensor | None]:
        torch.manual_seed(0)
        module, x = kind(3, 4), X.clone().requires_grad_()
        weight = module.weight_ih_l0 if kind is ByHand else module.weight_ih
        with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with record(module if recorded else nn.Linear(1, 1)):
                module(x * 1 if kind is ByHand else x[0])
                module(x if kind is ByHand else x[0])
                nn.functional.linear(x, weight).sum().backward()
        return [x.grad, weight.grad]

    for got, wanted in zip(gradients(True), gradients(False), strict=True):
        assert torch.equal(got, wanted)


def test_small_states_are_told_from_others_as_well():
    rnn = LessSmall(3, 4)
    with torch.no_grad():
        for weight in rnn.parameters():
            weight.mul_(1e-3)
    with pytest.warns(UserWarning, match="LessSmall gives something else"), record(rnn):
        rnn(X)


def test_under_autocast_the_trace_has_the_dtype_of_the_weights():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.LSTM(3, 4))
    with torch.autocast("cpu", torch.bfloat16):
        wanted = model(X)[0]
        with record(model) as traces:
            assert torch.equal(model(X)[0], wanted)
    (seen,) = traces["1"]
    assert seen.layers[0].h.dtype == torch.float32
    assert 0 < seen.residual < 0.05  # bfloat16's rounding of what the model gave
    torch.testing.assert_close(seen.layers[0].h_out, wanted.float(), rtol=0, atol=0.05)


def test_errors_of_the_model_are_its_own():
    model = nn.Sequential(nn.LSTM(3, 4))
    with pytest.raises(RuntimeError) as outside:
        model(torch.zeros(5, 2, 7))
    with record(model) as traces, pytest.raises(RuntimeError) as inside:
        model(torch.zeros(5, 2, 7))
    assert str(inside.value) == str(outside.value)
    assert traces == {"0": []}


def test_where_warnings_are_errors_the_models_call_goes_on():
    rnn = OfIds()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with record(rnn) as traces:
            rnn(torch.tensor([1, 2]))
    assert isinstance(traces[""][0], Untraced)


def test_a_module_under_two_names_has_both_keys():
    shared = nn.GRU(3, 3)
    model = nn.ModuleDict({"encoder": shared, "decoder": shared})
    with record(model) as traces:
        model["decoder"](X)
    assert list(traces) == ["encoder", "decoder"]
    assert len(traces["encoder"]) == 1
    assert traces["encoder"] == traces["decoder"]


def test_a_context_records_the_calls_of_its_own_thread_alone():
    rnn, cell = nn.LSTM(3, 4), nn.GRUCell(3, 4)
    model = nn.ModuleList([rnn, cell])
    with record(model) as traces:
        thread = threading.Thread(target=lambda: (rnn(X), cell(X[0])))
        thread.start()
        thread.join()
        assert traces == {"0": [], "1": []}
        rnn(X)
    assert len(traces["0"]) == 1


@pytest.mark.parametrize("module", [nn.GRU(3, 4), nn.GRUCell(3, 4)], ids=["GRU", "GRUCell"])
def test_a_call_goes_on_when_the_block_of_another_ends_or_begins_inside_it(module):
    """torch has listed the hooks of the call by then, and looks up later what each one takes."""
    x = X[:, 0]
    wanted = tensors_of(module(x))
    others = record(module)
    others.__enter__()

    def end_the_other(*_) -> None:
        others.__exit__(None, None, None)

    end = module.register_forward_hook(end_the_other, prepend=True)
    assert all(map(torch.equal, tensors_of(module(x)), wanted))
    end.remove()
    with record(module) as traces:
        (hook,) = module._forward_hooks.values()
        thread = threading.Thread(target=lambda: hook(module, (x,), module.forward(x)))
        thread.start()  # as while the hook is registered
        thread.join()
        assert all(map(torch.equal, tensors_of(module(x)), wanted))
    hook(module, (x,), {}, wanted[0])  # looked up before the end, called after it
    assert [type(seen) for seen in traces[""]] == [Trace]


def test_a_trace_is_of_what_the_module_gave_whatever_other_hooks_make_of_it():
    rnn = nn.GRU(3, 4)
    rnn.register_forward_hook(lambda module, args, output: (output[0] + 1, output[1]))
    with record(rnn) as traces:
        rnn(X)
    assert traces[""][0].residual < 1e-6


def pruned(loaded: bool):
    """An LSTM whose pruned weight is another one than its last call used."""
    torch.manual_seed(0)
    rnn, other = nn.LSTM(3, 4).double(), nn.LSTM(3, 4).double()
    prune.identity(rnn, "weight_hh_l0")
    if loaded:
        prune.random_unstructured(other, "weight_hh_l0", 0.5)
        rnn.load_state_dict(other.state_dict())
    return rnn


def old_spectral_norm():
    rnn = nn.utils.spectral_norm(nn.LSTM(3, 4).double(), "weight_hh_l0")
    with torch.no_grad():
        rnn.weight_hh_l0_orig.mul_(3)
    return rnn


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rnn = nn.utils.weight_norm(nn.GRU(3, 4).double(), "weight_hh_l0")
    with torch.no_grad():
        rnn.weight_hh_l0_g.mul_(2)
    return rnn


def parametrized():
    rnn = spectral_norm(nn.LSTM(3, 4).double(), "weight_hh_l0")
    with torch.no_grad():
        rnn.parametrizations.weight_hh_l0.original.mul_(3)
    return rnn


def of_a_changed_input():
    rnn = nn.GRU(3, 4).double()
    rnn.register_forward_pre_hook(lambda module, args: (args[0] * 2, *args[1:]))
    rnn.register_forward_pre_hook(
        lambda module, args, kwargs: (args, kwargs | {"hx": torch.ones(1, 2, 4).double()}),
        with_kwargs=True,
    )
    return rnn


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: pruned(loaded=True),
        old_spectral_norm,
        old_weight_norm,
        parametrized,
        of_a_changed_input,
    ],
    ids=["pruned", "spectral norm", "weight norm", "parametrized", "input"],
)
def test_a_trace_is_of_the_weights_and_input_of_the_modules_next_call(make, training):
    torch.manual_seed(0)
    rnn, x = make().train(training), X.double()
    before = {name: w.clone() for name, w in rnn.state_dict().items()}
    held = {name: value for name, value in vars(rnn).items() if name.startswith("weight")}
    seen = trace(rnn, x)
    assert rnn.training is training
    assert all(torch.equal(before[name], w) for name, w in rnn.state_dict().items())
    assert all(vars(rnn)[name] is value for name, value in held.items())
    wanted, _ = rnn.eval()(x)
    torch.testing.assert_close(seen.layers[0].h_out, wanted, rtol=0, atol=1e-12)
    assert seen.residual < 1e-12
    rnn.train(training)
    with record(rnn) as traces:
        got, _ = rnn(x)
    torch.testing.assert_close(traces[""][0].layers[0].h_out, got, rtol=0, atol=1e-12)
    assert traces[""][0].residual < 1e-12


def test_forward_hooks_are_not_run_by_a_trace():
    rnn, calls = nn.GRU(3, 4), []
    rnn.register_forward_hook(lambda *_: calls.append("after"))
    trace(rnn, X)
    assert calls == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_can_be_compiled_jitted_and_transformed_inside_record():
    torch.manual_seed(0)
    rnn, cell = nn.GRU(3, 4), nn.GRUCell(3, 4)
    wanted = rnn(X)[0]
    torch.compile(rnn, backend="eager")(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with record(nn.ModuleList([rnn, cell])) as traces:
            compiled = torch.compile(lambda x: rnn(x)[0] + 1, backend="eager")
            assert torch.equal(compiled(X), wanted + 1)
            torch.compile(lambda x: cell(x), backend="eager", fullgraph=True)(X[0])
            jitted = torch.jit.trace(rnn, (X,), check_trace=False)
            given = {name: 2 * p for name, p in rnn.named_parameters()}
            torch.func.functional_call(rnn, given, (X,))
    assert torch.equal(jitted(X)[0], wanted)
    by_compiled, by_jit, by_other_weights = traces["0"]
    assert torch.equal(by_compiled.layers[0].h_out, wanted)
    assert "torch.jit" in by_jit.reason
    assert by_other_weights.residual < 1e-6


@pytest.mark.parametrize("dynamo", [False, True])
def test_a_model_can_be_copied_and_saved_inside_record(dynamo, tmp_path):
    rnn = nn.GRU(3, 4)
    wanted = rnn(X)[0]
    if dynamo:
        torch.compile(rnn, backend="eager")(X)
    with record(rnn) as traces:
        copy = deepcopy(rnn)
        assert torch.equal(copy(X)[0], wanted)
        torch.save(rnn.state_dict(), tmp_path / "model.pt")
    assert traces[""] == []


def test_a_saved_module_does_not_take_its_records_along():
    rnn = nn.GRU(3, 4)
    with record(rnn) as traces:
        loaded = pickle.loads(pickle.dumps(rnn))
        assert torch.equal(loaded(X)[0], rnn(X)[0])
    assert len(traces[""]) == 1


@pytest.mark.parametrize("how", ["no_grad", "inference_mode", "vmap", "meta", "two contexts"])
def test_a_call_is_as_outside_in_every_mode_of_torch(how):
    torch.manual_seed(0)
    rnn = nn.GRU(3, 4)
    if how == "meta":
        rnn = nn.GRU(3, 4, device="meta")
        with pytest.warns(UserWarning, match="meta device"), record(rnn) as traces:
            assert rnn(X.to("meta"))[0].is_meta
        assert "no values" in traces[""][0].reason
        return
    with record(rnn) as traces:
        if how == "two contexts":
            with record(rnn) as inner:
                rnn(X)
            assert len(inner[""]) == 1
        elif how == "vmap":
            with pytest.raises(RuntimeError, match="Batching rule not implemented"):  # torch's own
                torch.vmap(lambda x: rnn(x)[0])(X[None])
            return
        else:
            with getattr(torch, how)():
                assert not rnn(X)[0].requires_grad
    assert traces[""][0].residual < 1e-6


def test_the_reason_inside_a_transform_of_torch_is_a_sentence():
    cell = nn.GRUCell(3, 4)
    with warnings.catch_warnings(), record(cell) as traces:
        warnings.simplefilter("ignore")
        torch.vmap(cell)(X)
        torch.func.hessian(lambda x: cell(x).sum())(X[0])
    vmap, hessian = traces[""]
    assert vmap.reason == "the call runs inside a transform of torch.func"
    assert hessian.residual < 1e-6


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no steps"), "no steps"),
        (RuntimeError("x INTERNAL ASSERT FAILED, please report"), "RuntimeError inside torch"),
        (RuntimeError("sizes\n differ"), "RuntimeError: sizes differ"),
    ],
)
def test_a_reason_is_one_line_without_the_insides_of_torch(error, reason, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(recording, "trace_layers", fail)
    rnn = nn.GRU(3, 4)
    with pytest.warns(UserWarning, match=reason), record(rnn) as traces:
        rnn(X)
    assert traces[""][0].reason == reason


def run_cell(cell, x, state=None):
    for step in x:
        state = cell(step, state)


def test_a_cell_whose_weights_change_from_call_to_call_is_untraced():
    torch.manual_seed(0)
    cell = nn.GRUCell(3, 40)
    register_parametrization(cell, "weight_hh", DropWeights())
    with pytest.warns(UserWarning, match="not traced"), record(cell) as traces:
        run_cell(cell, X.repeat(4, 1, 1) * 5)
    assert "GRUCell gives something else" in traces[""][0].reason


def test_random_numbers_of_other_threads_are_their_own():
    """They share one generator: to put it back after a trace would repeat their numbers."""
    rnn, seen = nn.LSTM(3, 4), []
    true = recording.trace_layers

    def beside(*args, **options):
        thread = threading.Thread(target=lambda: seen.append(torch.rand(())))
        thread.start()
        thread.join()
        return true(*args, **options)

    with pytest.MonkeyPatch.context() as patched, record(rnn):
        patched.setattr(recording, "trace_layers", beside)
        rnn(X)
        rnn(X)
    assert seen[0] != seen[1]


def test_a_default_device_of_torch_changes_no_trace():
    rnn = nn.LSTM(3, 4)
    packed = nn.utils.rnn.pack_sequence([X[:, 0], X[:2, 1]])
    with torch.device("meta"):
        seen = trace(rnn, packed)
    assert seen.residual < 1e-6
