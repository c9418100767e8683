"""The loss of a token by how much of the past is as it was."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rnnviz
from rnnviz import RNNModel, context_loss
from rnnviz.analysis.context_curve import BEYOND, ContextLoss
from rnnviz.nn.cell_types import RNN_TYPES

TEXT = torch.randint(0, 7, (90,), generator=torch.Generator().manual_seed(3))


def a_model(kind: str = "LSTM") -> RNNModel:
    torch.manual_seed(0)
    return RNNModel(kind, 7, 5, 6, 2, dropout=0.4).double()


def one_by_one(model: RNNModel, context: int, positions: int, d: int) -> list[float]:
    """Loss after the last d tokens alone, of the positions that seed 0 draws."""
    model.eval()
    draw = torch.Generator().manual_seed(0)
    places = (context + torch.randperm(len(TEXT) - context, generator=draw))[:positions]
    found = []
    for place in places.tolist():
        log_probs, _ = model(TEXT[None, place - d : place], model.init_hidden(1))
        found.append(-log_probs[0, -1, TEXT[place]].item())
    return found


@pytest.mark.parametrize("kind", RNN_TYPES)
@settings(max_examples=6)
@given(distances=st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_what_is_cut_is_one_position_at_a_time_from_zeros(kind, distances):
    model = a_model(kind).train()
    found = context_loss(model, TEXT, distances, context=20, positions=12)
    for d, nats, mean, error in zip(
        distances, found.nats, found.mean, found.standard_error, strict=True
    ):
        expected = np.array(one_by_one(model, 20, 12, d))
        np.testing.assert_allclose(nats, expected, rtol=1e-9)
        assert mean == pytest.approx(expected.mean())
        assert error == pytest.approx(expected.std(ddof=1) / np.sqrt(12))


def test_the_model_and_the_random_state_are_left_as_they_were():
    model, before = a_model().train(), torch.get_rng_state()
    context_loss(model, TEXT, [4], "shuffled", context=20)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("beyond", BEYOND)
def test_with_all_of_the_context_as_it_was_the_modes_agree(beyond):
    model = a_model()
    whole = context_loss(model, TEXT, [20], context=20, positions=40).nats
    np.testing.assert_allclose(
        context_loss(model, TEXT, [20], beyond, context=20, positions=40).nats, whole, rtol=1e-9
    )


def a_counter() -> RNNModel:
    """h is how often each token was read, in any order."""
    model = RNNModel("RNN_RELU", 7, 7, 7, 1, dropout=0.0).double()
    with torch.no_grad():
        for weight in model.rnn.parameters():
            weight.zero_()
        for weight in (model.embedding.weight, model.rnn.weight_ih_l0, model.rnn.weight_hh_l0):
            weight.copy_(torch.eye(7))
        model.projection.weight.copy_(0.3 * torch.eye(7))
    return model


def test_shuffled_has_the_same_tokens_and_replaced_has_others():
    model = a_counter()
    whole = context_loss(model, TEXT, [20], context=20).nats[0]
    shuffled = context_loss(model, TEXT, [1, 7, 19], "shuffled", context=20).nats
    np.testing.assert_allclose(shuffled, np.tile(whole, (3, 1)), rtol=1e-9)
    assert not np.allclose(context_loss(model, TEXT, [7], "replaced", context=20).nats, whole)


def test_shuffled_is_in_another_order():
    model = a_model()
    whole = context_loss(model, TEXT, [20], context=20).nats
    assert not np.allclose(context_loss(model, TEXT, [2], "shuffled", context=20).nats, whole)


def test_replaced_is_a_stretch_of_the_text_that_shares_no_token_with_the_past(monkeypatch):
    """In a text without repetition, ids are places."""
    read = []
    text = torch.arange(200)
    model = RNNModel("GRU", 200, 4, 4, 1)
    monkeypatch.setattr(
        "rnnviz.analysis.context._nats", lambda _, ids, n: read.append((ids, n)) or n.double()
    )
    context_loss(model, text, [30], "replaced", context=50)
    ids, next_ids = read[0]
    assert ids.shape == (150, 50)
    assert torch.equal(ids[:, 20:], next_ids[:, None] - torch.arange(30, 0, -1))
    assert torch.equal(ids[:, 1:20], (ids[:, :19] + 1) % 200)
    for row, place in zip(ids.tolist(), next_ids.tolist(), strict=True):
        assert not set(row[:20]) & set(range(place - 50, place))


@given(seed=st.integers(0, 5), positions=st.integers(2, 80))
def test_positions_are_shared_and_never_repeat(seed, positions):
    model = a_model()
    one, two = (
        context_loss(model, TEXT, ds, context=30, positions=positions, seed=seed)
        for ds in ([3, 9], [9])
    )
    np.testing.assert_array_equal(one.nats[1], two.nats[0])
    assert one.nats.shape[1] == min(positions, 60)
    assert len(set(one.nats[1].tolist())) == one.nats.shape[1]


def test_a_seed_may_be_a_number_of_numpy():
    one, two = (context_loss(a_model(), TEXT, [3], context=20, seed=s) for s in (3, np.int64(3)))
    np.testing.assert_array_equal(one.nats, two.nats)


def test_a_text_that_ends_where_the_last_position_stands():
    assert context_loss(a_model(), TEXT[:22], [20], context=20).nats.shape == (1, 2)


def test_progress_is_told_up_to_all():
    told = []
    context_loss(a_model(), TEXT, [1, 3, 4], context=9, on_progress=told.append)
    assert told == [1 / 8, 4 / 8, 1.0]


def test_where_a_model_stops_gaining():
    """The end has 1.00 and an error of 0.02 here: 1.01 is not seen to differ, 1.5 is."""
    spread = 0.02 * np.sqrt(200) * np.where(np.arange(200) % 2, 1, -1)
    found = ContextLoss((1, 2, 4, 8), np.array([[3.0], [1.5], [1.01], [1.0]]) + spread)
    assert found.standard_error == pytest.approx(0.02, rel=0.01)
    assert found.enough == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"beyond": "masked"}, "beyond must be one of cut, shuffled, replaced, not 'masked'"),
        ({"distances": [0]}, "from 1 to the context of 20"),
        ({"distances": [21]}, "from 1 to the context of 20"),
        ({"distances": []}, "from 1 to the context of 20"),
        ({"positions": 1}, "positions must be at least 2"),
        ({"ids": TEXT[:21]}, "needs a text of at least 22, not 21"),
        ({"ids": TEXT[:41], "beyond": "replaced"}, "needs a text of at least 42, not 41"),
        ({"ids": [0, 9]}, "from 0 to 6"),
        ({"seed": 2**64}, "a seed is a whole number of at most 64 bits"),
        ({"seed": 1.5}, "a seed is a whole number, not 1.5"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(options, sentence):
    arguments = {"ids": TEXT, "distances": [3], "context": 20} | options
    with pytest.raises(ValueError, match=sentence):
        context_loss(a_model(), **arguments)


def test_it_is_public():
    assert rnnviz.ContextLoss is ContextLoss
