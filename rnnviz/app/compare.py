"""The Compare page: which runs, their table, one text through all of them, the time-lapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnnviz.analysis import comparison, learning_curves, text_view, time_lapse
from rnnviz.analysis.comparison import Measures
from rnnviz.analysis.counted import counted, last_target
from rnnviz.analysis.text_view import View
from rnnviz.analysis.time_lapse import Moment, Sample
from rnnviz.analysis.token_scores import SameText
from rnnviz.app import caches, page, state, texts
from rnnviz.app.address import Field, any_name, is_open, number, one_of
from rnnviz.app.state import KEEP, Choice
from rnnviz.app.values import give, kept_labels
from rnnviz.figures import sample_text
from rnnviz.figures.comparison import names
from rnnviz.figures.style import cell_name
from rnnviz.runs import snapshots
from rnnviz.runs.info import RunError, RunInfo

if TYPE_CHECKING:
    import pandas as pd

FORMATS = dict.fromkeys(("parameters", "tokens/s"), "localized")
FORMATS |= {
    "tokens seen": "compact",
    "seconds": "%.0f",
    "half-life, tokens": "%.3g",
    "saturated gates": "percent",
}
LABELS = {  # short, so that the table fits beside the sidebar
    "validation, nats": "validation",
    "test, nats": "test",
    "bits/character": "bits/char",
    "half-life, tokens": "half-life",
    "saturated gates": "saturated",
    "tokens seen": "tokens",
    "learning rate": "rate",
}
TOLD_BY_OTHERS = "tokens/s"  # in the file alone: two other columns tell it

FIELDS = (
    Field("compared", state.COMPARED, any_name, many=True),
    Field("axis", state.AXIS, one_of(learning_curves.AXES), "steps"),
    Field("temperature", state.COMPARE_TEMPERATURE, number(float, 0, 2), 0.8),
    Field("noise", state.COMPARE_NOISE, number(int, 0, 9_999), 0),
    Field("lapse", state.LAPSE_RUN, any_name),
    Field("step", state.LAPSE_STEP, number(int, 0, 2**53)),
    is_open(state.FOUR, "four"),
    is_open(state.FORMULAS, "formulas"),
)

# Captions of the page and of its report.
ABOUT_CURVES = (
    "The lecture notes say that a GRU often learns faster and ends better than an LSTM: test it "
    "here. Runs that differ only in the seed are one line, their mean at equal shares of the "
    "budget. Its band reaches from the lowest to the highest of them. Where bands overlap, more "
    "seeds must decide."
)
ABOUT_TEXT = (
    "Each line: the probability that a model of the sidebar gave a token before reading it. "
    "Below, each token is coloured by ln p of this model minus that of the best other one: red "
    "where this model is the best, blue where another is better. A single model is coloured by "
    "its probabilities."
)
ABOUT_SAMPLES = (
    f"The {time_lapse.SAMPLE_TOKENS} tokens that each model writes after the text. Models of one "
    "vocabulary get the same random numbers (noise), so only their own choices differ. At "
    "temperature 0 the likeliest token is taken and the noise has no effect."
)
ABOUT_LAPSE = (
    "One run from its first training step to its last: its gates, its gradient and what it writes "
    f"at temperature {time_lapse.TEMPERATURE:g}, always with the same noise. Each unit keeps "
    "its row. Gates begin near one half and open or close as the network learns what to keep. "
    "Pale: the gradient after the first step kept (dotted) and after the last (dashed)."
)


@dataclass(frozen=True)
class Lapse:
    """A run that has snapshots, their steps, and the one chosen."""

    info: RunInfo
    steps: tuple[int, ...]
    step: int


def about_table(infos: Sequence[RunInfo], choice: Choice) -> str:
    has_cue = any(info.cue is not None for info in infos)
    cued = ", after the cue where a task has one" * has_cue
    cued_last = " (of a task with a cue, the last after it)" * has_cue
    return (
        f"Losses are in nats a token, a character or a word{cued}; perplexity and bits are those "
        "of validation. Half-life: the number of tokens after which the gradient of the loss at "
        f"the last token of the sidebar's text{cued_last} has halved. Saturated: the share of "
        "gate values below 0.1 or above 0.9 on each run's own validation text (on the sidebar's "
        f"if there is none). Both are of layer {choice.layer + 1}, or of the last one of a model "
        "with fewer. A dash: not recorded, or no gates (RNN)."
    )


def pick_runs(choice: Choice) -> list[RunInfo]:
    """The runs of the table, at first those of the sidebar. Those that are gone are left out."""
    session = st.session_state
    usual = [info.name for info in choice.runs]
    chosen = session.get(state.COMPARED, usual)
    known = caches.run_list([*chosen, *usual])
    there = [name for name in dict.fromkeys(chosen) if name in known]
    give(state.COMPARED, there if there or not chosen else usual)
    labels = kept_labels(state.COMPARED, page.labels(known.values()))
    st.multiselect(
        "Runs compared",
        page.by_corpus(known),
        key=state.COMPARED,
        **KEEP,
        format_func=lambda name: page.tag(labels[name]),
        help="Any number; runs that differ only in the seed become one curve with a band.",
    )
    return [known[name] for name in session[state.COMPARED]]


def table(infos: Sequence[RunInfo], choice: Choice) -> tuple[pd.DataFrame, list[str]]:
    """A row for each run, and sentences about those that cannot be read. The last columns are the
    settings in which the runs differ."""
    import pandas as pd

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
        first = {
            "run": info.name,
            "validation, nats": info.valid_loss,
            "cell type": cell_name(info.rnn_type),
        }
        settings = {
            name: None if values[i] == comparison.NOT_RECORDED else values[i]
            for name, values in differ.items()
        }
        rows.append(first | comparison.row(info, measures) | settings)
    return pd.DataFrame(rows).dropna(axis="columns", how="all"), problems


def _measures(info: RunInfo, choice: Choice) -> Measures:
    ids = info.vocab.encode(choice.text)[: text_view.MAX_TOKENS]
    target = last_target(counted(info.cue, ids))
    decay = None if target is None else caches.decay_of_loss(info, choice, target)
    half_life = None if decay is None else decay.half_life
    return Measures(half_life, caches.saturation(info, choice).mean)


def show_table(found: pd.DataFrame) -> None:
    numbers, config = set(found.select_dtypes("number")), st.column_config
    columns: dict[str, Any] = {}
    for name in found.columns:
        # a setting, in words
        columns[name] = config.TextColumn(LABELS.get(name), alignment="right")
        if name in numbers:
            form = FORMATS.get(name, page.decimals(found[name]))
            told = page.ABOUT_PARAMETERS if name == "parameters" else None
            columns[name] = config.NumberColumn(LABELS.get(name), format=form, help=told)
    columns["run"] = config.TextColumn(pinned=True, width=page.width_of(found["run"]))
    columns["cell type"] = config.TextColumn(width=78)
    told = all(map(_name_tells_type, found["run"], found["cell type"]))
    unseen = {TOLD_BY_OTHERS, "cell type" if told else ""}
    page.table(found, columns, state.TABLE, [name for name in found if name not in unseen])


def _name_tells_type(name: str, cell: str) -> bool:
    return set(cell.lower().split()) <= set(name.lower().split("-"))


def same_text(shown: Sequence[View], choice: Choice) -> list[SameText]:
    """The sidebar's models on its text, in groups that share a vocabulary and a cue."""
    by_vocab: dict[Any, list[View]] = {}
    for view in shown:
        if len(view.tokens) > 1:
            by_vocab.setdefault((view.info.vocab, view.info.cue), []).append(view)
    found = []
    for alike in by_vocab.values():
        text = choice.text[: alike[0].spans[-1, 1]]
        log_p = [caches.log_probs(view.info, text) for view in alike]  # (T,) each
        found.append(SameText(alike, np.stack(log_p)))
    return found


