"""Measures how much of the past the models that ship use: `python assets/context.py FOLDER`.

It reads runs/ and windows/ of the folder and writes context.safetensors, so that the page Context
opens without a wait. The models of made tasks are measured in a second when they are looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

from rnnviz import load_run
from rnnviz._files import write
from rnnviz._paths import CONTEXT_USES
from rnnviz.analysis.context_curve import BEYOND
from rnnviz.analysis.context_use import (
    ContextUse,
    context_use,
    key_of,
    of_window,
    pack,
    read_uses,
)
from rnnviz.app.caches import validation_text
from rnnviz.runs.window_files import load_window, windows_of


def main(out: Path) -> None:
    """What is in the file already is not measured again; what is of other weights is left out."""
    path = out / CONTEXT_USES.name
    known = read_uses(path) if path.exists() else {}
    found: dict[str, ContextUse] = {}

    def keep(key: str, make: Callable[[], ContextUse]) -> None:
        if key not in found:
            found[key] = known[key] if key in known else make()

    runs = [load_run(folder) for folder in sorted((out / "runs").glob("python-*"))]
    for beyond, run in product(BEYOND, runs):
        text = validation_text(run.info.spec)
        key = key_of(run.info.folder / "weights.safetensors", text, beyond)
        keep(key, partial(context_use, run, text, beyond))
        print(f"{run.name}, {beyond}: {found[key].loss.mean.round(3)}", flush=True)
        for weights, facts in windows_of(run.info.fingerprint, out / "windows").items():
            if facts.tokens == tuple(run.vocab.id2token):
                make = partial(of_window, load_window(weights), run.ids(text))
                keep(key_of(weights, text, "cut"), make)
    write(path, pack(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
