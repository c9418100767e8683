"""Controls, tables and caches of the Compare page."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from rnnviz._process import turn
from rnnviz.analysis import comparison, text_view, time_lapse, token_scores
from rnnviz.analysis.comparison import Measures
from rnnviz.analysis.text_view import View
from rnnviz.analysis.time_lapse import Moment
from rnnviz.analysis.token_scores import SameText
from rnnviz.app import caches, page, sidebar
from rnnviz.app.page import Choice
from rnnviz.figures import heatmap_views, report
from rnnviz.figures.comparison import curve_figures, lapse_figure, names, same_text_figure, strips
from rnnviz.runs import snapshots
from rnnviz.runs.info import RunError, RunInfo, read_info

if TYPE_CHECKING:
    import plotly.graph_objects as go


REPORT_FRAMES = 8  # snapshots in a report: half a megabyte each
FORMATS = dict.fromkeys(("parameters", "tokens seen", "tokens/s"), "localized")
FORMATS |= {"seconds": "%.0f", "half-life, tokens": "%.1f", "saturated gates": "percent"}
LABELS = {"half-life, tokens": "half-life", "saturated gates": "saturated"}  # narrow

# Said below the parts of the page, and of its report.
ABOUT_CURVES = (
    "The notes say that a GRU often learns faster and ends better than an LSTM: put it to the "
    "test. Runs that differ only in the seed are one line, their mean at equal shares of the "
    "budget, in a band from the lowest to the highest; where bands overlap, so few seeds decide "
    "nothing."
)
ABOUT_TEXT = (
    "The sidebar's models read its text; each line is the probability of a token before it is "
    "read. Below, each token is coloured by ln p of this model minus that of the best other one: "
    "red where this model is the best, blue where another beats it. A model alone is coloured by "
    "its probabilities."
)
ABOUT_SAMPLES = (
    f"What each model writes after the text, {time_lapse.SAMPLE_TOKENS} tokens. Models with one "
    "vocabulary get the same noise at each token, so that what differs is the model's choice. "
    "At temperature 0 it takes the likeliest token and noise has no part."
)
ABOUT_LAPSE = (
    "Its gates, its gradient and what it writes at temperature "
    f"{time_lapse.TEMPERATURE:g} with one noise, from the first step to the last; units "
    "keep their rows. Gates begin near one half and take sides as the network learns what to "
    "keep. Pale: the gradient after the first step kept (dotted) and the last (dashed)."
)


def about_table(infos: Sequence[RunInfo], choice: Choice) -> str:
    cued = ", after the cue where a task has one" * any(info.cue is not None for info in infos)
    return (
        f"Losses in nats a token{cued}; perplexity and bits are those of the validation loss. "
        "Half-life: in how many tokens the gradient of the loss at the last token of the sidebar's "
        "text halves. Saturated: share of gate values below 0.1 or above 0.9 on each run's own "
        "validation text (the sidebar's, where it is not here). Both of layer "
        f"{choice.layer + 1} or the last. Empty: not recorded, or an RNN, which has no gates."
    )


def pick_runs(choice: Choice) -> list[RunInfo]:
    """The runs of the table, at first those of the sidebar; what is gone is left out."""
    known, state = page.run_list(), st.session_state
    page.bring_back("compared")
    chosen = state.get("compared", [info.name for info in choice.runs])
    state["compared"] = [name for name in chosen if name in known]
    st.multiselect(
        "Runs compared",
        list(known),
        key="compared",
        format_func=lambda name: page.label(known[name]),
        help="Any number; runs that differ only in the seed become one curve with a band.",
    )
    page.keep("compared")
    return [known[name] for name in state["compared"]]


def _measures(info: RunInfo, choice: Choice) -> Measures:
    target = len(info.vocab.spans(choice.text, text_view.MAX_TOKENS)) - 2
    flow = caches.decay_of_loss(info, choice, target) if target >= 0 else None
    return Measures(flow and flow.half_life, page.saturation(info, choice).mean)


def table(infos: Sequence[RunInfo], choice: Choice) -> tuple[pd.DataFrame, list[str]]:
    """A row a run, at last a column for each setting in which they differ; and what cannot be
    read."""
    rows, problems = [], []
    differ = comparison.differences(infos)
    for i, info in enumerate(infos):
        try:
            measures = _measures(info, choice)
        except FileNotFoundError:
            problems.append(f"The weights of {info.name} are no longer there.")
            continue
        except RunError as error:
            problems.append(f"{error}.")
            continue
        first = {"run": info.name, "validation, nats": info.valid_loss, "cell type": info.rnn_type}
        settings = {name: values[i] for name, values in differ.items()}
        rows.append(first | comparison.row(info, measures) | settings)
    return pd.DataFrame(rows).dropna(axis="columns", how="all"), problems


def show_table(found: pd.DataFrame) -> None:
    numbers, config = set(found.select_dtypes("number")), st.column_config
    columns: dict[str, Any] = {}
    for name in found.columns:
        columns[name] = config.TextColumn(alignment="right")  # a setting, in words
        if name in numbers:
            columns[name] = config.NumberColumn(LABELS.get(name), format=FORMATS.get(name, "%.4f"))
    width = min(24 + 7 * max(map(len, found["run"]), default=0), 250)  # a phone shows a loss beside
    columns["run"] = config.TextColumn(pinned=True, width=width)
    columns["cell type"] = config.TextColumn(width=90)
    st.dataframe(found, hide_index=True, column_config=columns, key="table")


@st.cache_resource(max_entries=32, show_spinner=False)
def _log_probs(path: str, changed: int, text: str, layer: int) -> np.ndarray:
    with turn():
        return token_scores.log_probs(page.run(path, changed), text)


def same_text(shown: Sequence[View], choice: Choice) -> list[SameText]:
    """The sidebar's models on its text, in groups that share a vocabulary."""
    by_vocab: dict[Any, list[View]] = {}
    for view in shown:
        if len(view.tokens) > 1:
            by_vocab.setdefault(view.info.vocab, []).append(view)
    found = []
    for alike in by_vocab.values():
        text = choice.text[: alike[0].spans[-1, 1]]
        log_p = [_log_probs(*page.key(view.info, text, 0)) for view in alike]
        found.append(SameText(alike, np.stack(log_p)))
    return found


