"""python -m benchmarks [NAME ...]: run every benchmark, or those named; a table each."""

import argparse
import importlib
import os
import platform
from pathlib import Path

import torch

NAMES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")
)
BESIDE_PEERS = ("characters", "words")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="where the peers' code lies")
    options = parser.parse_args()
    names = options.names or NAMES
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}")
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{module.__doc__.splitlines()[0]}")
        rows = module.rows(options.peer) if name in BESIDE_PEERS else module.rows()
        for what, figure, limit in rows:
            print(f"  {what:58} {figure:>14}   {limit}", flush=True)


if __name__ == "__main__":
    main()
