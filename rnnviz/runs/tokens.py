"""A list of tokens as a vocabulary: characters or words, and the special ones among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rnnviz.data.vocab import BOM, EOS, PATTERNS, UNK, Vocab, tokenize
from rnnviz.runs.advice import GATES
from rnnviz.runs.info import RunError

UNKNOWNS = ("<UNK>", "<Unk>", "[UNK]", "<oov>", "<OOV>", "UNK", "unk", "xxunk", "<unknown>")
UNKNOWNS += ("_UNK", "__UNK__", "|UNK|", "UNK_TOKEN", "OOV", "<|unk|>")
LINE_ENDS = ("\n", "<EOS>", "</s>", "<nl>", "[EOS]")
NAMES = "pad|unk|oov|unknown|[sbe]os|go|start|stop|end|mask|sep|cls|blank|null|none|eot|endoftext"
SPECIAL = re.compile(rf"<.*>|\[.+\]|xx\w+|[\W_]*({NAMES})(_?token|_?id|\d?)[\W_]*", re.IGNORECASE)
# How sentencepiece, byte-pair and wordpiece tokenizers mark tokens that are parts of words.
PIECE = re.compile(r"▁.*|Ġ.*|Ċ+|##\w+|\w+@@|\w+</w>")
PIECES = 0.05  # of the tokens, from which on they are taken for parts of words
SINGLE = 0.75  # of the tokens that are not special, from which on they are taken for characters
MEASURED = 20_000  # characters of a text


def named(tokens: tuple[str, ...], text: str, file: str) -> Vocab:
    """Tokens as a vocabulary of characters or words: of that with which a text has fewer unknown
    tokens, or without a text by how many of them are characters.

    Raises RunError for parts of words.
    """
    pieces = [token for token in tokens if PIECE.fullmatch(token)]
    if len(pieces) > PIECES * len(tokens):
        some = ", ".join(repr(token[:20]) for token in pieces[:3])
        raise RunError(
            f"{file} has a vocabulary of parts of words, {some}, as sentencepiece and byte-pair "
            f"tokenizers make them, where characters or words are read: {GATES}"
        )
    ways = [as_vocab(tokens, split) for split in _splits(tokens)]
    return min(ways, key=lambda vocab: share_unknown(vocab, text))


def _splits(tokens: Sequence[str]) -> tuple[str, ...]:
    """The ways in which a text may be cut into these tokens, the likeliest first."""
    usual = [token for token in tokens if not SPECIAL.fullmatch(token)]
    words = "word" if all(map(PATTERNS["word"].fullmatch, usual)) else "space"
    single = sum(len(token) == 1 for token in usual)
    return ("char", words) if single > SINGLE * len(usual) else (words, "char")


def as_vocab(tokens: tuple[str, ...], split: str) -> Vocab:
    """The tokens, with `<unk>` among them, under its usual name or added at the end; of words the
    line end, too, under its usual name."""
    if UNK not in tokens:
        tokens = _renamed(tokens, UNKNOWNS, UNK)
    if split != "char" and EOS not in tokens:
        tokens = _renamed(tokens, LINE_ENDS, EOS)
    return Vocab(tokens if UNK in tokens else (*tokens, UNK), split)


def _renamed(tokens: tuple[str, ...], names: Iterable[str], name: str) -> tuple[str, ...]:
    old = next((token for token in names if token in tokens), None)
    return tuple(name if token == old else token for token in tokens)


def share_unknown(vocab: Vocab, text: str) -> float:
    """How much of a text, or of its beginning, is no token of a vocabulary; of nothing, nothing."""
    tokens = tokenize(text_for(vocab, text.lstrip(BOM)[:MEASURED]), vocab.split)
    return sum(token not in vocab.token2id for token in tokens) / max(1, len(tokens))


def text_for(vocab: Vocab, text: str) -> str:
    """A text without line ends where the vocabulary has no token for them."""
    return text if vocab.split == "char" or EOS in vocab.token2id else text.replace("\n", " ")
