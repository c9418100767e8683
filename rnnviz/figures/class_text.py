"""A text whose characters have the colours of their classes, as HTML."""

from __future__ import annotations

import html as markup
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from rnnviz.tasks.task import NOT_COUNTED

# Okabe and Ito (2008), for light and for dark pages; one a class
COLORS = ("#0072B2", "#A65300", "#00794F", "#9C4A7B", "#5C5C5C", "#C0392B", "#7A6A00")
DARK_COLORS = ("#56B4E9", "#E69F00", "#35C79A", "#E7A3C8", "#B5B5B5", "#FF8A70", "#F0E442")


def html(
    text: str, said: np.ndarray, targets: np.ndarray, classes: Sequence[str], dark: bool
) -> str:
    """`said`, `targets` (T,): the class of each character as a model says and as it is."""
    colors = DARK_COLORS if dark else COLORS
    pieces = []
    wrong = (said != targets) & (targets != NOT_COUNTED)
    marked = zip(text, said.tolist(), wrong.tolist(), strict=False)
    for (number, is_wrong), run in groupby(marked, key=lambda one: one[1:]):
        style = f"color:{colors[number]}" + (
            ";text-decoration:underline wavy;text-underline-offset:4px" if is_wrong else ""
        )
        piece = markup.escape("".join(character for character, *_ in run))
        title = markup.escape(classes[number])
        pieces.append(f'<span style="{style}" title="{title}">{piece}</span>')
    legend = "".join(
        f'<span style="color:{color};margin-right:1.2em"><b>{markup.escape(name)}</b></span>'
        for name, color in zip(classes, colors, strict=False)
    )
    code = "white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.6 monospace;margin:0 0 8px"
    return f'<pre style="{code}">{"".join(pieces)}</pre><div style="font-size:14px">{legend}</div>'
