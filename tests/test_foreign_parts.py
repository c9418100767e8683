"""Models whose parts lie apart or could be read in more than one way: each is joined or asked for,
and has the source model's own loss."""

import shlex

import pytest
import torch
from torch import nn

from rnnviz.app import models
from rnnviz.runs.recurrent import Ambiguous
from tests.test_foreign_models import (
    CHARS,
    Model,
    imported,
    loss,
    place,
    prefixed,
    refused,
    saved,
    trained_once,
)
from tests.test_import_advice import advised

__all__ = ["place"]  # a fixture of all tests here


def pieces(model):
    """The state_dict of each part of a model, and the names of the first two together."""
    embed, rnn, linear = (getattr(model, name).state_dict() for name in model.names)
    first = prefixed(embed, "embed.") | prefixed(rnn, "lstm.")
    return embed, rnn, linear, first


def encoder_and_generator(model):
    *_, linear, first = pieces(model)
    return {"generator": linear, "encoder": first, "optimizer": trained_once(model)}


def encoder_and_decoder(model):
    embed, rnn, linear, _ = pieces(model)
    return {"encoder": embed, "decoder": prefixed(rnn, "rnn.") | prefixed(linear, "out.")}


DIVIDED = {
    "encoder and generator": encoder_and_generator,
    "encoder and decoder": encoder_and_decoder,
    "parallel": lambda model: {
        key: prefixed(state, "module.")
        for key, state in encoder_and_generator(model).items()
        if key != "optimizer"
    },
    "a level down": lambda model: {"epoch": 3, "models": encoder_and_generator(model)},
    "at two levels": lambda model: {
        "encoder": pieces(model)[3],
        "heads": {"tokens": pieces(model)[2]},
    },
    "in a list": lambda model: [pieces(model)[3], pieces(model)[2]],
}


# Where D is H the embedding alone could be both ends, where D is V the inputs could be one-hot.
@pytest.mark.parametrize(("d", "h"), [(5, 7), (7, 7), (len(CHARS), 7), (len(CHARS),) * 2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("how", DIVIDED)
def test_a_model_that_is_divided_over_state_dicts_is_joined(how, bias, d, h):
    model = Model(d=d, h=h, bias=bias)
    run = imported(saved(DIVIDED[how](model)))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_a_whole_model_needs_nothing_that_lies_beside_it():
    model = Model(d=7)
    held = {"model": model.state_dict(), "classifier": {"weight": torch.ones(len(CHARS), 7)}}
    assert imported(saved(held)).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_names_of_a_choice_are_those_in_the_model_where_only_numbers_lie_beside_it():
    model = Model("a b c", d=7, bias=False)
    raw = saved({"model": model.state_dict(), "best": torch.tensor(1.5), "losses": torch.ones(4)})
    parts = advised(refused(raw, kind=Ambiguous))
    assert parts == ["embedding=a.weight"]
    assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_more_beside_a_divided_model_is_told_with_the_names_of_its_parts():
    model = Model(d=7)
    raw = saved(encoder_and_generator(model) | {"losses": torch.ones(4)})
    parts = advised(refused(raw, kind=Ambiguous))
    assert "embedding=encoder.embed.weight" in parts
    assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


class Layers(nn.Module):
    """One-layer modules under names of one's own, one upon another."""

    def __init__(self, names, d=7):
        super().__init__()
        torch.manual_seed(3)
        self.names = names
        self.embedding, self.fc = nn.Embedding(len(CHARS), d), nn.Linear(7, len(CHARS))
        for number, name in enumerate(names):
            self.add_module(name, nn.LSTM(7 if number else d, 7))

    def forward(self, ids):
        x = self.embedding(ids)[:, None]  # (T,1,D)
        for name in self.names:
            x = getattr(self, name)(x)[0]
        return self.fc(x[:, 0])  # (T,V)


def halves(model):
    """The first layer with the embedding, the second with the projection."""
    first, second = {}, {}
    for name, tensor in model.state_dict().items():
        (second if name.startswith(("fc", model.names[1])) else first)[name] = tensor
    return {"lower": first, "upper": second}


@pytest.mark.parametrize("d", [5, 7])
@pytest.mark.parametrize("prefix", ["", "module.net."])
@pytest.mark.parametrize("names", ["first second", "lstm lstm_2", "b a", "one two three"])
def test_layers_under_unlike_names_are_named_in_order(names, prefix, d):
    model = Layers(names.split(), d)
    raw = saved(prefixed(model.state_dict(), prefix))
    sentence = refused(raw, kind=Ambiguous)
    assert "in order" in sentence
    parts = advised(sentence)
    assert parts == [f"rnn={','.join(names.split())}"]
    in_file = [f"rnn={','.join(prefix + name for name in names.split())}"]
    for way in (parts, in_file):
        run = imported(raw, parts=way)
        assert run.info.model["num_hidden_layers"] == len(model.names)
        assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.parametrize("d", [5, 7])
def test_layers_that_lie_in_two_state_dicts_are_named_in_order(d):
    model = Layers(["first", "second"], d)
    raw = saved(halves(model))
    run = imported(raw, parts=advised(refused(raw, kind=Ambiguous)))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_layers_in_another_order_or_that_are_not_there_are_told():
    raw = saved(Layers(["first", "second"], d=5).state_dict())
    assert "different sizes" in refused(raw, parts=["rnn=second,first"])
    assert "no recurrent module 'third'" in refused(raw, parts=["rnn=first,third"])


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("embedding=a,b.a.weight", ["embedding=a,b.a.weight"]),
        ("--map 'rnn=my net,2' --map embedding=a", ["rnn=my net,2", "embedding=a"]),
        ("embedding=a, projection=b,", ["embedding=a", "projection=b"]),
        ("--map embedding=a.weight --map projection=b.", ["embedding=a.weight", "projection=b"]),
        ("embedding=a,projection=b", ["embedding=a", "projection=b"]),
        ("rnn=first,second embedding=a", ["rnn=first,second", "embedding=a"]),
    ],
)
def test_the_page_takes_names_as_the_command_does(monkeypatch, typed, parts):
    monkeypatch.setattr(models.st, "text_input", lambda *_, **__: typed)
    assert [word for word in shlex.split(models._pick_parts()) if word != "--map"] == parts


