"""The settings of the Train page: cell types, sizes and how they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from rnnviz.app import state
from rnnviz.app.state import KEEP
from rnnviz.app.values import give
from rnnviz.data.source import Source
from rnnviz.figures import style
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.model_config import ModelShape, usable_forget_bias
from rnnviz.runs.identity import usual_embedding
from rnnviz.training.recipes import TASK, TEXT

if TYPE_CHECKING:
    from rnnviz.training.config import TrainConfig

RECIPES = {
    "adamw": "AdamW: warm-up, then a cosine decay over the budget",
    "sgd": "SGD as in the lecture notes: lr / 4 when validation stops improving",
}
USUAL = {  # of each setting: its value for texts, its value for made tasks
    state.TRAIN_HIDDEN: (TEXT.hidden_size, TASK.hidden_size),
    state.TRAIN_MINUTES: (TEXT.amount, 0.5),  # for about the steps of the recipe
    state.TRAIN_EMBEDDING: (usual_embedding(TEXT.hidden_size), usual_embedding(TASK.hidden_size)),
    state.TRAIN_DROPOUT: (TEXT.dropout, TASK.dropout),
    state.TRAIN_BATCH: (TEXT.batch_size, TASK.batch_size),
    state.TRAIN_LENGTH: (64, 64),
    state.TRAIN_CLIP: (TEXT.clip, TASK.clip),
    state.TRAIN_LR: (TEXT.lr, TASK.lr),
}


def _follow(is_task: bool) -> None:
    """Settings that were left as they are for the other kind of text are set for this one."""
    session = st.session_state
    before = session.get(state.TRAIN_RECIPE_OF, is_task)
    for key, usual in USUAL.items():
        if session.get(key, usual[before]) == usual[before]:
            give(key, usual[is_task])
    session[state.TRAIN_RECIPE_OF] = is_task


def settings(source: Source) -> tuple[list[ModelShape], TrainConfig]:
    """The models (arguments of RNNModel) and how they are trained, the same for all."""
    _follow(source.task is not None)
    types = st.pills(
        "Cell types",
        RNN_TYPES,
        format_func=style.cell_name,
        selection_mode="multi",
        default=list(RNN_TYPES[:1]),
        key=state.TRAIN_TYPES,
        **KEEP,
        help="Several are trained one after the other, under the same conditions.",
    )
    one, two, three = st.columns(3)
    hidden = one.number_input("Hidden size", 4, 2048, step=4, key=state.TRAIN_HIDDEN, **KEEP)
    layers = two.number_input("Layers", 1, 8, 1, key=state.TRAIN_LAYERS, **KEEP)
    minutes = three.number_input(
        "Minutes, each", 0.05, 600.0, step=0.5, format="%g", key=state.TRAIN_MINUTES, **KEEP
    )
    with st.expander("More settings", key=state.TRAIN_MORE, on_change="rerun"):
        one, two, three = st.columns(3)
        embedding = one.number_input(
            "Embedding size", 4, 2048, step=4, key=state.TRAIN_EMBEDDING, **KEEP
        )
        dropout = two.number_input("Dropout", 0.0, 0.9, step=0.05, key=state.TRAIN_DROPOUT, **KEEP)
        seed = three.number_input("Seed", 0, 2**31 - 1, 0, key=state.TRAIN_SEED, **KEEP)
        training = _pick_batches() | _pick_recipe(types or RNN_TYPES)
        tied = _pick_tied(can_tie=embedding == hidden)
        bias = _pick_forget_bias(types)
    from rnnviz.training.config import TrainConfig

    models = [
        ModelShape(
            rnn_type=kind,
            embedding_size=embedding,
            hidden_size=hidden,
            num_hidden_layers=layers,
            dropout=dropout,
            tie_weights=tied,
            forget_bias=usable_forget_bias(kind, bias),
        )
        for kind in RNN_TYPES
        if kind in types
    ]
    return models, TrainConfig(minutes=minutes, seed=seed, **training)


def _pick_batches() -> dict[str, Any]:
    one, two, three = st.columns(3)
    return {
        "batch_size": one.number_input("Batch, rows", 1, 512, key=state.TRAIN_BATCH, **KEEP),
        "sequence_length": two.number_input(
            "BPTT length, tokens",
            1,
            1024,
            key=state.TRAIN_LENGTH,
            **KEEP,
            help="Gradients reach back at most so far (truncated BPTT). A made task has windows of "
            "one item each instead.",
        ),
        "clip": three.number_input(
            "Clip",
            0.001,
            1000.0,
            step=0.05,
            format="%g",
            key=state.TRAIN_CLIP,
            **KEEP,
            help="A gradient with a larger norm, over all parameters, is scaled down to it.",
        ),
    }


def _pick_recipe(types: Sequence[str]) -> dict[str, Any]:
    """The optimizer, and a learning rate: None for each cell type's own."""
    recipe = st.selectbox(
        "Optimizer and recipe",
        list(RECIPES),
        format_func=RECIPES.__getitem__,
        key=state.TRAIN_RECIPE,
        **KEEP,
    )
    from rnnviz.training.config import DEFAULT_LR

    lr = st.number_input(
        "Learning rate",
        1e-6,
        1e6,
        None,
        format="%g",
        key=state.TRAIN_LR,
        **KEEP,
        placeholder=", ".join(
            f"{style.cell_name(kind)} {DEFAULT_LR[recipe][kind]:g}" for kind in types
        ),
        help="Empty: a rate that suits each cell type.",
    )
    return {"optimizer": recipe, "lr": lr}


def _pick_forget_bias(types: Sequence[str]) -> float | None:
    """The initial bias of the gate that keeps, None for PyTorch's."""
    bias = st.number_input(
        "Forget bias",
        -20.0,
        20.0,
        None,
        1.0,
        format="%g",
        key=state.TRAIN_FORGET_BIAS,
        **KEEP,
        placeholder="PyTorch's, near 0",
        help="Initial bias of the LSTM's forget gate and the GRU's update gate. The larger it is, "
        "the longer an untrained model keeps what it has read: at 3 half is left after 14 tokens, "
        "at 0 after 1.",
    )
    without = [style.cell_name(kind) for kind in types if usable_forget_bias(kind, bias) != bias]
    if without:
        st.caption(f"{', '.join(without)}: no gate keeps the state, so the forget bias is ignored.")
    return bias


def _pick_tied(can_tie: bool) -> bool:
    wanted = st.toggle(
        "Tie the weights of embedding and projection",
        key=state.TRAIN_TIED,
        **KEEP,
        disabled=not can_tie,
        help="Needs an embedding of the hidden size.",
    )
    return wanted and can_tie
