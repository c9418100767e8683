"""A step of training in words and tables, as HTML: what its lines did so far."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from rnnviz.analysis.one_step import CLIP, Block, OneStep, Way
from rnnviz.analysis.small_training import LENGTH, TEXT, VOCABULARY
from rnnviz.analysis.text_view import visible
from rnnviz.figures.style import loss_text
from rnnviz.nn.perplexity import perplexity_text

LINES = ("forward", "loss", "zero_grad", "backward", "clip", "update")
FORWARD, LOSS, ZERO_GRAD, BACKWARD, CLIPPED, UPDATE = range(1, len(LINES) + 1)
NONE = "–"  # of a value that is not there yet
ORANGE, BLUE = "213 94 0", "0 114 178"
MOST_INK = 0.5  # of a cell's colour, so that its number can be read


def told(step: OneStep, way: Way, detached: float, pressed: int) -> str:
    """What the line that was run last did; `detached`: the norm of the gradient where the state is
    carried and detached."""
    start = "a state of zeros" if way.reset else "the state that the window before ended with"
    clip = f"Not above {way.clip}: nothing changes."
    if step.norm > way.clip:
        clip = f"Above {way.clip}: every gradient is multiplied by {step.clipped / step.norm:.3f}."
    sentences = (
        f"A small model in the middle of its training, and the next {LENGTH} characters.",
        f"Read from {start}: a probability for each of {step.shape[-1]} characters, at each place.",
        "Minus log p of the character that came, and the mean. e to the mean is the perplexity.",
        "The step before left its gradients. Backward would add to them: ∥g∥ "
        f"{step.added:.3f} instead of {step.norm:.3f}.",
        _reached(step, way, detached),
        clip,
        "p − lr · g for every parameter: that is the whole optimizer. Now the window's loss is "
        f"{after_text(step)}.",
    )
    return f'<p class="step-told" role="status">{sentences[pressed]}</p>'


def _reached(step: OneStep, way: Way, detached: float) -> str:
    """How far back the gradient went, and with what norm."""
    back = f"Back through {step.reach} characters"
    if way.reset:
        return f"{back}, to the zeros that the window began with."
    if not way.crossing:
        return f"{back}, to where the state was detached. The graph kept {LENGTH} steps."
    return (
        f"{back}, into the window before: {2 * LENGTH} steps were kept. ∥g∥ is {step.norm:.3f}, "
        f"detached {detached:.3f}."
    )


def strip(step: OneStep, pressed: int) -> str:
    """The window's tokens, what comes after each, and how well the model knew it, a column each."""
    (nats,), (_, steps, vocabulary) = step.nats, step.shape
    tokens = [visible(token) for token in TEXT[LENGTH:]]  # the window is the text's second one
    rows = [_row("reads", tokens[:steps]), _row("next", tokens[1 : steps + 1])]
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
        (LOSS, "perplexity, its exp", "", perplexity_text(step.loss)),
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
    words = "0.00" if size < 0.005 else words  # not minus 0
    tint = _tint(ORANGE if value < 0 else BLUE, min(1.0, size))
    return f"<td{tint}>{words.replace('-', '−')}</td>"
