import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import CorpusError, Vocab, bptt_batchify, load_corpus
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import from_text
from rnnviz.data.vocab import tokenize

# The worked example of the lecture notes
NOTES = "a b c d e <eos> f g h i j k l m n <eos> o p q r s <eos> t u v w x y z <eos>"
ODD = st.text(alphabet=st.characters(), max_size=60) | st.sampled_from(
    ["\0", "שלום עולם", "é\u0301\u0301", "👩‍👩‍👧 🇩🇪", "\ud800x", "<unk> <eos>", "\n\n", " "]
)


def test_batchify_gives_the_worked_example_of_the_notes():
    vocab = Vocab.build([NOTES], "space")
    ids = torch.tensor([vocab.token2id[token] for token in NOTES.split()])
    windows = bptt_batchify(ids, batch_size=4, sequence_length=2)
    assert windows.shape == (3, 4, 2)
    rows = windows.transpose(0, 1).reshape(4, -1)
    said = [" ".join(vocab.id2token[i] for i in row) for row in rows]
    assert said == ["a b c d e <eos>", "f g h i j k", "l m n <eos> o p", "q r s <eos> t u"]


@given(st.integers(1, 200), st.integers(1, 5), st.integers(1, 9))
def test_batchify_keeps_rows_contiguous_and_cuts_the_remainder(n, batch, length):
    data = torch.arange(n)
    if n < batch * length:
        with pytest.raises(ValueError, match=rf"{n} .* {batch} .* {length} "):
            bptt_batchify(data, batch, length)
        return
    windows = bptt_batchify(data, batch, length)
    steps = n // (batch * length) * length
    for row in range(batch):
        expected = list(range(row * steps, (row + 1) * steps))
        assert windows[:, row].flatten().tolist() == expected


def test_every_next_token_is_a_target_once_across_window_borders():
    ids = torch.arange(25)
    inputs, targets = bptt_batchify(ids[:-1], 2, 3), bptt_batchify(ids[1:], 2, 3)
    assert torch.equal(targets, inputs + 1)
    assert sorted(targets.flatten().tolist()) == list(range(1, 25))


@given(ODD)
def test_characters_round_trip_and_unknown_ones_become_unk(text):
    vocab = Vocab.build([text])
    assert vocab.decode(vocab.encode(text)) == text
    assert Vocab(("<unk>",)).encode(text).tolist() == [0] * len(text)


@given(ODD, st.sampled_from(["char", "word", "space"]))
def test_spans_point_at_the_tokens(text, split):
    vocab = Vocab.build([text], split)
    spans, ids = vocab.spans(text), vocab.encode(text)
    assert len(spans) == len(ids)
    for (start, end), i in zip(spans, ids, strict=True):
        token = vocab.id2token[i]
        assert text[start:end] == ("\n" if token == "<eos>" and end - start == 1 else token)


def test_words_are_words_and_punctuation_and_lines_end_in_eos():
    assert tokenize("Don't stop,\nx = 3.\n", "word") == (
        ["Don", "'", "t", "stop", ",", "<eos>", "x", "=", "3", ".", "<eos>"]
    )
    vocab = Vocab.build(["a b b\n"], "word")
    assert vocab.id2token == ("<unk>", "<eos>", "b", "a")
    assert vocab.decode(vocab.encode("b a\nb c")) == "b a\nb <unk>"


def test_min_count_sends_rare_tokens_to_unk():
    vocab = Vocab.build(["aab"], min_count=2)
    assert vocab.id2token == ("<unk>", "a")


@pytest.mark.parametrize("tokens", [("a",), ("<unk>", "a", "a")])
def test_a_vocabulary_needs_unk_and_each_token_once(tokens):
    with pytest.raises(ValueError, match="<unk>"):
        Vocab(tokens)


def test_fingerprint_follows_the_text():
    one, same, other = (
        make_corpus(from_text(text * 50, "t")).fingerprint for text in ("ab", "ab", "ac")
    )
    assert one == same != other


def test_a_large_text_is_encoded_as_a_small_one():
    text = "abcé" * 1000
    assert np.array_equal(Vocab.build([text]).encode(text)[:4], Vocab.build([text]).encode("abcé"))


def test_what_is_too_short_or_of_no_level_is_refused(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("ab")
    with pytest.raises(CorpusError, match="too short"):
        load_corpus(str(short))
    with pytest.raises(CorpusError, match="level must be one of char, word"):
        load_corpus(str(short), level="byte")


def test_unknown_tokens_are_told_once_each():
    chars, words = Vocab.build(["abc"]), Vocab.build(["a cat, a mat"], "word")
    assert chars.unknown("abzaz☃") == ["z", "☃"]
    assert words.unknown("a dog, a\ncat dog!") == ["!", "dog"]
    assert words.unknown("") == []
