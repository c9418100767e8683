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
GROUPS = {"waits": ("app", "sampling", "laboratory", "corpora")}  # all that a person waits for
BESIDE_PEERS = ("characters", "words")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join([*NAMES, *GROUPS])}; default: all")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="where the peers' code lies")
    options = parser.parse_args()
    names = [one for name in options.names for one in GROUPS.get(name, (name,))] or NAMES
    print(
        f"{os.cpu_count()} cores of {_processor()} ({torch.backends.cpu.get_cpu_capability()}), "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{module.__doc__.splitlines()[0]}")
        rows = module.rows(options.peer) if name in BESIDE_PEERS else module.rows()
        for what, figure, limit in rows:
            print(f"  {what:58} {figure:>14}   {limit}", flush=True)


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
