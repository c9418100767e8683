"""What comes next by how much of a text was read, and by the order of its words."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import load_run
from rnnviz.analysis import word_order
from rnnviz.analysis.past import LONGEST, after_the_last, past
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.model import RNNModel

TEXT = "def f(x):\n    return"


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_each_row_is_the_model_on_the_last_tokens_alone(kind, layers):
    torch.manual_seed(0)
    model = RNNModel(kind, 7, 5, 6, layers, dropout=0.4).double().train()
    ids = torch.randint(0, 7, (9,))
    found = after_the_last(model, ids)
    assert model.training
    model.eval()
    for d in range(1, 10):
        alone, _ = model(ids[None, -d:], model.init_hidden(1))
        torch.testing.assert_close(found[d - 1], alone[0, -1])


def test_a_past_has_the_likeliest_tokens_and_how_far_they_are_from_those_of_the_whole():
    run = load_run("python-source-gru")
    found = past(run, TEXT)
    assert "".join(found.tokens) == TEXT.replace(" ", "␣").replace("\n", "⏎")
    assert found.starts.tolist() == list(range(len(TEXT)))
    with torch.no_grad():
        whole, _ = run.model(run.ids(TEXT)[None], run.model.init_hidden(1))
        last, _ = run.model(run.ids(TEXT)[None, -3:], run.model.init_hidden(1))
    whole, last = whole[0, -1].exp(), last[0, -1].exp()
    assert found.moved[2] == pytest.approx((whole - last).clamp(min=0).sum().item(), abs=1e-5)
    assert found.moved[-1] == 0
    assert found.p[2] == pytest.approx(last.topk(5).values.numpy(), abs=1e-6)
    best = run.vocab.id2token[int(last.argmax())]
    assert found.likeliest[2][0] == best.replace(" ", "␣").replace("\n", "⏎")


def test_of_a_long_text_the_last_tokens_are_taken_at_their_places():
    found = past(load_run("recall-lstm"), "abc" * 100)
    assert len(found.tokens) == LONGEST
    assert found.starts[0] == 300 - LONGEST


@pytest.mark.parametrize("text", ["", "  "])
def test_a_text_without_a_token_is_one_sentence(text):
    with pytest.raises(ValueError, match="no token"):
        past(load_run("python-docs-lstm"), text)


WORDS = st.text("ab \n.", max_size=40)


@given(text=WORDS, data=st.data())
def test_pieces_in_their_own_order_are_the_text_and_in_another_have_the_same_words(text, data):
    found = word_order.pieces(text)
    order = data.draw(st.permutations(range(len(found.pieces))))
    again, moved = found.text(range(len(found.pieces))), found.text(order)
    assert text.startswith(again)
    assert not text[len(again) :].strip()
    if len(text.split()) >= word_order.FEWEST:
        assert sorted(moved.split()) == sorted(text.split())
    else:
        assert sorted(moved) == sorted(text)
    assert [moved[:end] for end in found.ends(order)] == [
        found.text(order[:n]) for n in range(1, len(order) + 1)
    ]


def test_what_is_cut_is_gone():
    found = word_order.pieces("one two  three four")
    assert found.text([2, 3]) == "three four"
    assert found.text([3, 0, 2]) == "four one  three"


@pytest.mark.parametrize("name", ["python-source-lstm", "python-docs-lstm"])
def test_nats_of_pieces_add_up_to_those_of_the_text(name):
    run = load_run(name)
    found = word_order.pieces("the value of the list is returned")
    order = [3, 4, 0, 1, 2, 5, 6]
    text = found.text(order)
    tokens = word_order.piece_nats(run, text, found.ends(order))
    nats = np.array([sum(cost for _, cost in piece) for piece in tokens])
    assert ["".join(token for token, _ in piece).lstrip("␣") for piece in tokens] == [
        found.pieces[n] for n in order
    ]
    ids = run.ids(text)
    with torch.no_grad():
        log_p, _ = run.model(ids[None, :-1], run.model.init_hidden(1))
    each = -log_p[0].gather(1, ids[1:, None])[:, 0].numpy()  # (T-1,)
    assert nats.sum() == pytest.approx(each.sum(), rel=1e-5)
    starts = np.array(run.vocab.spans(text))[1:, 0]
    ends = [0, *found.ends(order)]
    for n in range(7):
        inside = (starts >= ends[n]) & (starts < ends[n + 1])
        assert nats[n] == pytest.approx(each[inside].sum(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("order", [[], [0, 0], [3], [-1]])
def test_an_order_of_other_pieces_is_refused(order):
    with pytest.raises(ValueError, match="each once"):
        word_order.checked_order(order, 3)