def samples(
    shown: Sequence[View], choice: Choice, temperature: float, seed: int
) -> list[tuple[str, Sample]]:
    """What each model writes after the text, with one noise for all, by name."""
    texts = [
        caches.sample(view.info, choice.text[: view.spans[-1, 1]], temperature, seed)
        for view in shown
    ]
    return list(zip(names([view.info for view in shown]), texts, strict=True))


def show_sample(place: DeltaGenerator, sample: Sample, height: int | None = None) -> None:
    """A text that a model wrote, pale where it does not count."""
    if sample.all_counts:
        place.code(sample.text, language=None, wrap_lines=True, height=height or "content")
    else:
        place.html(sample_text.block(sample, height))


def pick_lapse() -> Lapse | None:
    """The run and the step of the time-lapse; None where no run has snapshots."""
    listed = ((info, snapshots.steps(info)) for info in caches.run_list().values())
    found = {info.name: (info, steps) for info, steps in listed if steps}
    if not found:
        return None
    session = st.session_state
    names = sorted(found, key=lambda name: name not in session[state.COMPARED])
    if session.get(state.LAPSE_RUN) not in found:
        session[state.LAPSE_RUN] = names[0]
    info, steps = found[st.selectbox("Run", names, key=state.LAPSE_RUN, **KEEP)]
    if session.get(state.LAPSE_STEP) not in steps:
        session[state.LAPSE_STEP] = steps[-1]
    if len(steps) > 1:
        st.select_slider("Training step", steps, key=state.LAPSE_STEP, **KEEP)
    return Lapse(info, steps, session[state.LAPSE_STEP])


def moments(info: RunInfo, steps: Sequence[int], choice: Choice) -> dict[int, Moment]:
    """A run after some steps, on the first screen of the text; {} for an empty text. Raises
    RunError or OSError for snapshots that cannot be read.

    Where the sidebar's models read another corpus, the text is the example of the run's own.
    """
    text = choice.text
    if info.corpus not in {shown.corpus for shown in choice.runs}:
        corpus = texts.corpus_of(info)
        text = corpus.example[1] if corpus and corpus.example else text
    spans = info.vocab.spans(text, text_view.WINDOW)
    if not spans:
        return {}
    text = text[: spans[-1][1]]
    return {step: caches.moment(info, text, choice.layer, step) for step in steps}


def lapse_moments(lapse: Lapse, choice: Choice) -> tuple[dict[int, Moment], str]:
    """The run after the step chosen, its first and its last; or none, and a sentence why."""
    try:
        found = moments(lapse.info, (lapse.step, lapse.steps[0], lapse.steps[-1]), choice)
    except (RunError, OSError) as error:
        return {}, f"{error}."
    return found, ""
