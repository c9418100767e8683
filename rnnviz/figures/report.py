"""A report: one HTML file with tables, figures, heatmaps and text, readable offline."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeAlias

from rnnviz import __version__
from rnnviz._paths import component, styles
from rnnviz.analysis.time_lapse import Sample
from rnnviz.figures.sample_text import marked
from rnnviz.figures.style import loss_text
from rnnviz.nn.perplexity import LONG

if TYPE_CHECKING:
    import pandas as pd

    from rnnviz.figures.style import Figure

    Part: TypeAlias = "str | Text | Heatmaps | Frames | pd.DataFrame | Figure"

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f27; max-width: 1400px; margin: 2rem auto;
  padding: 0 1rem; }
p { max-width: 60rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid #dadde3; text-align: right; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
[class^=rangeslider-mask] { fill-opacity: .1 !important; }
pre { background: #f4f5f7; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.heatmaps { --st-text-color: #1b1f27; --st-background-color: #ffffff; --st-primary-color: #0072b2;
  --st-secondary-background-color: #f4f5f7; --st-font: system-ui, sans-serif;
  --st-code-font: ui-monospace, monospace; display: block; margin: .5rem 0 1.5rem; }
.frames label { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; }
.frames input { flex: 1 1 12rem; accent-color: #0072b2; }
.frames output { min-width: 5rem; font-variant-numeric: tabular-nums; }
"""


@dataclass(frozen=True)
class Text:
    """Text of a model or a formula, shown verbatim under a heading."""

    name: str
    text: str | Sample


@dataclass(frozen=True)
class Heatmaps:
    """A message of `heatmap_message.pack`, drawn as on the pages."""

    message: bytes


@dataclass(frozen=True)
class Frames:
    """Parts behind a slider: its label at each position -> the parts shown there. It begins at
    the label `chosen`."""

    name: str
    frames: Mapping[str, Sequence[Part]]
    chosen: str


def document(title: str, sections: Mapping[str, Sequence[Part]]) -> str:
    """The file's content: heading -> its parts, where a str is a paragraph.

    The version of rnnviz and today's date follow the title. All names and texts are escaped;
    plotly.js and the heatmaps' code are included once.
    """
    from plotly.offline import get_plotlyjs

    body = "\n".join(
        f"<h2>{html.escape(heading)}</h2>\n" + "\n".join(map(_part, parts))
        for heading, parts in sections.items()
    )
    title = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style><script>{get_plotlyjs()}</script></head>\n"
        f"<body>\n<h1>{title}</h1>\n<p>rnnviz {__version__}, {date.today()}</p>\n"
        f'{body}\n<script type="module">\n{_code()}</script>\n'
        "</body>\n</html>\n"
    )


def _code() -> str:
    """report.js, with the names it uses: the function `draw` and the `css` of heatmaps."""
    module = base64.b64encode(component("heatmaps.js").encode()).decode()
    return (
        f'import draw from "data:text/javascript;base64,{module}";\n'
        f"const css = {json.dumps(styles('heatmaps.css'))};\n{component('report.js')}"
    )


def _part(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{html.escape(part)}</p>" if part else ""
    if isinstance(part, Text):
        text = html.escape(part.text) if isinstance(part.text, str) else marked(part.text)
        return f"<h3>{html.escape(part.name)}</h3>\n<pre>{text}</pre>"
    if isinstance(part, Heatmaps):
        return (
            f'<div class="heatmaps" data-message="{base64.b64encode(part.message).decode()}"></div>'
        )
    if isinstance(part, Frames):
        return _frames(part)
    if hasattr(part, "to_plotly_json"):
        return _figure(part)
    return f'<div class="wide">{_table(part)}</div>'


def _figure(figure: Any) -> str:
    options = {"displaylogo": False, "responsive": True}
    return figure.to_html(full_html=False, include_plotlyjs=False, config=options)


def _table(rows: pd.DataFrame) -> str:
    whole_numbers: Any = dict.fromkeys(rows.select_dtypes("integer"), "{:,}".format)
    losses = [name for name in rows if str(name).endswith("nats")]
    rows = rows.assign(**{name: rows[name].map(loss_text, na_action="ignore") for name in losses})
    return rows.to_html(
        index=False,
        border=0,
        na_rep="–",
        float_format=_number,
        formatters=whole_numbers,
    )


def _number(value: float) -> str:
    """At least three significant digits."""
    if abs(value) >= LONG:
        return f"{value:.1e}"
    return f"{value:,.3f}" if abs(value) >= 0.1 or not value else f"{value:.3g}"


def _frames(part: Frames) -> str:
    sections = "\n</section>\n".join(
        f'<section data-label="{html.escape(label)}" hidden>\n' + "".join(map(_part, parts))
        for label, parts in part.frames.items()
    )
    first = list(part.frames).index(part.chosen)
    return (
        f'<div class="frames"><label>{html.escape(part.name)}'
        f'<input type="range" min="0" max="{len(part.frames) - 1}" value="{first}">'
        f"<output></output></label>\n{sections}\n</section></div>"
    )
