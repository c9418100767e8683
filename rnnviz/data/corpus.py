"""Corpora: texts by their name or path, as ids, in batches for truncated BPTT."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz._paths import user_path
from rnnviz.data import builtin, made
from rnnviz.data.builtin import BUILT_IN
from rnnviz.data.source import (
    CorpusError,
    Source,
    from_text,
    part_names,
    read_bytes,
    read_text,
    spaced_source,
)
from rnnviz.data.vocab import EOS, LEVELS, UNK, Vocab

if TYPE_CHECKING:
    import torch

    from rnnviz.data.items import Items
    from rnnviz.data.task import Task


class VocabularyError(CorpusError):
    """A text without a vocabulary of this kind: it would be `<unk>` alone, or words of a task that
    is made of characters."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text as ids. `train`, `valid`, `test`: int64 (N,), `test` may be empty.

    `fingerprint` is a hash of the three texts, `spec` the argument with which `load_corpus`
    finds them from any folder, "" for a text that was pasted or uploaded. With `cue`, only the
    token after each cue counts in a loss (the recall task: all other tokens are random). With
    `items`, of a made task, a training draws its own items, and `train` only shows some.
    """

    name: str
    vocab: Vocab
    train: torch.Tensor = field(repr=False)
    valid: torch.Tensor = field(repr=False)
    test: torch.Tensor = field(repr=False)
    fingerprint: str
    spec: str = ""
    cue: int | None = None
    items: Items | None = None

    @property
    def level(self) -> str:
        return self.vocab.level


def read(spec: str) -> Source:
    """The texts of a corpus by its name or path. Raises CorpusError."""
    if built_in := builtin.find(spec):
        return built_in.make()
    try:
        path = user_path(spec)
        is_folder, is_file = path.is_dir(), path.is_file()
    except (ValueError, OSError) as error:  # ~somebody without a home, a name too long
        raise CorpusError(f"{spec[:80]} cannot be looked up: {error}"[:300]) from None
    if is_folder:
        return _read_folder(path)
    if is_file:
        return from_text(read_text(path), path.stem)
    raise CorpusError(
        f"no corpus named {spec!r}: give a text file, a folder or one of {', '.join(BUILT_IN)}"
    )


def _read_folder(path: Path) -> Source:
    try:
        names = part_names([file.name for file in path.iterdir() if file.is_file()])
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from None
    if names is None:
        raise CorpusError(
            f"{path} has no train.txt and valid.txt, nor one pair like wiki.train.tokens and "
            "wiki.valid.tokens: a folder needs them"
        )
    files = {name: read_bytes(path / name) for name in names if name}
    return spaced_source(path.resolve().name, files)


def load_corpus(spec: str | Path, level: str = "char", min_count: int = 1) -> Corpus:
    """Load a corpus by name or path.

    `spec`: python-source, python-docs, recall (with another delay recall:60, or recall:1-100 for
    one that is drawn), brackets, counting, tiny-shakespeare, wikitext-2, a text file (cut 90/5/5
    in order) or a folder with train.txt, valid.txt and perhaps test.txt, or with wiki.train.tokens
    and so on. `min_count`: rarer tokens become `<unk>`.
    Raises CorpusError (a ValueError) for what cannot be read or is too short.
    """
    if level not in LEVELS:
        raise CorpusError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
    return make_corpus(read(str(spec)), level, min_count, whole_spec(str(spec)))


def whole_spec(spec: str) -> str:
    """The argument of `load_corpus` that means the same text from any folder."""
    if task := made.find(spec):
        return task.spec
    return spec if spec in BUILT_IN else str(user_path(spec).resolve())


def make_corpus(source: Source, level: str = "char", min_count: int = 1, spec: str = "") -> Corpus:
    """Encode a source's three texts with a vocabulary of its training text. Raises CorpusError."""
    import torch

    if source.task:
        return _made(source, source.task, level)
    split = "char" if level == "char" else ("space" if source.spaced else "word")
    # The published vocabulary of a spaced text is that of all three parts.
    known = source.texts if split == "space" else source.texts[:1]
    vocab = Vocab.build(known, split, min_count)
    train, valid, test = (torch.from_numpy(vocab.encode(text)) for text in source.texts)
    if min(len(train), len(valid)) < 2:
        raise CorpusError(
            f"{source.name} is too short: tokens to train on: {len(train)}, to evaluate on: "
            f"{len(valid)}; at least 2 of each are needed"
        )
    if {UNK, EOS}.issuperset(vocab.id2token):
        why = f": no token is there {min_count:,} times, lower the minimum count (--min-count)"
        raise VocabularyError(
            f"the vocabulary of {source.name} is {UNK} alone{why if min_count > 1 else ''}"
        )
    return Corpus(source.name, vocab, train, valid, test, fingerprint(source), spec)


def _made(source: Source, task: Task, level: str) -> Corpus:
    """A made task. Its vocabulary is the same for all delays. Raises CorpusError."""
    import torch

    from rnnviz.data.items import Items

    if level != "char":
        raise VocabularyError(f"{task.spec} is made of characters: it cannot be read as words")
    vocab = Vocab((UNK, *task.alphabet))
    train, valid, test = (torch.from_numpy(vocab.encode(text)) for text in source.texts)
    cue = None if task.cue is None else vocab.token2id[task.cue]
    items = Items(task, vocab)
    return Corpus(
        source.name, vocab, train, valid, test, fingerprint(source), task.spec, cue, items
    )


def fingerprint(source: Source) -> str:
    """A hash of the three texts."""
    texts = "\x1f".join(source.texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(texts).hexdigest()[:16]


def bptt_batchify(
    data: torch.Tensor | Sequence[int], batch_size: int, sequence_length: int
) -> torch.Tensor:
    """Cut a sequence (N,) into windows (num_sample, batch_size, sequence_length).

    Row b of all windows, one after the other, is one contiguous stretch of the data, so that
    a hidden state can be carried from window to window (truncated BPTT). The remainder is
    cut off. Raises ValueError when the data is shorter than one window.
    """
    import torch

    data = torch.as_tensor(data)
    num_sample = len(data) // batch_size // sequence_length
    if num_sample == 0:
        raise ValueError(
            f"{len(data):,} tokens are too few for one batch of {batch_size} rows "
            f"by {sequence_length} steps, which takes {batch_size * sequence_length:,}"
        )
    rows = data[: batch_size * num_sample * sequence_length]
    rows = rows.view(batch_size, num_sample, sequence_length)  # (B, S, T)
    return rows.transpose(0, 1).contiguous()  # (S, B, T)
