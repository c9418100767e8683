"""The loss of a token by how much of the past is as it was, of shipped models on their own text."""

import time
from collections.abc import Iterator

from rnnviz import context_loss, load_corpus, load_run
from rnnviz.analysis.context import BEYOND

DISTANCES = tuple(2**n for n in range(10))  # 1 to 512
POSITIONS = 500
RUNS = ("python-source-lstm", "python-source-gru", "python-source-rnn-tanh")


def rows() -> Iterator[tuple[str, str, str]]:
    corpus = load_corpus("python-source", "char", min_count=20)
    for name in RUNS:
        model = load_run(name).model
        for beyond in BEYOND if name == RUNS[0] else BEYOND[:1]:
            began = time.perf_counter()
            found = context_loss(model, corpus.valid, DISTANCES, beyond, positions=POSITIONS)
            taken = f"{time.perf_counter() - began:.1f} s"
            limit = "at most 10 s" if beyond == "cut" else ""
            yield f"{name}, {beyond}, {POSITIONS} positions", taken, limit
            nats = ", ".join(f"{mean:.2f}" for mean in found.mean)
            yield (
                f"    nats at 1, 2, 4 ... 512: {nats}",
                f"{found.standard_error[-1]:.2f}",
                "nats of error at 512",
            )
            yield "    from where no more is gained", f"{found.enough} tokens", ""
