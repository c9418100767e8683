"""What stops 2 and 3 share: one small network, unrolled over one short text."""

from __future__ import annotations

from collections.abc import Callable

from rnnviz.app import caches, components, state
from rnnviz.app.lesson.shared import show_elsewhere
from rnnviz.figures import unrolled_message
from rnnviz.figures.unrolled_message import Copies
from rnnviz.runs.info import RunInfo

RUN = "python-source-rnn-tanh"  # one layer, a token is a character
TEXT = "for key in self:"
STEPS = len(TEXT) - 1  # each reads a token and predicts the next one


def info() -> RunInfo:
    return caches.run_list()[RUN]


def draw(
    stop: int,
    steps: int,
    without: tuple[str, ...],
    dark: bool,
    target: int = -1,
    forgotten: int = 0,
    on_loss: Callable[[int], None] = lambda _: None,
    on_forget: Callable[[int], None] = lambda _: None,
) -> None:
    """The first steps of TEXT; the rest as in `Copies` and `components.unrolled`. A target of -1:
    no loss is looked at yet."""
    text = TEXT[: steps + 1]
    view, whole = caches.view(info(), text, 0), caches.unrolled(info(), text)
    now = caches.unrolled(info(), text, forgotten)
    drawn = Copies(info(), view.tokens, view.counts, now, whole, target, forgotten, without)
    message = unrolled_message.pack(drawn, dark)
    components.unrolled(message, on_forget, on_loss, state.copies(stop))


def leave() -> None:
    """The full page shows this network and this text."""
    show_elsewhere([RUN], TEXT)
