"""A command as a child process: what it prints, how long it takes, how much memory it holds."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    output: str
    seconds: float
    megabytes: float  # at its peak


def run(arguments: Sequence[str | Path], folder: Path | None = None) -> Ran:
    """Run Python with these arguments in a folder. Raises RuntimeError with what it said last."""
    command, began = [sys.executable, *map(str, arguments)], time.perf_counter()
    child = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output[-2000:]}")
    return Ran(output, time.perf_counter() - began, usage.ru_maxrss * 1024 / 1e6)
