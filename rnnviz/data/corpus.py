"""Text to ids and back: vocabularies, corpora and the batches of truncated BPTT."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rnnviz.data import builtin
from rnnviz.data.builtin import CorpusError

if TYPE_CHECKING:
    import torch

UNK, EOS = "<unk>", "<eos>"
PATTERNS = {"word": re.compile(r"<unk>|<eos>|\w+|[^\w\s]"), "space": re.compile(r"\S+")}
LEVELS = ("char", "word")


@dataclass(frozen=True)
class Vocab:
    """The tokens that a model knows, and how a text is cut into them.

    `split` is "char" (each character is a token), "word" (words and punctuation marks)
    or "space" (whatever stands between spaces, as in WikiText); in the last two a line
    ends with `<eos>`. `<unk>` stands for every token that is not in the vocabulary.
    """

    id2token: tuple[str, ...]
    split: str = "char"

    def __post_init__(self) -> None:
        if self.split not in ("char", "word", "space"):
            raise ValueError(f"split must be char, word or space, not {self.split!r}")
        if UNK not in self.token2id or len(self.token2id) != len(self.id2token):
            raise ValueError(f"a vocabulary has each token once, {UNK} among them")

    @cached_property
    def token2id(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.id2token)}

    @property
    def level(self) -> str:
        return "char" if self.split == "char" else "word"

    def __len__(self) -> int:
        return len(self.id2token)

    @classmethod
    def build(cls, texts: Iterable[str], split: str = "char", min_count: int = 1) -> Vocab:
        """`<unk>`, then (for words) `<eos>`, then the tokens by falling count."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text if split == "char" else tokenize(text, split))
        special = [UNK] if split == "char" else [UNK, EOS]
        kept = [t for t, n in sorted(counts.items(), key=lambda tn: (-tn[1], tn[0]))]
        return cls(
            (*special, *(t for t in kept if counts[t] >= min_count and t not in special)), split
        )

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text, int64 (N,); a token that is not known becomes `<unk>`."""
        if self.split == "char":
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
            return self._char_ids[np.minimum(points, len(self._char_ids) - 1)]
        ids, unk = self.token2id, self.token2id[UNK]
        return np.array([ids.get(t, unk) for t in tokenize(text, self.split)], np.int64)

    def unknown(self, text: str) -> list[str]:
        """Tokens of a text that become `<unk>`, each once, sorted."""
        return sorted(set(tokenize(text, self.split)) - self.token2id.keys())

    @cached_property
    def _char_ids(self) -> np.ndarray:
        """Id of each code point, one more for all that lie above the largest known one."""
        known = {ord(t): i for t, i in self.token2id.items() if len(t) == 1}
        table = np.full(max(known, default=0) + 2, self.token2id[UNK], np.int64)
        table[list(known)] = list(known.values())
        return table

    def decode(self, ids: Iterable[int]) -> str:
        """Text of a sequence of ids; `<eos>` becomes a new line, words get spaces between."""
        tokens = [self.id2token[int(i)] for i in ids]
        if self.split == "char":
            return "".join(tokens)
        words = " ".join("\n" if token == EOS else token for token in tokens)
        return re.sub(r" ?\n ?", "\n", words)

    def spans(self, text: str, most: int | None = None) -> list[tuple[int, int]]:
        """Place (start, end) in the text of each token of `encode(text)`, or of the first ones."""
        if self.split == "char":
            return [(i, i + 1) for i in range(len(text[:most]))]
        found = re.finditer(r"\n|" + PATTERNS[self.split].pattern, text)
        return [match.span() for match in islice(found, most)]


def writable(text: str) -> str:
    """A text that any file and browser takes: half a character of UTF-16 becomes `?`."""
    return text.encode("utf-8", "replace").decode()


def tokenize(text: str, split: str) -> list[str]:
    """Tokens of a text: split is "char", "word" or "space" (see `Vocab`)."""
    if split == "char":
        return list(text)
    pattern = PATTERNS[split]
    lines = text.split("\n")
    tokens = pattern.findall(lines[0])
    for line in lines[1:]:
        tokens.append(EOS)
        tokens += pattern.findall(line)
    return tokens


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text as ids. `train`, `valid`, `test`: int64 (N,), `test` may be empty.

    `fingerprint` is a hash of the three texts, `spec` what `load_corpus` finds them by.
    With `cue`, only the token after a cue counts in a loss (the recall task: all other
    tokens are random).
    """

    name: str
    vocab: Vocab
    train: torch.Tensor
    valid: torch.Tensor
    test: torch.Tensor
    fingerprint: str
    spec: str = ""
    cue: int | None = None

    @property
    def level(self) -> str:
        return self.vocab.level


def load_corpus(spec: str, level: str = "char", min_count: int = 1) -> Corpus:
    """Load a corpus by name or path.

    `spec`: python-source, python-docs, recall, brackets, counting, tiny-shakespeare,
    wikitext-2, a text file (cut 90/5/5 in order) or a folder with train.txt, valid.txt
    and perhaps test.txt. `min_count`: rarer tokens become `<unk>`.
    Raises CorpusError (a ValueError) for what cannot be read or is too short.
    """
    if level not in LEVELS:
        raise CorpusError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
    return make_corpus(builtin.read(spec), level, min_count, spec)


def make_corpus(
    source: builtin.Source, level: str = "char", min_count: int = 1, spec: str = ""
) -> Corpus:
    """Encode a source's three texts with a vocabulary of its training text."""
    import torch

    split = "char" if level == "char" else ("space" if source.spaced else "word")
    # Text that comes already cut into words keeps its published vocabulary: all three parts.
    known = source.texts if split == "space" else source.texts[:1]
    vocab = Vocab.build(known, split, min_count)
    train, valid, test = (torch.from_numpy(vocab.encode(text)) for text in source.texts)
    if min(len(train), len(valid)) < 2:
        raise CorpusError(
            f"{source.name} is too short: tokens to train on: {len(train)}, to evaluate on: "
            f"{len(valid)}; at least 2 of each are needed"
        )
    cue = None if source.cue is None else vocab.token2id[source.cue]
    return Corpus(source.name, vocab, train, valid, test, fingerprint(source), spec, cue)


def fingerprint(source: builtin.Source) -> str:
    """A hash of the three texts."""
    texts = "\x1f".join(source.texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(texts).hexdigest()[:16]


def bptt_batchify(
    data: torch.Tensor | Sequence[int], batch_size: int, sequence_length: int
) -> torch.Tensor:
    """Cut a sequence (N,) into windows (num_sample, batch_size, sequence_length).

    Row b of all windows, read one after the other, is one contiguous stretch of the data,
    so that a hidden state can be carried from window to window (truncated BPTT). The
    remainder is cut. Raises ValueError when the data is shorter than one window.
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