@st.cache_data(max_entries=128, show_spinner=False)
def _sample(path: str, changed: int, text: str, layer: int, temperature: float, seed: int) -> str:
    with turn():
        return time_lapse.write(page.run(path, changed), text, temperature, seed)


def samples(
    shown: Sequence[View], choice: Choice, temperature: float, seed: int
) -> list[tuple[str, str]]:
    """What each model writes after the text, with one noise for all: (name, text)."""
    texts = [
        _sample(*page.key(view.info, choice.text[: view.spans[-1, 1]], 0), temperature, seed)
        for view in shown
    ]
    return list(zip(names([view.info for view in shown]), texts, strict=True))


@st.cache_resource(max_entries=48, show_spinner=False)
def _moment(path: str, changed: int, text: str, layer: int, step: int) -> Moment:
    with turn():
        return time_lapse.moment(snapshots.load(read_info(path), step), text, layer)


def pick_lapse() -> tuple[RunInfo, tuple[int, ...], int] | None:
    """A run that has snapshots, their steps and the one chosen; None where there is none."""
    listed = ((info, snapshots.steps(info)) for info in page.run_list().values())
    found = {info.name: (info, steps) for info, steps in listed if steps}
    if not found:
        return None
    state = st.session_state
    names = sorted(found, key=lambda name: name not in state["compared"])
    if state.get("lapse_run") not in found:
        state["lapse_run"] = names[0]
    info, steps = found[st.selectbox("Run", names, key="lapse_run")]
    key = f"lapse_{info.name}"
    if state.get(key) not in steps:
        state[key] = steps[-1]
    step = st.select_slider("Training step", steps, key=key) if len(steps) > 1 else steps[0]
    return info, steps, step


