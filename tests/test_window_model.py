"""The network that sees a window of tokens and has no state."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rnnviz import context_loss, load_corpus
from rnnviz.nn.evaluation import evaluate
from rnnviz.nn.window_model import WindowModel, hidden_size_for
from rnnviz.training.config import TrainConfig
from rnnviz.training.loop import train

IDS = torch.randint(0, 7, (60,), generator=torch.Generator().manual_seed(1))


def a_model(window: int) -> WindowModel:
    torch.manual_seed(window)
    return WindowModel(7, window, 5, 6, dropout=0.4).double()


def one_window(model: WindowModel, seen: Tensor) -> Tensor:
    """Log-probabilities after the tokens seen, written out; zeros stand where there are none."""
    vectors = [torch.zeros(5, dtype=torch.double)] * model.window
    vectors += [model.embedding.weight[n] for n in seen]
    by_dimension = torch.stack(vectors[-model.window :], 1)  # (D,window)
    layer, projection = model.hidden_layer, model.projection
    hidden = torch.tanh(layer.weight @ by_dimension.flatten() + layer.bias)
    return (projection.weight @ hidden + projection.bias).log_softmax(-1)


@given(window=st.integers(1, 9), cut=st.integers(1, 11))
def test_each_step_sees_its_window_alone_however_the_text_is_cut(window, cut):
    model = a_model(window).eval()
    rows, hidden = torch.stack((IDS[:12], IDS[20:32])), model.init_hidden(2)
    found = []
    for part in (rows[:, :cut], rows[:, cut:]):
        log_probs, hidden = model(part, hidden)
        found.append(log_probs)
    found = torch.cat(found, 1)
    for row, ids in enumerate(rows):
        for t in range(12):
            torch.testing.assert_close(found[row, t], one_window(model, ids[: t + 1]))


def test_what_lies_before_its_window_changes_nothing():
    model = a_model(4)
    near, far = context_loss(model, IDS, [4, 20], context=20).nats
    assert near == pytest.approx(far)
    assert near != pytest.approx(context_loss(model, IDS, [3], context=20).nats[0])


def test_the_same_loop_trains_it(place):
    """Of random letters, each written twice: two tokens tell whether the last is the second."""
    letters = torch.randint(0, 4, (3000,), generator=torch.Generator().manual_seed(0)).tolist()
    text = "".join("abcd"[n] + "abcd"[n] for n in letters)
    (place / "pairs.txt").write_text(text, encoding="utf-8")
    corpus = load_corpus(str(place / "pairs.txt"))
    losses = {}
    for window in (1, 2):
        torch.manual_seed(0)
        model = WindowModel(len(corpus.vocab), window, 8, 16)
        config = TrainConfig(lr=0.03, batch_size=8, sequence_length=16, steps=150)
        list(train(model, corpus, config))
        losses[window] = evaluate(model, corpus.valid)
    assert losses[2] < losses[1] - 0.1


@given(window=st.sampled_from([1, 2, 4, 8, 16]))
def test_hidden_units_for_a_number_of_parameters(window):
    model = WindowModel(103, window, 128, hidden_size_for(435_000, 103, window, 128))
    count = sum(p.numel() for p in model.parameters())
    assert count == pytest.approx(435_000, rel=0.01)


def test_a_window_of_no_token_is_one_sentence():
    with pytest.raises(ValueError, match="at least 1 token, not 0"):
        WindowModel(7, 0)


def test_without_a_rate_of_its_own_the_loop_asks_for_one(place):
    corpus = load_corpus(str(place / "notes.txt"))
    model = WindowModel(len(corpus.vocab), 2, 4, 4)
    with pytest.raises(ValueError, match="no entry for the cell type 'WINDOW'"):
        list(train(model, corpus, TrainConfig(batch_size=2, sequence_length=8, steps=1)))
