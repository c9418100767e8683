"""What every page uses: how it begins, notes and errors, names of runs, columns."""

from __future__ import annotations

import contextlib
import html
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.pages_manager import PagesManager

from rnnviz._paths import component
from rnnviz.analysis.text_view import View, visible
from rnnviz.app import navigation, state
from rnnviz.data.builtin import BUILT_IN
from rnnviz.figures import style
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.perplexity import LONG
from rnnviz.runs.info import RunError, RunInfo
from rnnviz.runs.names import run_name, runs_folder

if TYPE_CHECKING:
    import pandas as pd

    from rnnviz.figures.style import Figure

T = TypeVar("T")
_BESIDE = (
    f".st-key-{state.BESIDE} > [data-testid=stLayoutWrapper] > [data-testid=stHorizontalBlock] > "
    "[data-testid=stColumn]"
)
STYLE = f"""
/* These take no room, and would leave a gap */
.st-key-{state.REVEAL}, .st-key-{state.URL}, .st-key-{state.LESSON_KEYS},
[class*=st-key-{state.told("")}] {{
  position: absolute; left: 0;
}}
/* Where there is nothing to see, nothing moves */
.st-key-{state.REVEAL}, .st-key-{state.URL} {{ visibility: hidden; }}
[class*=st-key-] {{ scroll-margin-top: 4rem; }} /* below the list of pages */
/* A tag shows all of its label, in two lines where it must, and the list all of its tags */
.stMultiSelect :has(> [data-testid=stMultiSelectTagsContainer]) {{ max-height: none; }}
.stMultiSelect [data-tag] {{
  max-width: 100%; height: auto; padding: 3px 6px; font-size: 13px; line-height: 1.3;
}}
.stMultiSelect [data-tag] > span {{ white-space: normal; overflow-wrap: anywhere; }}
/* In the sidebar its buttons stand in the last line, so that tags have the whole width */
.stSidebar .stMultiSelect input {{ flex-basis: 100%; }}
.stSidebar .stMultiSelect [data-testid=stMultiSelectTagsContainer] ~ button {{
  position: absolute; right: 8px; bottom: 12px;
}}
.stSidebar .stMultiSelect button[aria-label="Clear all"] {{ right: 34px; }}
@media (min-height: 600px) {{
  :has(> .st-key-{state.STAYS}) {{ position: sticky; top: 3.75rem; z-index: 9; }}
}}
/* What a click changes stays beside what is clicked; in a narrow window it is above */
{_BESIDE}:first-child {{
  position: sticky; top: 3.75rem; align-self: flex-start;
  max-height: calc(100vh - 4rem); overflow-y: auto; scrollbar-width: thin;
}}
@media (max-width: 1100px) {{
  {_BESIDE} {{ min-width: 100%; }}
  {_BESIDE}:first-child {{ position: static; max-height: none; }}
}}
"""
# What Streamlit's Markdown replaces in plain words, too: shortcodes, and arrows between spaces.
_REPLACED = re.compile(r":(?=[\w+/-]+:)|(?<!\S)[-<>~](?=[-=>]{1,2}(\s|$))")
_WORD_JOINER = "\u2060"  # takes no room

ROW_HEIGHT, MAX_ROWS = 35, 10  # of a table; it scrolls where it has more rows
ABOUT_PARAMETERS = (
    "As PyTorch keeps them, with two biases: a layer of h units that reads h inputs has 8h² + 8h "
    "(LSTM), 6h² + 6h (GRU) or 2h² + 2h (RNN). The lecture counts one bias: 8h² + 4h, 6h² + 3h, "
    "2h² + h."
)


