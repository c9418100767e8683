"""The chain rule: the probability of a text is the product of each token's, given all before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rnnviz.runs.run import Run

# Read first, from a state of zeros, so that the first token of a text has a probability, too
START = "\n"
WRITTEN = "as written"


def bits(log_p: np.ndarray) -> np.ndarray:
    """-log2 p (T,) of the tokens of a text in float64. `log_p` (T+1,): their natural logarithms,
    as `token_scores.log_probs` has them of START and the text."""
    return -log_p[1:].astype(np.float64) / np.log(2)


def mean_loss(run: Run, text: str) -> float:
    """Mean nats a token of a text after START, as the model's evaluation counts them."""
    from rnnviz.nn.evaluation import evaluate

    return evaluate(run.model, run.ids(START + text))


def swapped(text: str) -> str:
    """The text with its first and its last word in each other's place."""
    words = list(re.finditer(r"\w+", text))
    if len(words) < 2:
        return text
    first, last = words[0], words[-1]
    between = text[first.end() : last.start()]
    return text[: first.start()] + last[0] + between + first[0] + text[last.end() :]


ORDERS: Mapping[str, Callable[[str], str]] = {
    WRITTEN: lambda text: text,
    "words swapped": swapped,
    "backwards": lambda text: text[::-1],
}


def orders(text: str) -> dict[str, str]:
    """The same characters in each order that makes another text, by name; WRITTEN comes first."""
    found = {name: order(text) for name, order in ORDERS.items()}
    return {name: one for name, one in found.items() if name == WRITTEN or one != text}
