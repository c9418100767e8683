"""The Train page: its text, as it is chosen and as tokens, and the button that begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from rnnviz.analysis.text_view import visible
from rnnviz.app import components, page, state, train_estimate, training_caches
from rnnviz.app.state import KEEP
from rnnviz.data.builtin import BUILT_IN
from rnnviz.data.corpus import VocabularyError
from rnnviz.data.made import MOST_DELAY, USUAL_DELAY
from rnnviz.data.source import CorpusError, Source, from_text
from rnnviz.data.vocab import UNK
from rnnviz.jobs.plan import Plan, Prepared, why_not
from rnnviz.nn.model_config import ModelShape
from rnnviz.runs.info import RunError
from rnnviz.runs.names import wanted_name

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig

SAMPLE = 400  # characters of a text that are shown
WAYS = {"built-in": "Built in", "upload": "Upload a file", "paste": "Paste a text"}
TOKENS = {"char": "Characters", "word": "Words"}


def pick_source() -> tuple[Source, str]:
    """The text chosen, and its name where it is built in, else "". Stops the page where there is
    none."""
    way = st.segmented_control(
        "Text to learn",
        list(WAYS),
        format_func=WAYS.__getitem__,
        default="built-in",
        required=True,
        key=state.TRAIN_WAY,
        **KEEP,
    )
    try:
        if way == "built-in":
            return _pick_built_in()
        return (_pick_uploaded() if way == "upload" else _pick_pasted()), ""
    except CorpusError as error:
        st.error(page.plain(f"{error}."))
        st.stop()


def _pick_built_in() -> tuple[Source, str]:
    spec = st.selectbox(
        "Corpus",
        BUILT_IN,
        format_func=lambda name: BUILT_IN[name].label,
        key=state.TRAIN_SPEC,
        **KEEP,
    )
    if spec == "recall":
        spec = with_delay(state.TRAIN_DELAY)
    return training_caches.source(spec), spec


def with_delay(key: str, place: Any = st) -> str:
    """The recall task with a delay that is chosen here, as a name for `load_corpus`."""
    delay = place.text_input(
        "Delay, in letters",
        str(USUAL_DELAY),
        key=key,
        **KEEP,
        help=f"From 1 to {MOST_DELAY}; or the shortest and the longest, like 1-100: then each item "
        "has a delay of its own.",
    )
    return f"recall:{delay.strip()}"


def _pick_uploaded() -> Source:
    """The file chosen now, or before another page was shown: an uploader does not keep its file."""
    session = st.session_state
    file = st.file_uploader("A text file, UTF-8, up to 20 MB", type="txt", key=state.TRAIN_FILE)
    if file is not None:
        session.pop(state.TRAIN_UPLOADED, None)
        session[state.TRAIN_UPLOADED] = training_caches.uploaded(file.getvalue(), file.name)
    if state.TRAIN_UPLOADED not in session:
        st.info("Choose a file: plain text, UTF-8, up to 20 MB.")
        st.stop()
    return session[state.TRAIN_UPLOADED]


def _pick_pasted() -> Source:
    text = st.text_area("Your text", key=state.TRAIN_TEXT, height=180, **KEEP)
    if not text:
        st.info("Paste a text: a model needs some hundred thousand characters to learn to write.")
        st.stop()
    return from_text(text, "pasted")


def pick_tokens(source: Source, spec: str) -> Prepared:
    """The text as tokens; stops the page where it is too short."""
    left, right = st.columns(2)
    level = left.segmented_control(
        "Tokens",
        list(TOKENS),
        default="char",
        required=True,
        key=state.TRAIN_LEVEL,
        format_func=TOKENS.__getitem__,
        **KEEP,
    )
    min_count = right.number_input(
        "Minimum count",
        1,
        10_000,
        2,
        key=state.TRAIN_MIN_COUNT,
        **KEEP,
        help="Tokens that are rarer in the training text become <unk>.",
    )
    try:
        return training_caches.in_tokens(source, level, min_count, spec)
    except VocabularyError as error:
        st.error(page.plain(f"{error}."))
        st.stop()
    except CorpusError:  # fewer than two tokens; the settings, not yet drawn, need more than that
        session = st.session_state
        rows = session.get(state.TRAIN_BATCH, 32)
        least = rows * session.get(state.TRAIN_LENGTH, 64) + 1
        st.error(f"The text is too short: a batch of these settings takes {least:,} tokens.")
        st.stop()


def _beginning(source: Source) -> str:
    """The first characters of a text; of the recall task an item a line."""
    text = source.texts[0][:SAMPLE]
    if source.task is None or source.task.cue is None:
        return text
    return re.sub(rf"{re.escape(source.task.cue)}.", lambda answered: f"{answered[0]}\n", text)


def show_text(prepared: Prepared) -> None:
    """Its size, its beginning and its vocabulary."""
    corpus = prepared.corpus
    what = TOKENS[corpus.level].lower()
    if corpus.items is None:
        st.markdown(f"**{len(corpus.train):,}** {what} to train on")
    else:
        st.markdown("**Fresh items** at each step, each read from a state of zeros. Some of them:")
    st.code(_beginning(prepared.source), None, wrap_lines=True, height=170)
    known = [token for token in corpus.vocab.id2token if token != UNK]  # which has no count here
    tokens = " ".join(visible(token)[:20] for token in known[:40])
    st.caption(
        f"{len(corpus.valid):,} {what} for validation, {len(corpus.test):,} for the test. "
        f"{prepared.unknown:.2%} of the training text is \\<unk>. "
        f"Vocabulary: {len(corpus.vocab):,} tokens{', frequent ones first' * (not corpus.items)}:"
    )
    st.code(tokens, None, wrap_lines=True)


def submit_button(prepared: Prepared, models: Sequence[ModelShape], config: TrainConfig) -> None:
    """The models' name, what to expect of a training, or why it cannot begin, and the button that
    begins it."""
    name = st.text_input(
        "Name",
        key=state.TRAIN_NAME,
        placeholder="by text and cell type",
        **KEEP,
        help="The model's name. With several cell types, each adds its own.",
    )
    names, reason = [], why_not(prepared.corpus, models, config)
    try:
        names = _names(prepared.corpus.name, name.strip(), models)
    except RunError as error:
        reason = page.plain(f"{error}.")
    if reason:
        st.warning(reason)
    else:
        train_estimate.show_estimate(prepared, models, config)
    st.button(
        "Train",
        type="primary",
        disabled=bool(reason),
        key=state.TRAIN_BEGIN,
        on_click=_submit,
        args=(prepared, names, models, config),
    )


def _names(corpus: str, wanted: str, models: Sequence[ModelShape]) -> list[str]:
    """The name of each model: by its corpus, or the one that is wanted. Raises RunError."""
    several = len(models) > 1
    return [wanted_name(wanted, corpus, model["rnn_type"], several) for model in models]


def _submit(
    prepared: Prepared, names: Sequence[str], models: Sequence[ModelShape], config: TrainConfig
) -> None:
    corpus = prepared.corpus
    text = (prepared.source, corpus.level, prepared.min_count)
    plans = [
        Plan(name, *text, model, config, corpus.spec)
        for name, model in zip(names, models, strict=True)
    ]
    training_caches.jobs().submit(plans)
    components.reveal(state.PANELS)
