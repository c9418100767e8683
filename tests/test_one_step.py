"""One step of training, held to the lecture's lines written out in plain torch."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnviz import RNN_TYPES, RNNModel
from rnnviz.analysis import one_step, small_training
from rnnviz.analysis.one_step import CLIP, Way, Windows
from rnnviz.analysis.small_training import LENGTH, VOCABULARY
from rnnviz.data.corpus import bptt_batchify
from rnnviz.training.step import TrainStep

WAYS = [Way(), Way(reset=True), Way(crossing=True), Way(crossing=True, clip=1e-3)]
PLAIN = {
    "LSTM": nn.LSTM,
    "GRU": nn.GRU,
    "RNN_TANH": nn.RNN,
    "RNN_RELU": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
}
SIZES = {"vocab_size": 11, "embedding_size": 5, "hidden_size": 7, "num_hidden_layers": 1}
RATES = [1e-4, 0.3, 10.0]


def untrained(kind: str, seed: int = 0) -> RNNModel:
    torch.manual_seed(seed)
    model = RNNModel(kind, **SIZES, dropout=0.0).double()
    for weights in model.parameters():
        nn.init.uniform_(weights, -0.6, 0.6)
        weights.grad = torch.rand_like(weights)  # what a step before left
    return model


def some_windows(rows: int = 3, steps: int = 5) -> Windows:
    rng = torch.Generator().manual_seed(1)
    before, now = torch.randint(SIZES["vocab_size"], (2, rows, steps), generator=rng)
    targets = torch.randint(SIZES["vocab_size"], (rows, steps), generator=rng)
    return Windows(before, now, targets)


class Plain(nn.Module):
    """The lecture's model of torch's own modules."""

    def __init__(self, model: RNNModel) -> None:
        super().__init__()
        shape = model.config
        self.embedding = nn.Embedding(shape["vocab_size"], shape["embedding_size"])
        self.rnn = PLAIN[model.rnn_type](
            shape["embedding_size"], shape["hidden_size"], batch_first=True
        )
        self.projection = nn.Linear(shape["hidden_size"], shape["vocab_size"])
        self.to(model.projection.weight.dtype).load_state_dict(model.state_dict())
        for mine, its in zip(self.parameters(), model.parameters(), strict=True):
            mine.grad = its.grad.clone()

    def forward(self, embedded, hidden):
        output, hidden = self.rnn(embedded, hidden)
        return F.log_softmax(self.projection(output), -1), hidden


def carried(plain: Plain, windows: Windows, way: Way):
    """The state that the window begins with, and the embedding of what was read for it."""
    if way.reset:
        return None, None
    embedded = plain.embedding(windows.before)
    _, hidden = plain(embedded, None)
    if not way.crossing:
        hidden = tuple(h.detach() for h in hidden) if type(hidden) is tuple else hidden.detach()
    return hidden, embedded


def norm(tensors) -> float:
    return math.sqrt(sum(float((tensor**2).sum()) for tensor in tensors))


def written_out(model: RNNModel, windows: Windows, way: Way, lr: float) -> dict:
    plain, found = Plain(model), {}
    weights = list(plain.parameters())
    hidden, before = carried(plain, windows, way)
    now = plain.embedding(windows.inputs)
    for embedded in (before, now):
        if embedded is not None:
            embedded.retain_grad()
    log_probs, _ = plain(now, hidden)
    found["shape"] = tuple(log_probs.shape)
    nats = F.nll_loss(log_probs.flatten(0, 1), windows.targets.flatten(), reduction="none")
    found["nats"] = nats.detach().view_as(windows.targets).numpy()
    found["left"] = norm(p.grad for p in weights)
    nats.mean().backward(retain_graph=True)
    found["added"] = norm(p.grad for p in weights)  # to what was left
    for embedded in (before, now):
        if embedded is not None and embedded.grad is not None:
            embedded.grad.zero_()
    plain.zero_grad()
    nats.mean().backward()
    found["norm"] = norm(p.grad for p in weights)
    inputs = [embedded for embedded in (before, now) if embedded is not None]
    found["input_norms"] = np.concatenate(
        [[norm([e.grad[:, t]]) if e.grad is not None else 0.0 for t in range(e.shape[1])]
         for e in inputs]
    )  # fmt: skip
    nn.utils.clip_grad_norm_(weights, way.clip)
    found["clipped"] = norm(p.grad for p in weights)
    with torch.no_grad():
        for p in weights:
            p -= lr * p.grad
        if way.crossing:
            hidden, _ = carried(plain, windows, way)
        log_probs, _ = plain(plain.embedding(windows.inputs), hidden)
        nats = F.nll_loss(log_probs.flatten(0, 1), windows.targets.flatten(), reduction="none")
    found["nats_after"] = nats.view_as(windows.targets).numpy()
    found["projection"] = plain.projection.weight
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_every_line_of_a_step_does_what_plain_torch_does(kind, way):
    model, windows = untrained(kind), some_windows()
    step, wanted = (
        one_step.one_step(model, windows, way, 0.3),
        written_out(model, windows, way, 0.3),
    )
    after = wanted.pop("projection")
    for name, value in wanted.items():
        np.testing.assert_allclose(getattr(step, name), value, rtol=1e-9, atol=1e-12, err_msg=name)
    at = np.ix_(step.block.rows, step.block.columns)
    with torch.no_grad():
        np.testing.assert_array_equal(step.block.weights, model.projection.weight.numpy()[at])
        np.testing.assert_allclose(step.block.updated, after.numpy()[at], rtol=1e-9)
        np.testing.assert_allclose(step.block.gradients, after.grad.numpy()[at], rtol=1e-9)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_loss_at_each_rate_is_that_after_a_step_with_it(kind, way):
    model, windows = untrained(kind), some_windows()
    losses = one_step.losses_by_rate(model, windows, way, RATES)
    wanted = [written_out(model, windows, way, lr)["nats_after"].mean() for lr in RATES]
    np.testing.assert_allclose(losses, wanted, rtol=1e-9)


@pytest.mark.parametrize("way", [Way(clip=math.inf), Way(crossing=True, clip=math.inf)])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_a_small_step_lowers_the_loss_by_the_rate_times_the_squared_norm(kind, way):
    """So the gradient is that of the loss that is computed again after the step."""
    model, windows, lr = untrained(kind), some_windows(), 1e-7
    step = one_step.one_step(model, windows, way, lr)
    assert (step.loss - step.loss_after) / lr == pytest.approx(step.norm**2, rel=1e-4)


def test_the_shown_weights_are_those_with_the_largest_gradients():
    model, windows = untrained("GRU"), some_windows()
    block = one_step.one_step(model, windows, Way(), 1.0).block
    gradients = written_out(model, windows, Way(), 1.0)["projection"].grad
    for found, sums in (
        (block.rows, gradients.norm(dim=1)),
        (block.columns, gradients.norm(dim=0)),
    ):
        assert set(found) == set(sums.topk(len(found)).indices.tolist())
        assert list(found) == sorted(found)


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_model_that_is_given_stays_as_it_is(kind):
    model = untrained(kind)
    before = copy.deepcopy(model.state_dict()), [p.grad.clone() for p in model.parameters()]
    one_step.one_step(model, some_windows(), Way(), 5.0)
    one_step.losses_by_rate(model, some_windows(), Way(), RATES)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[0][name])
    for parameter, gradient in zip(model.parameters(), before[1], strict=True):
        assert torch.equal(parameter.grad, gradient)


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_a_gradient_ends_where_the_state_is_detached(kind):
    model, windows = untrained(kind), some_windows(steps=6)
    reaches = [one_step.one_step(model, windows, way, 1.0).reach for way in WAYS[:3]]
    assert reaches == [6, 6, 12]


def test_a_gradient_that_arrives_nowhere_reaches_nothing():
    model = untrained("RNN_RELU")
    with torch.no_grad():
        model.rnn.bias_ih_l0.fill_(-100)  # all units are 0, and so are their slopes
    assert one_step.one_step(model, some_windows(), Way(), 1.0).reach == 0


def test_without_gradients_of_a_step_before_nothing_is_added():
    model = untrained("LSTM")
    model.zero_grad()
    step = one_step.one_step(model, some_windows(), Way(), 1.0)
    assert (step.left, step.added) == (0.0, pytest.approx(step.norm))


def test_a_loss_that_overflows_is_given_as_it_is():
    losses = one_step.losses_by_rate(
        small_training.begun("RNN_RELU"), small_training.windows(), Way(), [1.0, 1e30]
    )
    assert np.isfinite(losses).tolist() == [True, False]


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_model_is_in_the_middle_of_the_training_that_the_command_does(kind):
    """The same windows in the steps of `rnnviz train --optimizer sgd`; only its gradients are not
    kept there."""
    torch.manual_seed(0)
    begun, model = (
        small_training.begun(kind),
        RNNModel(kind, len(VOCABULARY), 8, 16, 1, dropout=0.0),
    )
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.25, 0.25, generator=rng)
    ids = torch.tensor([VOCABULARY.index(token) for token in small_training.TEXT])
    inputs, targets = (bptt_batchify(part, 1, LENGTH) for part in (ids[:-1], ids[1:]))
    step = TrainStep(model, 1, CLIP, None, all_count=True)
    for number in range(small_training.EPOCHS * len(inputs) + 1):
        window = number % len(inputs)
        if window == 0:
            step.reset_hidden()
        step.gradients(inputs[window], targets[window], LENGTH)
        step.update(small_training.LR)
    for mine, its in zip(model.parameters(), begun.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=0.02)
    assert all(p.grad is not None for p in begun.parameters())
    windows = small_training.windows()
    assert torch.equal(windows.before, inputs[0])
    assert torch.equal(windows.inputs[0], ids[LENGTH : 2 * LENGTH])
    assert torch.equal(windows.targets[0], ids[LENGTH + 1 : 2 * LENGTH + 1])
