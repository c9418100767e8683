"""A command as a child process: what it prints and when, how long it takes, its memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """`lines`: seconds since the start and text of each; `megabytes`: at the peak."""

    lines: list[tuple[float, str]]
    seconds: float
    megabytes: float

    @property
    def output(self) -> str:
        return "".join(line for _, line in self.lines)


def run(arguments: Sequence[str | Path], folder: Path | None = None) -> Ran:
    """Run Python with these arguments in a folder. Raises RuntimeError with what it said last."""
    command, began = [sys.executable, "-u", *map(str, arguments)], time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        lines = [(time.perf_counter() - began, line) for line in child.stdout]
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    ran = Ran(lines, time.perf_counter() - began, usage.ru_maxrss * 1024 / 1e6)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{ran.output[-2000:]}")
    return ran
