"""A step of training in words and tables, as HTML: what its lines did so far."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from rnnviz.analysis.one_step import CLIP, TEXT, VOCABULARY, Block, OneStep
from rnnviz.analysis.text_view import visible
from rnnviz.figures.style import loss_text

LINES = ("forward", "loss", "zero_grad", "backward", "clip", "update")
FORWARD, LOSS, ZERO_GRAD, BACKWARD, CLIPPED, UPDATE = range(1, len(LINES) + 1)
NONE = "–"  # of a value that is not there yet
ORANGE, BLUE = "213 94 0", "0 114 178"
MOST_INK = 0.5  # of a cell's colour, so that its number can be read


def strip(step: OneStep, pressed: int) -> str:
    """The window's tokens, what comes after each, and how well the model knew it, a column each."""
    (nats,), (_, steps, vocabulary) = step.nats, step.shape
    first = steps  # the window is the second one of the text
    rows = [
        _row("reads", [visible(token) for token in TEXT[first : first + steps]]),
        _row("next", [visible(token) for token in TEXT[first + 1 : first + 1 + steps]]),
    ]
    if pressed < LOSS:
        words = [f"−{one:.1f}" for one in nats] if pressed else [NONE] * steps
        rows.append(_row("log p", words))
    else:
        inks = np.minimum(1, nats / (2 * np.log(vocabulary)))
        rows.append(_row("loss", [f"{one:.1f}" for one in nats], inks))
    return f'<table class="step-strip">{"".join(rows)}</table>'


def _row(name: str, cells: Sequence[str], inks: Sequence[float] | np.ndarray = ()) -> str:
    shown = "".join(
        f"<td{_tint(ORANGE, inks[n]) if len(inks) else ''}>{html.escape(cell)}</td>"
        for n, cell in enumerate(cells)
    )
    return f"<tr><th>{name}</th>{shown}</tr>"


def _tint(rgb: str, ink: float) -> str:
    return f' style="background: rgb({rgb} / {MOST_INK * ink:.2f})"'


def table(step: OneStep, pressed: int) -> str:
    """Each line with the number that it changed, before and after it."""
    batch, steps, vocabulary = step.shape
    rows = (
        (FORWARD, "shape, log p", f"({batch}, {steps})", f"({batch}, {steps}, {vocabulary})"),
        (LOSS, "mean of the losses, nats", "", loss_text(step.loss)),
        (LOSS, "perplexity, its exp", "", f"{step.perplexity:,.2f}"),
        (ZERO_GRAD, "∥g∥ of the step before", f"{step.left:.3f}", "0"),
        (BACKWARD, f"∥g∥, {step.reach} steps back", "0", f"{step.norm:.3f}"),
        (CLIPPED, f"∥g∥, at most {CLIP}", f"{step.norm:.3f}", f"{step.clipped:.3f}"),
        (UPDATE, "the window's loss", loss_text(step.loss), after_text(step)),
    )
    head = "<tr><th>line</th><th>changes</th><td>before</td><td>after</td></tr>"
    shown, last = [], 0
    for line, what, *values in rows:
        name = LINES[line - 1] if line != last else ""
        cells = values if pressed >= line else [NONE if value else "" for value in values]
        numbers = "".join(f"<td>{cell}</td>" for cell in cells)
        now = ' class="now"' if line == pressed else ""
        shown.append(f"<tr{now}><th>{name}</th><th>{what}</th>{numbers}</tr>")
        last = line
    return f'<table class="step-table">{head}{"".join(shown)}</table>'


def after_text(step: OneStep) -> str:
    """The loss after the step for people to read."""
    return loss_text(step.loss_after) if np.isfinite(step.loss_after) else "not a number"


def weights(block: Block, lr: float, pressed: int) -> str:
    """A few weights, what is taken from each, and what they are afterwards."""
    moves = lr * block.gradients
    tokens = " ".join(html.escape(visible(VOCABULARY[row])) for row in block.rows)
    units = ", ".join(map(str, block.columns))
    parts = (
        ("p", block.weights, pressed >= FORWARD),
        ("lr · g", moves, pressed >= UPDATE),
        ("p − lr · g", block.updated, pressed >= UPDATE),
    )
    grids = "".join(_grid(name, values, is_known) for name, values, is_known in parts)
    said = f"Some output weights: tokens {tokens}, units {units}"
    return f'<div class="step-weights"><p>{said}</p><div>{grids}</div></div>'


def _grid(name: str, values: np.ndarray, is_known: bool) -> str:
    rows = "".join(
        "<tr>" + "".join(_weight(one if is_known else None) for one in row) + "</tr>"
        for row in values
    )
    return f"<table><caption>{name}</caption>{rows}</table>"


def _weight(value: float | None) -> str:
    if value is None:
        return f"<td>{NONE}</td>"
    size = abs(value)
    words = f"{value:.2f}" if size < 99.5 else f"{value:.0f}"
    tint = _tint(ORANGE if value < 0 else BLUE, min(1.0, size))
    return f"<td{tint}>{words.replace('-', '−')}</td>"
