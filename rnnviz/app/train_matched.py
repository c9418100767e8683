"""All four cell types on one text, of equal width or size: what Compare hands to the trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rnnviz.app import page, train
from rnnviz.data import builtin
from rnnviz.data.source import CorpusError
from rnnviz.jobs import matched
from rnnviz.jobs.plan import why_not
from rnnviz.nn.parameter_count import parameters

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig

MIN_COUNT = {"char": 20, "word": 2}  # as for the models that ship


def train_all() -> None:
    """Controls, what they would train, and the button that hands it to the trainer."""
    first, second, third, fourth = st.columns(4)
    spec = first.selectbox("Corpus", list(builtin.BUILT_IN), key="four_corpus")
    level = second.segmented_control(
        "Tokens", ("char", "word"), default="char", key="four_level", required=True
    )
    equal = third.segmented_control(
        "Equal", ("width", "parameters"), default="width", key="four_equal", required=True
    )
    budget = fourth.segmented_control(
        "Budget of each",
        ("steps", "minutes"),
        default="steps",
        key="four_budget",
        required=True,
        help="Equal minutes are not equal steps: the slower cell type sees less text.",
    )
    left, middle, right = st.columns(3)
    width = left.number_input("Hidden units of the LSTM", 8, 1024, 128, key="four_width")
    seeds = middle.number_input("Seeds", 1, 5, 1, key="four_seeds")
    if budget == "steps":
        spent = right.number_input("Steps", 1, 1_000_000, 1_000, 500, key="four_steps")
    else:
        spent = right.number_input("Minutes", 0.1, 120.0, 2.0, 0.5, key="four_minutes")
    try:
        source = train.built_in(spec)
        prepared = train.in_tokens(source, level, MIN_COUNT[level], spec)
    except CorpusError as error:
        st.error(f"{error}.")
        return
    from rnnviz.training.config import TrainConfig

    model = {
        "vocab_size": len(prepared.corpus.vocab),
        "embedding_size": min(width, 128),
        "hidden_size": width,
        "num_hidden_layers": 1,
        "dropout": 0.0,
        "tie_weights": False,
    }
    sizes = matched.models(model, equal)
    shapes = [{k: v for k, v in of.items() if k != "vocab_size"} for of in sizes.values()]
    config = TrainConfig(**{budget: spent})
    reason = why_not(prepared.corpus, shapes, config)
    if reason:
        st.warning(reason)
    else:
        train.expect(prepared, shapes, config, seeds)
    recurrent = [parameters(of).recurrent for of in sizes.values()]
    least, most = min(recurrent), max(recurrent)
    if equal == "parameters" and most > 2 * least:
        st.caption(
            "Embedding and projection dominate: of equally many parameters in all, the recurrent "
            f"parts have {least:,} to {most:,}."
        )
    st.caption(
        f"{len(sizes) * seeds} models, one layer, vocabulary {model['vocab_size']:,}, embedding "
        f"{model['embedding_size']}. Each cell type has a learning rate of its own."
    )
    st.button(
        "Train all four",
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(reason),
        on_click=_submit,
        args=(spec, level, sizes, seeds, config),
    )
    if submitted := st.session_state.pop("submitted", 0):
        st.success(f"{submitted} models wait for the trainer.")
        st.page_link("pages/train.py", label="See them learn", icon=":material/model_training:")


def _submit(spec: str, level: str, sizes: dict, seeds: int, config: TrainConfig) -> None:
    recipe = (MIN_COUNT[level], sizes, seeds, config)
    plans = matched.plans(train.built_in(spec), spec, level, *recipe)
    page.jobs().submit(plans)
    st.session_state["submitted"] = len(plans)
