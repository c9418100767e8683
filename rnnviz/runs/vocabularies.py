"""The tokens of a model that was trained elsewhere: from its file, or from the text of its corpus.

No file says in which order a program numbered the tokens of a text. The usual orders are known;
of those with the right number of tokens `importing` takes the usual one, unless the model predicts
no better with it than chance and well with another.
"""

from __future__ import annotations

import io
import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import Source
from rnnviz.data.vocab import BOM, EOS, LEVELS, PATTERNS, UNK, Vocab
from rnnviz.runs.checkpoint import groups
from rnnviz.runs.info import RunError

WITH_VOCABULARY = 'torch.save({"state_dict": model.state_dict(), "vocab": tokens}, "model.pt")'
UNKNOWNS = ("<UNK>", "<Unk>", "[UNK]", "<oov>", "<OOV>", "UNK", "unk", "xxunk", "<unknown>")
LINE_ENDS = ("\n", "<EOS>", "</s>", "<nl>", "[EOS]")
TEXTS = re.compile(r"char|vocab|alphabet|letters|tokens|itos", re.IGNORECASE)
Choice = tuple[Vocab, int | None]  # tokens, and the cue of a made task


def in_file(held: Any, rows: int, file: str) -> Vocab | None:
    """The vocabulary of so many tokens that lies in a file, None where there is none.

    Raises RunError for two that differ.
    """
    found: dict[tuple[str, ...], str] = {}
    for group in groups(held):
        for name, value in group.entries.items():
            if isinstance(value, str) and not TEXTS.search(name):
                continue
            if tokens := _tokens(value, rows):
                found.setdefault(tokens, name)
        if tokens := _tokens(group.entries, rows):  # a dict of tokens and their numbers
            found.setdefault(tokens, str(group.path[-1]) if group.path else "it")
    if len(found) > 1:
        names = " and ".join(repr(name[:60]) for name in found.values())
        raise RunError(
            f"{file} holds several vocabularies of {rows:,} tokens, at {names}: keep one in it: "
            f"{WITH_VOCABULARY}"
        )
    return _named(next(iter(found))) if found else None


def _tokens(value: Any, rows: int) -> tuple[str, ...] | None:
    """A list of tokens, a dict of tokens and their numbers either way, or a text of characters, as
    tokens in the order of their numbers, if there are so many, no two alike."""
    if isinstance(value, str) and value.startswith(("[", "{")) and len(value) != rows:
        try:
            value = json.loads(value)  # in the metadata of a .safetensors file all is text
        except (ValueError, RecursionError):
            return None
    if isinstance(value, dict):
        items = list(dict.items(value))
        if any(type(number) is int for number, _ in items):
            items = [(token, number) for number, token in items]
        elif all(isinstance(number, str) for _, number in items):
            items = [(v, int(k)) for k, v in items if isinstance(k, str) and k.isdecimal()]
        if not all(type(number) is int for _, number in items):
            return None
        items.sort(key=lambda item: item[1])
        if [number for _, number in items] != list(range(rows)):
            return None
        value = [token for token, _ in items]
    if not isinstance(value, (list, tuple, str)) or len(value) != rows:
        return None
    tokens = tuple(value)
    if not all(type(token) is str and token for token in tokens) or len({*tokens}) < rows:
        return None
    try:
        "".join(tokens).encode()
    except UnicodeEncodeError:  # half a UTF-16 pair
        return None
    return tokens


def _named(tokens: tuple[str, ...]) -> Vocab:
    """Tokens as a vocabulary: characters if all but the special ones are such, else words."""
    if all(len(token) == 1 or _is_special(token) for token in tokens):
        return _vocab(tokens, "char")
    if EOS not in tokens:
        tokens = _renamed(tokens, LINE_ENDS, EOS)
    plain = all(PATTERNS["word"].fullmatch(t) or _is_special(t) for t in tokens)
    return _vocab(tokens, "word" if plain else "space")