def test_a_name_with_a_comma_is_one_name():
    model = Model("a b c", d=7, bias=False)
    raw = saved(prefixed(model.state_dict(), "x,y.") | {"aux.weight": torch.ones(3, 7)})
    parts = advised(refused(raw, kind=Ambiguous))
    parts += advised(refused(raw, kind=Ambiguous, parts=parts))
    assert "rnn=x,y.b" in parts
    assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


class Square(nn.Module):
    """V tokens and V units: inputs are one-hot vectors, or the rows of the only matrix."""

    def __init__(self, is_tied, bias=False):
        super().__init__()
        torch.manual_seed(3)
        self.is_tied, size = is_tied, len(CHARS)
        self.lstm, self.linear = nn.LSTM(size, size), nn.Linear(size, size, bias)

    def forward(self, ids):
        table = self.linear.weight if self.is_tied else torch.eye(len(CHARS))
        return self.linear(self.lstm(table[ids][:, None])[0][:, 0])  # (T,V)


@pytest.mark.parametrize("more", [{}, {"aux.weight": torch.ones(3, 4)}])
@pytest.mark.parametrize("is_tied", [True, False])
def test_one_square_matrix_is_asked_for(is_tied, more):
    model = Square(is_tied)
    raw = saved(model.state_dict() | more)
    sentence = refused(raw, kind=Ambiguous)
    assert "'linear.weight' (19, 19)" in sentence
    parts = advised(sentence, way=not is_tied)
    assert parts == [f"embedding={'linear.weight' if is_tied else 'one-hot'}"]
    if more:
        parts = advised(refused(raw, kind=Ambiguous, parts=parts))
    assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_a_square_projection_with_a_bias_is_no_embedding():
    model = Square(is_tied=False, bias=True)
    raw = saved(model.state_dict())
    for parts in ([], ["embedding=one-hot"], ["projection=linear"]):
        assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_one_hot_inputs_need_a_projection_onto_as_many_tokens():
    sentence = refused(saved(Model(d=7).state_dict()), parts=["embedding=one-hot"])
    assert "no projection onto the tokens that it reads, (7, 7)" in sentence
