"""One HTML file with tables, figures and text that opens without the app or a network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f27; max-width: 1100px; margin: 2rem auto;
  padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #dadde3; text-align: right; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
pre { background: #f4f5f7; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Text:
    """Words of a model or a formula, shown as they are under a name."""

    name: str
    text: str


def document(
    title: str, sections: Mapping[str, Sequence[str | Text | pd.DataFrame | go.Figure]]
) -> str:
    """The file's content: headings, below each its paragraphs (str), tables, figures and texts.

    Every name and text in it is escaped, plotly.js is in it once.
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
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def _part(part: str | Text | pd.DataFrame | go.Figure) -> str:
    if isinstance(part, str):
        return f"<p>{html.escape(part)}</p>"
    if isinstance(part, Text):
        return f"<h3>{html.escape(part.name)}</h3>\n<pre>{html.escape(part.text)}</pre>"
    if hasattr(part, "to_plotly_json"):
        return part.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False})
    table = part.to_html(index=False, border=0, na_rep="–", float_format=lambda x: f"{x:,.3f}")
    return f'<div class="wide">{table}</div>'
