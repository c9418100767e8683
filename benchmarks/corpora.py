"""Corpora: 10 MB of text made into ids, characters and words, the vocabulary counted anew."""

import statistics
import time
from collections.abc import Iterator

from rnnviz.data import corpus
from rnnviz.data.source import from_text
from rnnviz.jobs.plan import prepare

SIZE, ROUNDS = 10_000_000, 5
BOUNDS = {"char": "at most 1 s", "word": "at most 5 s"}


def rows() -> Iterator[tuple[str, str, str]]:
    texts = corpus.read("python-source").texts
    source = from_text(texts[0][:SIZE], "ten megabytes")
    for level, bound in BOUNDS.items():
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            prepared = prepare(source, level, 2)
            times.append(time.perf_counter() - began)
        tokens = f"(vocabulary {len(prepared.corpus.vocab):,})"
        what = f"10 MB of text to ids, {level} {tokens}"
        yield what, f"{statistics.median(times):.2f} s", bound
