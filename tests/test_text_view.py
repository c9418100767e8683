"""Runs on odd texts: tokens, places and arrays always fit together."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st

from rnnviz import RNN_TYPES, RunInfo
from rnnviz.analysis import text_view
from rnnviz.analysis.text_view import view, visible
from rnnviz.data.vocab import UNK, Vocab
from rnnviz.nn.model import RNNModel
from rnnviz.runs.run import Run

GATES = {"LSTM": {"i", "f", "g", "o"}, "GRU": {"r", "z", "n"}, "RNN_TANH": {"a"}, "RNN_RELU": {"a"}}
ODD = st.sampled_from("ab \n\t\0\r\x85\u00a0e\u0301\u202e\u200dא😀\ud800<") | st.characters()
TEXTS = st.lists(ODD, max_size=20).map("".join)


def some_run(rnn_type="LSTM", split="char", name="made") -> Run:
    tokens = (UNK, "a", "b", " ", "\n") if split == "char" else (UNK, "<eos>", "a", "ab", ".")
    model = {
        "rnn_type": rnn_type,
        "vocab_size": 5,
        "embedding_size": 3,
        "hidden_size": 4,
        "num_hidden_layers": 2,
        "dropout": 0.5,
        "tie_weights": False,
        "forget_bias": None,
    }
    torch.manual_seed(0)
    info = RunInfo(name, model, Vocab(tokens, split), corpus="c", fingerprint="f")
    return Run(info, RNNModel(**info.model).eval())


RUNS = {(kind, split): some_run(kind, split) for kind in RNN_TYPES for split in ("char", "word")}


@cases(max_examples=120)
@given(TEXTS, st.sampled_from(sorted(RUNS)), st.integers(0, 1))
@example("", ("GRU", "char"), 0)
@example(" \t", ("LSTM", "word"), 1)
@example("\n\n", ("LSTM", "word"), 1)
@example("\ud800\0e\u0301😀\u202e", ("RNN_TANH", "char"), 0)
@example("<script>alert(1)</script>", ("LSTM", "word"), 0)
def test_a_view_of_any_text_has_arrays_as_long_as_its_tokens(text, which, layer):
    run = RUNS[which]
    seen = view(run, text, layer)
    ids = run.vocab.encode(text)
    assert len(seen.tokens) == len(seen.spans) == len(ids)
    assert seen.spans.shape == (len(ids), 2)
    assert seen.left_out == 0
    if not len(ids):
        return
    assert seen.gates.keys() == GATES[which[0]]
    assert seen.states.keys() == ({"h", "c"} if which[0] == "LSTM" else {"h"})
    for values in (*seen.gates.values(), *seen.states.values()):
        assert values.shape == (len(ids), 4)
        assert np.isfinite(values).all()
    assert seen.residual < 1e-5
    lacking = set()
    for token, (start, end), i in zip(seen.tokens, seen.spans.tolist(), ids, strict=True):
        assert token == (UNK if i == 0 else visible(text[start:end]))
        lacking |= {text[start:end]} if i == 0 else set()
    assert set(seen.unknown) == lacking
    assert len(seen.unknown) == len(lacking)


@pytest.mark.parametrize("split", ["char", "word"])
@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_the_values_are_those_of_the_chosen_layer_after_each_token(rnn_type, split):
    run = RUNS[rnn_type, split]
    text = "ab a\nb ab."
    ids, hidden = run.ids(text), run.model.init_hidden(1)
    for t, i in enumerate(ids):
        _, hidden = run.model(i.view(1, 1), hidden)
        for layer in (0, 1):
            h = hidden[0] if rnn_type == "LSTM" else hidden
            states = view(run, text, layer).states
            np.testing.assert_allclose(states["h"][t], h[layer, 0].detach(), atol=1e-6)
            if rnn_type == "LSTM":
                np.testing.assert_allclose(states["c"][t], hidden[1][layer, 0].detach(), atol=1e-6)


@pytest.mark.parametrize("split", ["char", "word"])
def test_a_long_text_is_cut_and_says_by_how_much(split, monkeypatch):
    monkeypatch.setattr(text_view, "MAX_TOKENS", 7)
    text = "ab\n. a" * 5
    cut = {"char": 7, "word": len("ab\n. aab\n. aab")}[split]  # characters that seven tokens take
    seen = view(RUNS["GRU", split], text, 0)
    assert (len(seen.tokens), seen.left_out) == (7, len(text) - cut)
    assert seen.gates["z"].shape == (7, 4)
    short = view(RUNS["GRU", split], text[: seen.spans[-1, 1]], 0)
    np.testing.assert_array_equal(seen.gates["z"], short.gates["z"])


def test_a_hundred_thousand_characters_are_cut_to_the_limit():
    seen = view(RUNS["LSTM", "char"], "a b\n" * 25_000, 0)
    assert (len(seen.tokens), seen.left_out) == (
        text_view.MAX_TOKENS,
        100_000 - text_view.MAX_TOKENS,
    )


@cases(max_examples=100)
@given(TEXTS)
def test_visible_keeps_the_length_and_shows_what_prints(text):
    shown = visible(text)
    assert len(shown) == len(text)
    assert shown.isprintable()
    for character, mark in zip(text, shown, strict=True):
        prints = character.isprintable() and character != " "
        assert (mark == character) == prints or character in "\u2423\u23ce\u21e5\u2400\ufffd"
        assert not mark.isspace()


def test_spaces_and_line_ends_get_the_marks_of_the_visual_language():
    assert visible("a b\n") == "a␣b⏎"


def test_saturation_is_the_share_of_time_near_the_ends():
    gate = np.array([[0.05, 0.5], [0.95, 0.5], [0.99, 0.05], [0.95, 0.5]], np.float32)
    info, gates = RUNS["GRU", "char"].info, {"z": gate, "n": -gate}
    seen = text_view.View(info, ("a",) * 4, np.zeros((4, 2)), gates, {}, 0.0, (), 0, "cpu")
    found = text_view.saturation(seen)
    ((below, above),) = found.shares.values()
    assert list(below) == [0.25, 0.25]
    assert list(above) == [0.75, 0.0]
    assert (found.tokens, found.mean) == (4, pytest.approx(5 / 8))


def test_memory_is_tanh_of_the_cell_state_where_there_is_one():
    for kind in RNN_TYPES:
        seen = view(RUNS[kind, "char"], "ab ab", 1)
        wanted = np.tanh(seen.states["c"]) if kind == "LSTM" else seen.states["h"]
        np.testing.assert_array_equal(text_view.memory(seen), wanted)
