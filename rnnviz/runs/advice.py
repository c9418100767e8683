"""What a person can do about a file that is not read: lines of Python and names to type.

No line writes the file that it is said of, and none is ever cut: names beside it are shortened.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

SAVED = ("for_rnnviz.pt", "for_rnnviz_2.pt")  # the second where the first is what was given
STATE = "model.state_dict()"
FLOATS = "{k: v.to_dense().float().contiguous() for k, v in model.state_dict().items()}"
WITH_TOKENS = '{"state_dict": model.state_dict(), "vocab": tokens}'
GATES = "rnnviz.record(model) shows the gates of any PyTorch model where it runs"


def save(what: str, file: str) -> str:
    """The line of Python that saves something for rnnviz, beside the file it is said of."""
    name = SAVED[Path(file).name.lower() == SAVED[0]]
    return f'torch.save({what}, "{name}")'


def flags(parts: Mapping[str, str]) -> str:
    """What to add to the command so that it takes these names for these parts."""
    return " ".join(f"--map {shlex.quote(f'{part}={name}')}" for part, name in parts.items())


def shown(name: str, most: int = 60) -> str:
    """A name in quotes; of a long one the end, which tells it from others."""
    return repr(name if len(name) <= most else f"...{name[3 - most :]}")


def instead(file: str) -> str:
    """What to do with a network that none here can be: train one of those that are read."""
    return (
        "train an nn.LSTM, nn.GRU or nn.RNN between an nn.Embedding and an nn.Linear in its place: "
        f"{save(STATE, file)}"
    )
