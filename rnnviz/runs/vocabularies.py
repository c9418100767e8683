"""The tokens of a model that was trained elsewhere, by the text of its corpus.

No file says in which order a program numbered the tokens of a text. The usual orders are known;
of those with the right number of tokens `importing` takes the usual one, unless the model predicts
much better than chance with another.
"""

from __future__ import annotations

import io
import string
from collections import Counter
from collections.abc import Iterator

from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import Source
from rnnviz.data.vocab import BOM, EOS, LEVELS, UNK, Vocab
from rnnviz.runs.advice import GATES, WITH_TOKENS, save
from rnnviz.runs.info import RunError
from rnnviz.runs.parts import Found
from rnnviz.runs.tokens import as_vocab, share_unknown, text_for

FOREIGN = 0.5  # of a text that is not in a vocabulary: it is that of another text
Choice = tuple[Vocab, int | None]  # tokens, and the cue of a made task


def of_source(source: Source, rows: int, words_first: bool) -> list[Choice]:
    """The usual ways to number the tokens of a corpus that give so many, likelier ones first:
    `words_first` of word_language_model, else of this package."""
    own, others = _own(source, rows), list(_others(source, rows))
    words = [choice for choice in others if choice[0].level == "word"] if words_first else []
    return [*words, *own, *(choice for choice in others if choice not in words)]


def _own(source: Source, rows: int) -> list[Choice]:
    levels = LEVELS if source.task is None else ("char",)
    corpora = (make_corpus(source, level) for level in levels)
    return [(corpus.vocab, corpus.cue) for corpus in corpora if len(corpus.vocab) == rows]


def _others(source: Source, rows: int) -> Iterator[Choice]:
    whole = dict.fromkeys((source.marked_texts, source.texts))
    for texts in (*whole, *(parts[:1] for parts in whole)):
        for split, counts in _counted(texts):
            for tokens in _orders(counts) if 0 <= rows - len(counts) <= 1 else ():
                tokens = _unmarked(tokens)
                if len(counts) == rows:
                    yield as_vocab(tokens, split), None
                elif UNK not in tokens:  # one token more than the text has
                    yield Vocab((UNK, *tokens), split), None
                    yield Vocab((*tokens, UNK), split), None
    for count in (128, 256):  # a byte is a token
        if rows == count and "".join(source.texts).isascii():
            yield as_vocab(tuple(map(chr, range(count))), "char"), None
    if rows == len(string.printable):
        yield as_vocab(tuple(string.printable), "char"), None


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


def sizes(source: Source) -> str:
    words, _, characters = (len(counts) for _, counts in _counted(source.texts))
    return f"{source.name} has {words:,} words and {characters:,} characters"


def unknown_order(
    found: Found, rows: int, file: str, listed: str, source: Source | None
) -> RunError:
    """The error for a model of whose tokens neither file nor corpus tells which they are; `listed`:
    what the file says of tokens that are not as many."""
    what = f"{file} {listed or 'has no vocabulary'}"
    if source:
        what = f"{file} {listed or f'has a vocabulary of {rows:,}'}, and {sizes(source)}"
        what += ": it was trained on another text, has tokens of its own or rows without one"
    if found.is_one_hot:
        what = (
            f"{file} has no embedding and reads {rows:,} numbers a step: if these are no one-hot "
            f"vectors of tokens, it is no language model, and {GATES}; if they are"
        )
    return RunError(
        f"{what}: give the corpus that it was trained on, a folder with train.txt, valid.txt and "
        "test.txt or the name of a corpus, or save the list of its tokens with it, one for each "
        f"of {rows:,} rows, None for those without: {save(WITH_TOKENS, file)}"
    )


def check_known(vocab: Vocab, has_unknown: bool, source: Source, file: str) -> None:
    """Raises RunError where a vocabulary is none of a text: a model without `<unk>` is measured on
    a text that needs it, or most of the text would be `<unk>`."""
    text = text_for(vocab, source.texts[1])
    unknown = [] if has_unknown and share_unknown(vocab, text) < FOREIGN else vocab.unknown(text)
    if unknown:
        raise RunError(
            f"the vocabulary in {file} lacks {', '.join(repr(t[:20]) for t in unknown[:5])} of "
            f"{source.name}: give the text it was trained on, or no corpus"
        )
