"""The evidence of each character, beside plain loops and torch's own autograd."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.tasks.evidence import by_cutting, by_gradient, log_odds
from rnnviz.tasks.models import EachStep, build
from rnnviz.tasks.prose import CODE_OR_PROSE, PROSE
from rnnviz.tasks.source_classes import CLASSES, SOURCE_CLASSES

TEXTS = st.lists(st.integers(0, len(CODE_OR_PROSE.symbols) - 1), min_size=1, max_size=12)
MODELS = st.sampled_from([(CODE_OR_PROSE, kind) for kind in RNN_TYPES] + [(SOURCE_CLASSES, "LSTM")])


def some_model(task, kind) -> EachStep:
    torch.manual_seed(1)
    model = build(task, kind, width=9).double()
    assert isinstance(model, EachStep)
    return model


def final_odds(model, read, output) -> torch.Tensor:
    """log p/(1-p) after the embeddings (T,D); those of the head's bias alone after none."""
    state = model.rnn(read[None])[0][0, -1] if len(read) else read.new_zeros(9)
    p = model.head(state).softmax(-1)[output]
    return (p / (1 - p)).log()


@given(MODELS, TEXTS, st.integers(0, len(CLASSES) - 1))
def test_log_odds_are_those_of_each_beginning(which, text, output):
    task, output = which[0], output % len(which[0].outputs)
    model, ids = some_model(*which), np.array(text)
    read = model.read(torch.tensor(text))
    wanted = [final_odds(model, read[: t + 1], output).item() for t in range(len(text))]
    np.testing.assert_allclose(log_odds(model, ids, output), wanted, atol=1e-12)
    if len(task.outputs) == 2:
        np.testing.assert_allclose(log_odds(model, ids, 1 - output), -np.array(wanted), atol=1e-12)


@given(MODELS, TEXTS)
def test_by_cutting_is_a_loop_over_the_texts_without_one_character(which, text):
    model, ids = some_model(*which), np.array(text)
    read = model.read(torch.tensor(text))
    whole = final_odds(model, read, PROSE)
    wanted = [
        (whole - final_odds(model, torch.cat([read[:t], read[t + 1 :]]), PROSE)).item()
        for t in range(len(text))
    ]
    np.testing.assert_allclose(by_cutting(model, ids, PROSE), wanted, atol=1e-12)


@given(MODELS, TEXTS)
def test_by_gradient_is_the_slope_as_each_embedding_grows(which, text):
    model, ids = some_model(*which), np.array(text)
    read = model.read(torch.tensor(text)).detach()

    def of_scales(scales):
        return final_odds(model, read * scales[:, None], PROSE)

    scales = torch.ones(len(text), dtype=torch.double)
    wanted = torch.autograd.functional.jacobian(of_scales, scales)
    np.testing.assert_allclose(by_gradient(model, ids, PROSE), wanted, atol=1e-12)


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_to_cut_each_of_200_characters_out_keeps_nobody_waiting(kind):
    model = build(CODE_OR_PROSE, kind)
    ids = np.random.default_rng(0).integers(len(CODE_OR_PROSE.symbols), size=200)
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        assert np.isfinite(by_cutting(model, ids, PROSE)).all()
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.5  # 0.1 on one free core
