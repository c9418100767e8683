"""Tokens and their ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

UNK, EOS = "<unk>", "<eos>"
BOM = "\ufeff"  # a byte order mark: at the start of a text it is no token
LEVELS = ("char", "word")
PATTERNS = {  # of the tokens that are words; a line end is the token <eos>
    "word": re.compile(r"\n|<unk>|<eos>|\w+|[^\w\s]"),
    "space": re.compile(r"\n|\S+"),
}


@dataclass(frozen=True, repr=False)
class Vocab:
    """The tokens that a model knows, and how a text is cut into them.

    `split` is "char" (each character is a token), "word" (words and punctuation marks)
    or "space" (whatever stands between spaces, as in WikiText); in the last two a line
    ends with `<eos>`. `<unk>` stands for every token that is not in the vocabulary.
    """

    id2token: tuple[str, ...]
    split: str = "char"

    def __repr__(self) -> str:
        return f"Vocab({len(self):,} tokens, split={self.split!r})"

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
            counts.update(tokenize(text, split))
        special = [UNK] if split == "char" else [UNK, EOS]
        kept = [t for t, n in sorted(counts.items(), key=lambda tn: (-tn[1], tn[0]))]
        return cls(
            (*special, *(t for t in kept if counts[t] >= min_count and t not in special)), split
        )

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text, int64 (N,); a token that is not known becomes `<unk>`."""
        text = text.lstrip(BOM)
        if self.split == "char":
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
            return self._char_ids[np.minimum(points, len(self._char_ids) - 1)]
        unk = self.token2id[UNK]
        ids = self.token2id | {"\n": self.token2id.get(EOS, unk)}
        found = PATTERNS[self.split].findall(text)
        return np.array([ids.get(token, unk) for token in found], np.int64)

    def unknown(self, text: str) -> list[str]:
        """Tokens of a text that become `<unk>`, each once, sorted."""
        return sorted(set(tokenize(text, self.split)) - self.token2id.keys())

    @cached_property
    def _char_ids(self) -> np.ndarray:
        """Id of each code point; the last entry is for all above the largest known one."""
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
        """Where each token of `encode(text)` is in the text: (start, end). `most`: how many."""
        start = len(text) - len(text.lstrip(BOM))
        if self.split == "char":
            return [(i, i + 1) for i in islice(range(start, len(text)), most)]
        found = PATTERNS[self.split].finditer(text, start)
        return [match.span() for match in islice(found, most)]


def tokenize(text: str, split: str) -> list[str]:
    """Tokens of a text: split is "char", "word" or "space" (see `Vocab`)."""
    text = text.lstrip(BOM)
    if split == "char":
        return list(text)
    return [EOS if token == "\n" else token for token in PATTERNS[split].findall(text)]


def writable(text: str) -> str:
    """The text with each half of a UTF-16 pair, which no file and no browser takes, as `?`."""
    return text.encode("utf-8", "replace").decode()
