"""A text that a model wrote, as HTML in which the tokens that do not count are pale."""

from __future__ import annotations

import html

from rnnviz.analysis.time_lapse import Sample

STYLE = (
    "margin: 0 0 1rem; padding: 0.9rem; border-radius: 0.5rem; background: rgb(128 128 128 / 10%); "
    "font: 14px/1.6 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; "
    "overflow-y: auto"
)


def marked(sample: Sample) -> str:
    """The pieces, escaped: bold where they count, pale where they do not."""
    return "".join(
        f"<b>{html.escape(text)}</b>"
        if counts
        else f'<span style="opacity: 0.65">{html.escape(text)}</span>'
        for text, counts in sample.pieces
    )


def block(sample: Sample, most: int | None = None) -> str:
    """`marked` in a box, at most so many pixels high."""
    height = f"; max-height: {most}px" if most else ""
    return f'<pre tabindex="0" style="{STYLE}{height}">{marked(sample)}</pre>'
