"""All cell types on one text, of equal width or size: what Compare hands to the trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from rnnviz.app import navigation, page, state, train, train_estimate, training_caches
from rnnviz.data.builtin import BUILT_IN
from rnnviz.data.source import CorpusError
from rnnviz.jobs import matched
from rnnviz.jobs.plan import Prepared, why_not
from rnnviz.nn.model_config import ModelConfig, shape_of
from rnnviz.nn.parameter_count import parameters
from rnnviz.training.recipes import TASK, TEXT

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig

MIN_COUNT = {"char": 20, "word": 2}  # as for the models that ship
MAX_EMBEDDING = 128


def train_all() -> None:
    """Controls, what they would train, and the button that hands it to the trainer."""
    spec, level, equal, budget = _pick_conditions()
    width, seeds, spent = _pick_sizes(budget)
    try:
        source = training_caches.source(spec)
        prepared = training_caches.in_tokens(source, level, MIN_COUNT[level], spec)
    except CorpusError as error:
        st.error(page.plain(f"{error}."))
        return
    from rnnviz.training.config import TrainConfig

    lstm = ModelConfig(
        rnn_type="",  # `models` fills it in
        vocab_size=len(prepared.corpus.vocab),
        embedding_size=min(width, MAX_EMBEDDING),
        hidden_size=width,
        num_hidden_layers=1,
        dropout=0.0,
        tie_weights=False,
        forget_bias=None,
    )
    sizes = matched.models(lstm, equal)
    recipe = TASK if source.task else TEXT
    config = TrainConfig(
        batch_size=recipe.batch_size,
        clip=recipe.clip,
        lr=recipe.lr,
        steps=int(spent) if budget == "steps" else None,
        minutes=spent if budget == "minutes" else None,
    )
    can_train = _show_estimate(prepared, sizes, config, seeds)
    _show_sizes(sizes, equal, seeds)
    st.button(
        "Train all four",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not can_train,
        on_click=_submit,
        args=(spec, level, sizes, seeds, config),
    )
    if submitted := st.session_state.pop(state.SUBMITTED, 0):
        st.success(f"{submitted} models wait to be trained.")
        target = navigation.TRAIN
        st.page_link(target.file, label="See them learn", icon=target.icon)


def _pick_conditions() -> tuple[str, str, str, str]:
    """Corpus, level of tokens, what is equal, and the unit of the budget."""
    first, second, third, fourth = st.columns(4)
    spec = first.selectbox("Corpus", list(BUILT_IN), key=state.FOUR_CORPUS, **state.KEEP)
    if spec == "recall":
        spec = train.with_delay(state.FOUR_DELAY, first)
    level = second.segmented_control(
        "Tokens",
        ("char", "word"),
        default="char",
        key=state.FOUR_LEVEL,
        **state.KEEP,
        required=True,
    )
    equal = third.segmented_control(
        "Equal",
        ("width", "parameters"),
        default="width",
        key=state.FOUR_EQUAL,
        **state.KEEP,
        required=True,
    )
    budget = fourth.segmented_control(
        "Budget of each",
        ("steps", "minutes"),
        default="steps",
        key=state.FOUR_BUDGET,
        **state.KEEP,
        required=True,
        help="Equal minutes are not equal steps: the slower cell type sees less text.",
    )
    return spec, level, equal, budget


def _pick_sizes(budget: str) -> tuple[int, int, float]:
    """Width, seeds and the budget in its unit."""
    left, middle, right = st.columns(3)
    width = left.number_input(
        "Hidden units of the LSTM", 8, 1024, 128, key=state.FOUR_WIDTH, **state.KEEP
    )
    seeds = middle.number_input("Seeds", 1, 5, 1, key=state.FOUR_SEEDS, **state.KEEP)
    if budget == "steps":
        spent = right.number_input(
            "Steps", 1, 1_000_000, 1_000, 500, key=state.FOUR_STEPS, **state.KEEP
        )
    else:
        spent = right.number_input(
            "Minutes", 0.1, 120.0, 2.0, 0.5, key=state.FOUR_MINUTES, **state.KEEP
        )
    return width, seeds, spent


def _show_estimate(
    prepared: Prepared, sizes: dict[str, ModelConfig], config: TrainConfig, seeds: int
) -> bool:
    """What to expect, or why these models cannot be trained; whether they can."""
    shapes = [shape_of(model) for model in sizes.values()]
    if reason := why_not(prepared.corpus, shapes, config):
        st.warning(reason)
        return False
    train_estimate.show_estimate(prepared, shapes, config, seeds)
    return True


def _show_sizes(sizes: dict[str, ModelConfig], equal: str, seeds: int) -> None:
    recurrent = [parameters(of).recurrent for of in sizes.values()]
    least, most = min(recurrent), max(recurrent)
    if equal == "parameters" and most > 2 * least:
        st.caption(
            "Embedding and projection dominate: the models have equally many parameters, but their "
            f"recurrent parts have {least:,} to {most:,}."
        )
    model = next(iter(sizes.values()))
    st.caption(
        f"{len(sizes) * seeds} models, one layer, vocabulary {model['vocab_size']:,}, embedding "
        f"{model['embedding_size']}. Each cell type has a learning rate of its own."
    )


def _submit(
    spec: str, level: str, sizes: dict[str, ModelConfig], seeds: int, config: TrainConfig
) -> None:
    source = training_caches.source(spec)
    plans = matched.plans(source, spec, level, MIN_COUNT[level], sizes, seeds, config)
    training_caches.jobs().submit(plans)
    st.session_state[state.SUBMITTED] = len(plans)