def moments(info: RunInfo, steps: Sequence[int], choice: Choice) -> dict[int, Moment]:
    """A run after some steps on the first screen of the text, cached; none for an empty text.

    Where the sidebar's models read another corpus, the text is the example of the run's own.
    """
    text = choice.text
    if info.corpus not in {shown.corpus for shown in choice.runs}:
        text = sidebar.PRESETS.get(info.corpus, ("", text))[1]
    spans = info.vocab.spans(text, text_view.WINDOW)
    if not spans:
        return {}
    key = page.key(info, text[: spans[-1][1]], choice.layer)
    return {step: _moment(*key, step) for step in steps}


def document(
    infos: Sequence[RunInfo],
    shown: Sequence[View],
    choice: Choice,
    axis: str,
    sampling: tuple[float, int],
    lapse: tuple[RunInfo, tuple[int, ...], int] | None,
) -> str:
    """All of the page as one HTML file."""
    found, problems = table(infos, choice)
    formulas = [report.Text(*sizes) for sizes in comparison.formulas(infos).items()]
    same: list[Any] = []
    for group in same_text(shown, choice):
        same.append(same_text_figure(group, page.places(group.views[0]), dark=False))
        for sentence, message in strips(group):
            same += [sentence, report.Heatmaps(message)]
    written = [report.Text(*sample) for sample in samples(shown, choice, *sampling)]
    temperature, noise = sampling
    sections = {
        "Runs": [*comparison.verdict(infos), *problems, found, about_table(infos, choice)],
        "Parameters": formulas,
        "Learning curves": [*curve_figures(infos, axis, dark=False), ABOUT_CURVES],
        "One text, every model": [report.Text("The text", choice.text), *same, ABOUT_TEXT],
        f"Samples at temperature {temperature:g}, noise {noise}": [*written, ABOUT_SAMPLES],
    }
    if lapse is not None and (frames := _frames(*lapse, choice)):
        sections["Time-lapse of a training"] = frames
    return report.document("Runs compared", sections)


def _frames(info: RunInfo, steps: tuple[int, ...], step: int, choice: Choice) -> list[Any]:
    """The time-lapse with a slider of its own; nothing where it cannot be shown."""
    kept = sorted({step, *snapshots.thinned(steps, REPORT_FRAMES)})
    try:
        found = moments(info, kept, choice)
    except (RunError, OSError) as error:
        return [f"These snapshots cannot be shown: {error}."]
    frames = {}
    for at, now in found.items():
        decay = {k: found[k] for k in {at, kept[0], kept[-1]}}
        frames[f"{at:,}"] = [
            *([now.summary(at)] if now.decay else []),
            report.Heatmaps(heatmap_views.gate_message([now.view], "index", 0, dark=False)),
            *([lapse_figure(decay, at, dark=False)] if now.decay else []),
            report.Text(time_lapse.SAMPLE_HEADING, now.sample),
        ]
    count = f"{len(kept)} of its {len(steps)} snapshots. " if len(kept) < len(steps) else ""
    said = f"{info.name}: gates, gradient and sample from its first steps to its last. {count}"
    moving = report.Frames("Training step", frames, f"{step:,}")
    return [said, moving, ABOUT_LAPSE] if frames else []


def figures(
    infos: Sequence[RunInfo],
    shown: Sequence[View],
    choice: Choice,
    axis: str,
    lapse: tuple[RunInfo, tuple[int, ...], int] | None,
) -> bytes:
    """The page's figures as a zip of HTML files, each of which opens alone."""
    found = curve_figures(infos, axis, dark=False)
    for group in same_text(shown, choice):
        found.append(same_text_figure(group, page.places(group.views[0]), dark=False))
    if lapse is not None:
        found += _lapse_figure(*lapse, choice)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, figure in enumerate(found, start=1):
            name = re.sub(r"\W+", "-", figure.layout.title.text).strip("-").lower()
            archive.writestr(f"{number}-{name}.html", figure.to_html())
    return file.getvalue()


def _lapse_figure(
    info: RunInfo, steps: tuple[int, ...], step: int, choice: Choice
) -> list[go.Figure]:
    try:
        found = moments(info, (step, steps[0], steps[-1]), choice)
    except (RunError, OSError):  # as the page says
        return []
    return [lapse_figure(found, step, dark=False)] if found and found[step].decay else []