def start_page(title: str, place: DeltaGenerator | None = None) -> None:
    """First line of every page; shows its title, in a place of its own where one is given.

    Because of the folder's name, pages/, a fresh server may run a page's file without app.py:
    this is Streamlit's older way of making several pages. Then this switches it off and starts
    again, through app.py.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()
    light, dark = (st.get_option(f"theme.{name}.backgroundColor") for name in ("light", "dark"))
    behind = f".st-key-{state.STAYS} {{ background: light-dark({light}, {dark}) }}"
    st.html(f"<style>{STYLE} {behind} {component('page.css')}</style>")
    (place or st).title(title)
    if st.session_state.get(state.PAGE) != title:  # it was just opened: its address is all news
        st.session_state[state.PAGE] = title
        st.session_state.pop(state.ADDRESS, None)
    if (stop := st.session_state.get(state.LEFT_AT)) is not None:
        label = f"Back to the lesson, stop {stop}"
        st.page_link(navigation.LESSON.file, label=label, icon=navigation.LESSON.icon)
    try:
        runs_folder()
    except RunError as error:
        st.error(f"{plain(str(error))}.")
        st.stop()


def chart(figure: Figure, key: str, place: DeltaGenerator | None = None) -> None:
    """Show a figure. It has its height before it is drawn, so that nothing below it moves."""
    name = file_name(figure.layout.title.text or key)
    config = {"displaylogo": False, "toImageButtonOptions": {"filename": name}}
    (place or st).plotly_chart(figure, key=key, height=int(figure.layout.height), config=config)


def table(
    rows: pd.DataFrame, columns: Mapping[str, Any], key: str, shown: Sequence[str] | None = None
) -> None:
    """Show a table without its index, with the columns `shown`, or all. It has its height before it
    is drawn, as charts have."""
    height = ROW_HEIGHT * (min(len(rows), MAX_ROWS) + 1) + 2
    st.dataframe(
        rows,
        hide_index=True,
        column_config=columns,
        column_order=shown,
        key=key,
        height=height,
        placeholder="–",
    )


def width_of(names: Iterable[str]) -> int:
    """The width in pixels of a column of runs, so that a phone shows a loss beside it."""
    return min(24 + 7 * max(map(len, names), default=0), 250)


def file_name(title: str) -> str:
    """The title of a figure as the name of a file."""
    return re.sub(r"\W+", "-", html.unescape(title)).strip("-").lower()[:60]


def is_dark() -> bool:
    return st.context.theme.type == "dark"


def labels(infos: Iterable[RunInfo]) -> dict[str, str]:
    """A label for each run, by its name; runs that would share one have their names added."""
    found = {info.name: label(info) for info in infos}
    count = Counter(found.values())
    return {name: one if count[one] == 1 else f"{one} ({name})" for name, one in found.items()}


def label(info: RunInfo) -> str:
    """Cell type, corpus (the run's name where it is not the usual one), and validation loss."""
    usual = run_name(info.corpus, info.rnn_type)
    loss = "" if info.valid_loss is None else f" · {style.loss_text(info.valid_loss)} nats"
    name = info.corpus if info.name == usual else info.name
    return f"{style.cell_name(info.rnn_type)} · {name}{loss}"


def tag(label: str) -> str:
    """A label that ends its lines between its parts, not inside a name or before a unit."""
    kept = label.replace("-", f"{_WORD_JOINER}-{_WORD_JOINER}")
    return kept.replace(" nats", "\N{NO-BREAK SPACE}nats").replace(" RNN", "\N{NO-BREAK SPACE}RNN")


def by_corpus(known: Mapping[str, RunInfo]) -> list[str]:
    """Names of runs in the order of lists: by corpus, those that are built in first, in each those
    with its usual names first, and then by cell type."""
    corpora = list(BUILT_IN)

    def place(name: str) -> tuple[int, str, bool, int, str]:
        corpus, kind = known[name].corpus, known[name].rnn_type
        first = corpora.index(corpus) if corpus in BUILT_IN else len(corpora)
        return first, corpus, name != run_name(corpus, kind), RNN_TYPES.index(kind), name

    return sorted(known, key=place)


def decimals(column: pd.Series) -> str:
    """The format of a column of losses or perplexities: powers of ten where one is very large."""
    return "scientific" if (column.astype(float) >= LONG).any() else "%.3f"


def places(view: View) -> list[str]:
    """The hover label of each token: its number and its text."""
    return [f"{i} {token}" for i, token in enumerate(view.tokens, start=1)]


def side_by_side(items: Sequence[T], columns: int = 2) -> Iterator[tuple[DeltaGenerator, T]]:
    """Each item with a column for it, in rows of `columns`; one below the other on a phone. A last
    row of fewer items has fewer columns, so that none stays empty."""
    for start in range(0, len(items), columns):
        row = items[start : start + columns]
        yield from zip(st.columns(len(row)), row, strict=True)


def beside() -> list[DeltaGenerator]:
    """Two columns: for what a click changes, and for what is clicked. The first stays in view
    while the second scrolls; in a narrow window it is above."""
    with st.container(key=state.BESIDE):
        return st.columns([2, 3], gap="medium")


def how_we_know(shown: Sequence[View]) -> None:
    """A note on how far the gates shown can be trusted."""
    with st.expander("How we know", key=state.HOW_WE_KNOW, on_change="rerun"):
        st.markdown(
            "PyTorch computes a layer in one fused kernel, which does not return the gates. So "
            "gates and states are computed once more from the weights, with both biases, and "
            "compared with the states that the kernel returns. The largest difference on this "
            "text:"
        )
        names = labels([view.info for view in shown])
        for view in shown:
            st.markdown(f"- {plain(names[view.info.name])}: {view.residual:.1e}")


def say_once(sentence: str) -> None:
    """A passing note, shown once a session."""
    said = st.session_state.setdefault(state.SAID, set())
    if sentence not in said:
        said.add(sentence)
        st.toast(sentence)


def say_unknown(tokens: Iterable[str]) -> None:
    """Say once which tokens no vocabulary shown has."""
    some = " ".join(visible(token)[:20] for token in sorted(tokens)[:8])
    if some:
        say_once(plain(f"Not in the vocabulary, shown as <unk>: {some}"))


def cue_note(infos: Iterable[RunInfo], others: str = "pale") -> str:
    """A sentence about tasks with a cue, of which not all tokens count; "" where there is none.
    `others`: how those that do not are shown."""
    cued = ((i.corpus, visible(i.vocab.id2token[i.cue])) for i in infos if i.cue is not None)
    return " ".join(
        f"In {corpus} only the token after each \u201c{cue}\u201d counts; the rest is random and "
        f"{others}."
        for corpus, cue in dict.fromkeys(cued)
    )


def plain(text: str) -> str:
    """Other people's text for Streamlit's Markdown, with all markup escaped."""
    text = _REPLACED.sub(rf"\g<0>{_WORD_JOINER}", " ".join(text.split()))
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


@contextlib.contextmanager
def sentences() -> Generator[None]:
    """An error inside becomes the sentence of the next `show_sentence`."""
    try:
        yield
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        most = 5_000 if isinstance(error, ValueError) else 500  # as on the terminal
        sentence = str(error)[:most] or "There is not enough memory for this"
        st.session_state[state.SENTENCE] = sentence


def show_sentence() -> None:
    """An error that `sentences` kept. A command at its end gets no full stop: it would be copied
    too."""
    if sentence := st.session_state.pop(state.SENTENCE, ""):
        *_, last = sentence.split()
        is_code = "=" in last or last.endswith(")")
        st.error(plain(sentence) + ("" if is_code else "."))
