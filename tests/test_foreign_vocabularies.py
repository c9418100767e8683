"""Which token each row of a model from elsewhere is: the forms in which files hold vocabularies,
characters and words, and what is said where nobody can tell."""

import random
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rnnviz.__main__ import main
from rnnviz.data.source import Source
from rnnviz.runs import importing
from tests.test_foreign_models import (
    CHARS,
    SOURCE,
    TEXT,
    VALID,
    WORDS,
    Model,
    follow,
    imported,
    loss,
    numbered,
    place,
    refused,
    saved,
)

__all__ = ["place"]  # a fixture of all tests here
SHUFFLED = random.Random(5).sample(CHARS, len(CHARS))  # the order of no text


def ids_of(tokens, text):
    return torch.tensor([tokens.index(token) for token in text])


def trained(tokens, text=TEXT):
    """A model that has learned its text with tokens in this order."""
    model = Model(size=len(tokens), d=16, h=16, num_layers=1)
    ids = ids_of(tokens, text)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(25):
        optimizer.zero_grad()
        F.cross_entropy(model(ids[:-1]), ids[1:]).backward()
        optimizer.step()
    return model


@torch.no_grad()
def loss_of(model, tokens, text=VALID):
    ids = ids_of(tokens, text)
    return F.cross_entropy(model(ids[:-1]), ids[1:]).item()


def array(tokens, dtype=None):
    return np.array(tokens, dtype=dtype)


