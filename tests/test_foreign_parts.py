"""Models whose parts lie apart or could be read in more than one way: each is joined or asked for,
and has the source model's own loss."""

import pytest
import torch

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


def test_more_beside_a_divided_model_is_told_with_the_names_of_its_parts():
    model = Model(d=7)
    raw = saved(encoder_and_generator(model) | {"losses": torch.ones(4)})
    parts = advised(refused(raw, kind=Ambiguous))
    assert "embedding=encoder.embed.weight" in parts
    assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)