def _is_special(token: str) -> bool:
    return token[0] + token[-1] in ("<>", "[]") or token in UNKNOWNS or token.startswith("xx")


def _renamed(tokens: tuple[str, ...], names: Iterable[str], name: str) -> tuple[str, ...]:
    old = next((token for token in names if token in tokens), None)
    return tuple(name if token == old else token for token in tokens)


def _vocab(tokens: tuple[str, ...], split: str) -> Vocab:
    """The tokens with `<unk>` among them: under its usual name, or added at the end."""
    if UNK not in tokens:
        tokens = _renamed(tokens, UNKNOWNS, UNK)
    return Vocab(tokens if UNK in tokens else (*tokens, UNK), split)


def of_source(source: Source, rows: int, words_first: bool) -> list[Choice]:
    """The usual ways to number the tokens of a corpus that give so many, likelier ones first:
    `words_first` of word_language_model, else of this package.

    Raises RunError where there is none.
    """
    own, others = _own(source, rows), list(_others(source, rows))
    words = [choice for choice in others if choice[0].level == "word"] if words_first else []
    found = [*words, *own, *(choice for choice in others if choice not in words)]
    if not found:
        raise RunError(
            f"the model has a vocabulary of {rows:,}, and {source.name} has {_sizes(source)}: it "
            "was trained on another text, or its vocabulary has an order or extra tokens of its "
            f"own, which a file can hold: {WITH_VOCABULARY}"
        )
    return found


def _own(source: Source, rows: int) -> list[Choice]:
    corpora = (make_corpus(source, level) for level in LEVELS)
    return [(corpus.vocab, corpus.cue) for corpus in corpora if len(corpus.vocab) == rows]


def _others(source: Source, rows: int) -> Iterator[Choice]:
    whole = dict.fromkeys((source.marked_texts, source.texts))
    for texts in (*whole, *(parts[:1] for parts in whole)):
        for split, counts in _counted(texts):
            for tokens in _orders(counts) if 0 <= rows - len(counts) <= 1 else ():
                tokens = _unmarked(tokens)
                if len(counts) == rows:
                    yield _vocab(tokens, split), None
                elif UNK not in tokens:  # one token more than the text has
                    yield Vocab((UNK, *tokens), split), None
                    yield Vocab((*tokens, UNK), split), None
    if rows == len(string.printable):
        yield _vocab(tuple(string.printable), "char"), None


def _unmarked(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Tokens without byte order marks, which other programs take for a part of the first word; a
    word keeps its mark only where it is there without one, too."""
    bare = {token: token.lstrip(BOM) for token in tokens}
    return tuple(t if not b or b in bare else b for t, b in bare.items())


def _counted(texts: tuple[str, ...]) -> Iterator[tuple[str, Counter[str]]]:
    """How often each token of texts is there, in the order of first appearance: words with `<eos>`
    after each line, as word_language_model counts them, words alone, characters."""
    lines = [line for text in texts for line in io.StringIO(text)]
    yield "space", Counter(word for line in lines for word in (*line.split(), EOS))
    yield "space", Counter(word for line in lines for word in line.split())
    yield "char", Counter("".join(texts))


def _orders(counts: Counter[str]) -> Iterator[tuple[str, ...]]:
    """Tokens by the alphabet, as they appear, by falling count: the likeliest order first, which is
    that of appearance where line ends count."""
    by_alphabet, by_appearance = tuple(sorted(counts)), tuple(counts)
    yield from (by_appearance, by_alphabet) if EOS in counts else (by_alphabet, by_appearance)
    yield tuple(token for token, _ in counts.most_common())


def _sizes(source: Source) -> str:
    words, _, characters = (len(counts) for _, counts in _counted(source.texts))
    return f"{words:,} words and {characters:,} characters"


def text_for(vocab: Vocab, text: str) -> str:
    """A text without line ends where the vocabulary has no token for them."""
    return text if vocab.split == "char" or EOS in vocab.token2id else text.replace("\n", " ")
