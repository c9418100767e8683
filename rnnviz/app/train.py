"""The controls of the Train page: its text, its models, and the button that begins."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rnnviz.analysis.text_view import visible
from rnnviz.app import page
from rnnviz.data import corpus
from rnnviz.data.source import CorpusError, Source, decode, from_text
from rnnviz.data.vocab import UNK
from rnnviz.jobs.plan import Plan, Prepared, Speed, measure_speed, prepare, why_not
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.parameter_count import parameters
from rnnviz.runs.names import run_name

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig

FRESH = 60  # seconds that a measured speed counts: the machine's other load changes
_measuring = threading.Lock()  # two measurements at once would slow each other
KEEP = {"persist_state": "session"}  # a control keeps its value while other pages are shown
SAMPLE = 400  # characters of a text that are shown
WAYS = {"built-in": "Built in", "upload": "Upload a file", "paste": "Paste a text"}
BUILT_IN = {
    "python-source": "Python: the standard library's own sources",
    "python-docs": "English: Python's language reference",
    "recall": "Made: recall a symbol after 30 fillers",
    "brackets": "Made: nested brackets",
    "counting": "Made: n times a, then n times b",
    "tiny-shakespeare": "tiny-shakespeare (1 MB, downloaded once)",
    "wikitext-2": "WikiText-2 (12 MB, downloaded once)",
}
RECIPES = {
    "adamw": "AdamW: warm-up, then a cosine decay over the budget",
    "sgd": "SGD as in the lecture notes: lr / 4 when validation stops improving",
}


@st.cache_resource(max_entries=4, show_spinner="Reading the text …")
def built_in(spec: str) -> Source:
    return corpus.read(spec)


@st.cache_resource(max_entries=4, show_spinner="Reading the text …")
def _uploaded(raw: bytes, name: str) -> Source:
    return from_text(decode(raw, name), Path(name).stem)


@st.cache_resource(max_entries=2, show_spinner="Counting the tokens …", hash_funcs={Source: hash})
def in_tokens(source: Source, level: str, min_count: int, spec: str) -> Prepared:
    return prepare(source, level, min_count, spec)


@st.cache_resource(show_spinner=False)
def _speeds() -> dict[tuple, tuple[float, Speed]]:
    """By shape, when it was measured and what was found."""
    return {}


def _speed(prepared: Prepared, model: dict[str, Any], config: TrainConfig) -> Speed | None:
    """As measured within the last minute, or now; while a training runs, as measured before it."""
    found, vocab = _speeds(), len(prepared.corpus.vocab)
    shape = (vocab, *model.values(), config.batch_size, config.sequence_length, config.optimizer)
    with _measuring:
        when, speed = found.get(shape, (-math.inf, None))
        idle = not any(job.active for job in page.jobs().list())
        if idle and time.monotonic() > when + FRESH:
            speed = measure_speed(prepared.corpus, model, config)
            found[shape] = time.monotonic(), speed
    return speed


def _refuse(error: CorpusError) -> None:
    st.error(page.plain(f"{error}."))


def pick_source() -> tuple[Source, str]:
    """The text chosen and what `load_corpus` finds it by; stops the page where there is none."""
    state = st.session_state
    way = st.segmented_control(
        "Text to learn",
        WAYS,
        format_func=WAYS.get,
        default="built-in",
        required=True,
        key="train_way",
        **KEEP,
    )
    try:
        if way == "built-in":
            spec = st.selectbox(
                "Corpus", BUILT_IN, format_func=BUILT_IN.get, key="train_spec", **KEEP
            )
            return built_in(spec), spec
        if way == "upload":
            file = st.file_uploader("A text file, UTF-8, up to 20 MB", type="txt", key="train_file")
            if file is not None:
                state.pop("train_uploaded", None)
                state["train_uploaded"] = _uploaded(file.getvalue(), file.name)
            if "train_uploaded" not in state:
                st.info("Choose a file: plain text, UTF-8, up to 20 MB.")
                st.stop()
            return state["train_uploaded"], ""
        text = st.text_area("Your text", key="train_text", height=180, **KEEP)
    except CorpusError as error:
        _refuse(error)
        st.stop()
    if not text:
        st.info("Paste a text: some hundred thousand characters make a model that writes.")
        st.stop()
    return from_text(text, "pasted"), ""


def pick_tokens(source: Source, spec: str) -> Prepared:
    """The text as tokens, by these two controls; stops the page where it is too short."""
    left, right = st.columns(2)
    level = left.segmented_control(
        "Tokens",
        ["char", "word"],
        default="char",
        required=True,
        key="train_level",
        format_func={"char": "Characters", "word": "Words"}.get,
        **KEEP,
    )
    min_count = right.number_input(
        "Minimum count",
        1,
        10_000,
        2,
        key="train_min_count",
        **KEEP,
        help="Tokens that the training text has fewer times become <unk>.",
    )
    try:
        return in_tokens(source, level, min_count, spec)
    except CorpusError:  # less than two tokens: what the settings, not yet drawn, need is said
        state = st.session_state
        least = state.get("train_batch", 32) * state.get("train_length", 64) + 1
        st.error(f"The text is too short: a batch of these settings takes {least:,} tokens.")
        st.stop()


def show_text(prepared: Prepared) -> None:
    """Its size, its beginning and its vocabulary."""
    corpus = prepared.corpus
    what = "characters" if corpus.level == "char" else "words"
    st.markdown(f"**{len(corpus.train):,}** {what} to train on")
    st.code(prepared.source.texts[0][:SAMPLE], None, wrap_lines=True, height=170)
    known = [token for token in corpus.vocab.id2token if token != UNK]  # which has no count here
    tokens = " ".join(visible(token)[:20] for token in known[:40])
    st.caption(
        f"{len(corpus.valid):,} {what} for validation, {len(corpus.test):,} for the test. "
        f"{prepared.unknown:.2%} of the training text is `<unk>`. "
        f"Vocabulary: {len(corpus.vocab):,} tokens, the most frequent first:"
    )
    st.code(tokens, None, wrap_lines=True)


def settings() -> tuple[list[dict[str, Any]], TrainConfig]:
    """The models (arguments of RNNModel) and how they are trained, alike for all."""
    types = st.pills(
        "Cell types",
        RNN_TYPES,
        selection_mode="multi",
        default=["LSTM"],
        key="train_types",
        **KEEP,
        help="Several are trained one after the other, under the same conditions.",
    )
    one, two, three = st.columns(3)
    hidden = one.number_input("Hidden size", 4, 2048, 320, 4, key="train_hidden", **KEEP)
    layers = two.number_input("Layers", 1, 8, 1, key="train_layers", **KEEP)
    minutes = three.number_input(
        "Minutes, each", 0.05, 600.0, 3.0, 0.5, format="%g", key="train_minutes", **KEEP
    )
    with st.expander("More settings"):
        one, two, three = st.columns(3)
        embedding = one.number_input("Embedding size", 4, 2048, 128, 4, key="train_embed", **KEEP)
        dropout = two.number_input("Dropout", 0.0, 0.9, 0.1, 0.05, key="train_dropout", **KEEP)
        seed = three.number_input("Seed", 0, 2**31 - 1, 0, key="train_seed", **KEEP)
        batch = one.number_input("Batch, rows", 1, 512, 32, key="train_batch", **KEEP)
        length = two.number_input(
            "BPTT length, tokens",
            1,
            1024,
            64,
            key="train_length",
            **KEEP,
            help="Gradients reach back at most so far (truncated BPTT).",
        )
        clip = three.number_input(
            "Clip",
            0.001,
            1000.0,
            0.25,
            0.05,
            format="%g",
            key="train_clip",
            **KEEP,
            help="Bound of the norm of the gradient over all parameters.",
        )
        recipe = st.selectbox(
            "Optimizer and recipe", RECIPES, format_func=RECIPES.get, key="train_recipe", **KEEP
        )
        from rnnviz.training.config import DEFAULT_LR, TrainConfig

        usual = ", ".join(f"{kind} {DEFAULT_LR[recipe][kind]:g}" for kind in types or RNN_TYPES)
        lr = st.number_input(
            "Learning rate",
            1e-6,
            1e6,
            None,
            format="%g",
            key="train_lr",
            **KEEP,
            placeholder=usual,
            help="Empty: the rate that serves each cell type well.",
        )
        tied = st.toggle(
            "Tie the weights of embedding and projection",
            key="train_tied",
            **KEEP,
            disabled=embedding != hidden,
            help="Needs an embedding of the hidden size.",
        )
    config = TrainConfig(recipe, lr, clip, batch, length, minutes=minutes, seed=seed)
    shape = {
        "embedding_size": embedding,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "dropout": dropout,
        "tie_weights": tied and embedding == hidden,
    }
    return [{"rnn_type": kind, **shape} for kind in RNN_TYPES if kind in types], config


def begin(prepared: Prepared, models: Sequence[dict[str, Any]], config: TrainConfig) -> None:
    """The button that begins, and before it what to expect, measured on this device."""
    reason = why_not(prepared.corpus, models, config)
    if reason:
        st.warning(reason)
    else:
        expect(prepared, models, config)
    st.button(
        "Train",
        type="primary",
        disabled=bool(reason),
        key="train_begin",
        on_click=_submit,
        args=(prepared, models, config),
    )


def _submit(prepared: Prepared, models: Sequence[dict[str, Any]], config: TrainConfig) -> None:
    corpus = prepared.corpus
    text = (prepared.source, corpus.level, prepared.min_count)
    names = [run_name(corpus.name, model["rnn_type"]) for model in models]
    page.jobs().submit(
        [
            Plan(name, *text, model, config, corpus.spec)
            for name, model in zip(names, models, strict=True)
        ]
    )


def _short(number: float) -> str:
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def expect(
    prepared: Prepared, models: Sequence[dict[str, Any]], config: TrainConfig, seeds: int = 1
) -> None:
    """Show parameters, speed and time, as far as they are known."""
    corpus, per_step = prepared.corpus, config.batch_size * config.sequence_length
    with st.spinner("Measuring some steps of this shape …"):
        speeds = [_speed(prepared, model, config) for model in models]
    rows, minutes = [], 0.0
    for model, speed in zip(models, speeds, strict=True):
        rate = speed.steps_per_second if speed else math.nan
        steps = config.steps or rate * 60 * config.minutes
        takes = config.minutes or steps / rate / 60
        minutes += seeds * takes
        numbers = {
            "Tokens/s": f"{rate * per_step:,.0f}",
            "Passes": _short(steps * per_step / len(corpus.train)),
            "Minutes": _short(takes),
        }
        rows.append(
            {
                "": model["rnn_type"],
                "Units": f"{model['hidden_size']:,}",
                "Parameters": f"{parameters(model | {'vocab_size': len(corpus.vocab)}).total:,}",
            }
            | {name: "–" if said == "nan" else said for name, said in numbers.items()}
        )
    st.table(rows, hide_index=True)
    if None in speeds:
        st.caption("Speed is measured when no training runs.")
        return
    st.caption(
        f"About {_short(minutes)} minutes in all. The speed is that of a few real steps of this "
        f"shape, measured here on {speeds[0].device}."
    )