FORMS = {
    "an array": lambda tokens: array(tokens),
    "an array of objects": lambda tokens: array(tokens, object),
    "an array of bytes": lambda tokens: array([token.encode() for token in tokens]),
    "an array of another byte order": lambda tokens: array(tokens).astype(">U1"),
    "items of an array": lambda tokens: list(array(tokens)),
    "bytes": lambda tokens: [token.encode() for token in tokens],
    "ordinals": lambda tokens: list(map(ord, tokens)),
    "an array of ordinals": lambda tokens: array(list(map(ord, tokens))),
    "a tensor of ordinals": lambda tokens: torch.tensor(list(map(ord, tokens)), dtype=torch.uint8),
    "ordinals and numbers": lambda tokens: {ord(token): n for n, token in enumerate(tokens)},
    "numbers of numpy": lambda tokens: {t: np.int64(n) for n, t in enumerate(tokens)},
    "keys of numpy": lambda tokens: {np.int32(n): t for n, t in enumerate(tokens)},
    "tensors": lambda tokens: {t: torch.tensor(n) for n, t in enumerate(tokens)},
    "bytes and numbers": lambda tokens: {t.encode(): n for n, t in enumerate(tokens)},
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_vocabulary(form, protocol):
    model = Model()
    held = {"model": model.state_dict(), "idx2char": FORMS[form](SHUFFLED)}
    run = imported(saved(held, pickle_protocol=protocol), None)
    assert run.vocab.id2token == (*SHUFFLED, "<unk>")


def numbered_from(tokens, start):
    return {token: n + start for token, n in numbered(tokens).items()}


GAPS = {
    "'' first": (["", *SHUFFLED], lambda tokens: tokens),
    "None first": ([None, *SHUFFLED], lambda tokens: tokens),
    "None last": ([*SHUFFLED, None], lambda tokens: tokens),
    "numbers from 1": ([None, *SHUFFLED], lambda tokens: numbered_from(tokens[1:], 1)),
    "numbers from 1 either way": (
        [None, *SHUFFLED],
        lambda tokens: {n: token for token, n in numbered_from(tokens[1:], 1).items()},
    ),
    "numbers to the last but one": ([*SHUFFLED, None], lambda tokens: numbered(tokens[:-1])),
}


@pytest.mark.parametrize("how", GAPS)
def test_rows_without_a_token_are_told_by_their_numbers(how):
    tokens, hold = GAPS[how]
    model = Model(size=len(tokens))
    raw = saved({"model": model.state_dict(), "char2idx": hold(tokens)})
    expected = loss_of(model, tokens)
    assert imported(raw).info.valid_loss == pytest.approx(expected, abs=1e-5)
    named = tuple(f"<{n}>" if token in (None, "") else token for n, token in enumerate(tokens))
    assert imported(raw, None).vocab.id2token == (*named, "<unk>")


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_list_shorter_than_the_rows_begins_where_the_model_predicts_best(before):
    rows = [*"?"[:before], *"!"[: before - 1], *SHUFFLED, *"+"[: 1 - before]]
    model = trained(rows)
    raw = saved({"model": model.state_dict(), "chars": SHUFFLED})
    assert imported(raw).info.valid_loss == pytest.approx(loss_of(model, rows), abs=1e-5)
    sentence = refused(raw, None)
    assert f"lists {len(SHUFFLED)} tokens at 'chars' for {len(rows)} rows" in sentence
    run = imported(follow(sentence, model=model, tokens=rows))
    assert run.info.valid_loss == pytest.approx(loss_of(model, rows), abs=1e-5)


MORE = 64 - len(CHARS)  # rows that only fill a matrix up
FILLED = {
    "a list": SHUFFLED,
    "a text": "".join(SHUFFLED),
    "None": [*SHUFFLED, *[None] * MORE],
    "empty": [*SHUFFLED, *[""] * MORE],
    "the same": [*SHUFFLED, *["<pad>"] * MORE],
    "numbers": numbered(SHUFFLED),
    "numbers first": dict(enumerate(SHUFFLED)),
}


@pytest.mark.parametrize("how", FILLED)
def test_rows_that_fill_a_matrix_up_have_made_up_tokens(how):
    model = Model(size=64)
    held = {"model": model.state_dict(), "chars": FILLED[how]}
    tokens = imported(saved(held), None).vocab.id2token
    assert tokens[: len(CHARS)] == tuple(SHUFFLED)
    assert tokens[len(CHARS) + 1 :] == (*(f"<{n}>" for n in range(len(CHARS) + 1, 64)), "<unk>")
    run = imported(saved(held))
    expected = loss_of(model, [*SHUFFLED, *"?" * MORE])
    assert run.info.valid_loss == pytest.approx(expected, abs=1e-5)


def test_a_made_up_token_is_none_of_the_vocabulary():
    tokens = [*WORDS, "<20>", "<<21>>"]
    raw = saved({"model": Model(size=64).state_dict(), "vocab": tokens})
    assert imported(raw, None).vocab.id2token[len(tokens) :][:2] == ("<<<18>>>", "<<<19>>>")


@pytest.mark.parametrize("rows", [len(CHARS) - 1, len(CHARS) + 5, 100])
@pytest.mark.parametrize("hold", [list, numbered, lambda tokens: dict(enumerate(tokens))])
def test_a_vocabulary_of_another_length_is_told_with_what_to_save(rows, hold):
    model = Model(size=rows)
    raw = saved({"model": model.state_dict(), "vocab": hold(SHUFFLED)})
    if hold is not list and rows == len(CHARS) + 5:  # the numbers tell which rows have a token
        assert imported(raw, None).vocab.id2token[: len(CHARS)] == tuple(SHUFFLED)
        return
    sentence = refused(raw, None)
    assert f"lists {len(CHARS)} tokens at 'vocab' for {rows} rows" in sentence
    tokens = [*SHUFFLED, *[None] * (rows - len(CHARS))][:rows]
    run = imported(follow(sentence, model=model, tokens=tokens), None)
    assert run.vocab.id2token[:rows][: len(CHARS)] == tuple(SHUFFLED[:rows])


def test_a_corpus_with_fewer_tokens_than_rows_is_told_with_what_to_save():
    model = Model(size=64)
    sentence = refused(saved(model.state_dict()))
    assert "has a vocabulary of 64, and pets has 16 words and 19 characters" in sentence
    run = imported(follow(sentence, model=model, tokens=[*SHUFFLED, *[None] * MORE]))
    expected = loss_of(model, [*SHUFFLED, *"?" * MORE])
    assert run.info.valid_loss == pytest.approx(expected, abs=1e-5)


def test_a_corpus_of_as_many_tokens_comes_before_a_shorter_list():
    model = Model(size=len(WORDS))
    held = {"model": model.state_dict(), "char_vocab": CHARS[:10], "tokenizer": "wordlevel"}
    assert imported(saved(held)).info.valid_loss == pytest.approx(loss(model, "word"), abs=1e-5)


@pytest.mark.parametrize(
    "beside", [{"special_tokens": {"<pad>": 0, "<unk>": 1}}, {"tokenizer": "c"}]
)
def test_what_is_too_little_for_a_vocabulary_is_none(beside):
    raw = saved({"model": Model(size=64).state_dict(), **beside})
    assert "for 64 rows" in refused(raw, None) or "no vocabulary" in refused(raw, None)


def test_a_list_that_another_fills_up_is_the_same_vocabulary():
    tokens = ["<pad>", *SHUFFLED]
    held = {"model": Model(size=len(tokens)).state_dict(), "itos": tokens}
    held |= {"stoi": numbered_from(SHUFFLED, 1), "chars": SHUFFLED}
    assert imported(saved(held), None).vocab.id2token == (*tokens, "<unk>")


@pytest.mark.parametrize(
    "value",
    [
        np.arange(19.0),
        np.zeros((19, 2), "U1"),
        torch.randn(19),
        list(range(19)),
        [["a"]] * 19,
        [b"\xff", *map(str.encode, SHUFFLED[1:])],
        dict.fromkeys(SHUFFLED, 1),
        numbered_from(SHUFFLED, 9),
    ],
)
def test_what_is_no_vocabulary_is_not_taken_for_one(value):
    assert "no vocabulary" in refused(saved({"m": Model().state_dict(), "vocab": value}), None)


SPECIAL = [
    ["SOS", "EOS"],
    ["PAD", "UNK"],
    ["_PAD", "_GO", "_EOS", "_UNK"],
    ["<pad>", "<s>", "</s>"],
    ["[PAD]", "[CLS]"],
    ["<|endoftext|>"],
    ["SOS_token", "EOS_token"],
    ["^start^"],
]


@pytest.mark.parametrize("corpus", [True, False])
@pytest.mark.parametrize("special", SPECIAL)
def test_characters_are_characters_whatever_special_tokens_are_called(special, corpus):
    tokens = [*special, *CHARS]
    model = Model(size=len(tokens))
    raw = saved({"model": model.state_dict(), "index2char": dict(enumerate(tokens))})
    run = imported(raw, SOURCE if corpus else None)
    assert run.vocab.split == "char"
    if corpus:
        assert run.info.valid_loss == pytest.approx(loss_of(model, tokens), abs=1e-5)


def test_few_characters_among_many_special_tokens_are_characters():
    tokens = ["PAD", "UNK", "SOS", "EOS", *"ACGT"]
    raw = saved({"model": Model(size=len(tokens)).state_dict(), "itos": tokens})
    assert imported(raw, None).vocab.split == "char"


def test_a_text_tells_words_from_characters_where_tokens_do_not():
    tokens = [*"abcdefgh", "i", "zebra"]  # nine of ten are one character long
    raw = saved({"model": Model(size=10).state_dict(), "itos": tokens})
    words = Source("w", ("zebra i a\n", "zebra i a\nzebra b\n", ""))
    assert imported(raw, None).vocab.split == "char"
    assert imported(raw, words).vocab.level == "word"


PIECES = {
    "sentencepiece": ["▁the", "▁a", "▁"],
    "byte pairs": ["Ġcat", "Ġa", "Ċ"],
    "wordpiece": ["##ing", "##s", "##ed"],
    "subword-nmt": ["th@@", "ca@@", "do@@"],
    "word ends": ["the</w>", "cat</w>"],
}


@pytest.mark.parametrize("corpus", [True, False])
@pytest.mark.parametrize("kind", PIECES)
def test_parts_of_words_are_no_words(kind, corpus):
    tokens = ["<unk>", *PIECES[kind], *CHARS]
    raw = saved({"model": Model(size=len(tokens)).state_dict(), "vocab": tokens})
    sentence = refused(raw, SOURCE if corpus else None)
    assert "parts of words" in sentence
    assert "rnnviz.record(model)" in sentence


def test_words_with_a_mark_or_two_are_words():
    tokens = [*WORDS, *(f"word{n}" for n in range(90)), "##x", "Ġorġ"]
    raw = saved({"model": Model(size=len(tokens)).state_dict(), "vocab": tokens})
    assert imported(raw).vocab.level == "word"


def test_a_vocabulary_that_knows_little_of_the_text_is_none_of_it():
    tokens = ["<unk>", "the", *(f"word{n}" for n in range(30))]
    raw = saved({"model": Model(size=len(tokens)).state_dict(), "vocab": tokens})
    assert "lacks 'a', 'by'" in refused(raw)


def test_an_order_that_cannot_be_found_is_said_with_what_to_do(place, capsys):
    model = trained(SHUFFLED)
    (place / "m.pt").write_bytes(saved(model.state_dict()))
    command = ["import", "--corpus", "pets", "--name"]
    assert main([*command, "guessed", "m.pt"]) == 0
    said = capsys.readouterr().err
    assert "guessed predicts pets no better than guessing" in said
    assert "the order of its tokens could not be found" in said
    (place / "with.pt").write_bytes(follow(said, model=model, tokens=SHUFFLED))
    assert main([*command, "told", "with.pt"]) == 0
    captured = capsys.readouterr()
    assert f"valid {loss_of(model, SHUFFLED):.4f} nats" in captured.out
    assert not captured.err


def test_a_model_in_a_known_order_needs_no_word(place, capsys):
    (place / "m.pt").write_bytes(saved(trained(CHARS).state_dict()))
    assert main(["import", "m.pt", "--corpus", "pets"]) == 0
    assert not capsys.readouterr().err


def test_an_untrained_model_is_imported_and_said_to_be_no_better_than_guessing():
    model = Model()
    run = imported(saved(model.state_dict()))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)
    said = importing.doubt(run.info, "m.pt")
    assert bool(said) == (run.info.valid_loss > np.log(len(run.vocab)))
    assert "Unless it is untrained" in said or not said


@pytest.mark.parametrize("count", [128, 256])
def test_bytes_of_an_ascii_text_are_an_order(count):
    tokens = list(map(chr, range(count)))
    model = Model(size=count)
    run = imported(saved(model.state_dict()))
    assert run.info.valid_loss == pytest.approx(loss_of(model, tokens), abs=1e-5)


@pytest.mark.parametrize("size", [5, 1])
@pytest.mark.parametrize("corpus", [True, False])
def test_a_forecaster_is_said_to_have_no_embedding(size, corpus):
    lstm, linear = torch.nn.LSTM(size, 8), torch.nn.Linear(8, size)
    state = lstm.state_dict(prefix="lstm.") | linear.state_dict(prefix="linear.")
    sentence = refused(saved(state), SOURCE if corpus else None)
    assert re.search("has no embedding and reads (one|5) number", sentence)
    assert "rnnviz.record(model)" in sentence
