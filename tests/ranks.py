"""The command line in processes that are forked where torch is there already.

What a training imports takes a process five seconds, and tests start two that train together again
and again.
"""

import os
import sys
from multiprocessing import forkserver, get_context
from pathlib import Path
from subprocess import CompletedProcess

from rnnviz.__main__ import main

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload([__name__, "torch._dynamo"])  # DDP imports the latter


def prepare() -> None:
    """Start what is forked; in a folder from which rnnviz can be imported."""
    forkserver.ensure_running()


def run_together(
    arguments: list[str], environments: list[dict[str, str]]
) -> list[CompletedProcess]:
    """`python -m rnnviz ARGUMENTS` in a process for each environment, all at once, in the current
    folder, which keeps what they write; how each ended."""
    here, numbers = Path.cwd(), range(len(environments))
    processes = [
        FORKS.Process(target=_run, args=(arguments, environments[n], here, n)) for n in numbers
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        process.kill()  # one that has not ended
        process.join()
    said = [[(here / _file(n, name)).read_text() for name in ("out", "err")] for n in numbers]
    return [
        CompletedProcess(arguments, process.exitcode, *texts)
        for process, texts in zip(processes, said, strict=True)
    ]


def _file(number: int, stream: str) -> str:
    return f"{stream}-{number}.txt"


def _run(arguments: list[str], environment: dict[str, str], folder: Path, number: int) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    for descriptor, stream in ((1, "out"), (2, "err")):
        file = os.open(_file(number, stream), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    sys.exit(main(arguments))
