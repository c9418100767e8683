"""python -m rnnviz train | import | eval | sample | trace | runs | app"""

from __future__ import annotations

import os
import shlex
import sys

from rnnviz.cli.parser import build_parser
from rnnviz.cli.terminal import print_error, streams
from rnnviz.cli.train import train


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code is 2 after an error and 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with streams():
            return _launch(arguments)
    except (ValueError, OSError, RuntimeError, MemoryError) as error:  # RuntimeError: memory, too
        print_error(error)
        return 2
    except KeyboardInterrupt:
        return 130


def _launch(arguments: list[str]) -> int:
    """Run a command in this process, or in this one of those of torchrun."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return _run("python", arguments)
    from rnnviz.training.distributed import rank, run_on_all_ranks

    launcher = f"torchrun --nproc-per-node {os.environ['LOCAL_WORLD_SIZE']}"
    return run_on_all_ranks(lambda: _run(launcher, arguments, is_first=rank() == 0))


def _run(launcher: str, arguments: list[str], is_first: bool = True) -> int:
    """Run a command in one process of those that the launcher started."""
    options = build_parser().parse_args(arguments)
    if options.run is not train and not is_first:  # only a training is shared among processes
        return 0
    # --out does not affect the result, so it is not recorded.
    kept = [a for n, a in enumerate(arguments) if "--out" not in (a, arguments[n - 1] if n else "")]
    options.command_line = f"{launcher} -m rnnviz {shlex.join(kept)}"
    return options.run(options) or 0


if __name__ == "__main__":
    sys.exit(main())
