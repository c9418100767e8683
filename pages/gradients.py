"""How far back the loss of one prediction reaches, and what cuts it off."""

import streamlit as st

from rnnviz.analysis import gradient_decay, learning_curves
from rnnviz.app import caches, components, gradients, page, sidebar, state
from rnnviz.figures import heatmap_views
from rnnviz.figures.gradients import carrier_lines, norm_lines
from rnnviz.figures.gradients import decay as decay_figure

page.start_page("Gradients through time")
st.markdown(
    "Learning needs the gradient of a loss to reach the tokens that caused it. Here each loss is "
    "that of one prediction. A sum over the text would hide how the gradient vanishes."
)
choice = sidebar.sidebar()
shown = [view for view in sidebar.shown(choice) if len(view.tokens) > 1]
dark = page.is_dark()
if not shown:
    st.info("The text has one token: a prediction needs at least two.")
    st.stop()
names = gradients.names(shown)

CARRIERS = {  # has a cell state: key, what carries the gradient, caption
    True: (
        state.CARRIED_BY_GATES,
        "forget gates alone",
        "∥∂L/∂c∥ beside what the forget gates alone would carry back. Where the two are close, "
        "the gradient takes the path through the cell state.",
    ),
    False: (
        state.CARRIED_BY_JACOBIANS,
        "product of singular values",
        "The product of the Jacobians' largest singular values is an upper bound of a top layer's "
        "norm. The true norm is far below it where the directions rarely line up.",
    ),
}


@st.fragment
def decay() -> None:
    picture, controls, mechanism = st.container(), st.container(), st.container()
    with controls:
        target, window = gradients.pick_loss(shown[0])
    models = gradients.decays(shown, choice, target, dark)
    with picture:
        title = f"Gradient of the loss after token {gradients.token_name(shown[0], target)}"
        figure = decay_figure(norm_lines(models, window), title, "gradient norm (log)")
        st.plotly_chart(figure, key=state.DECAY)
        st.caption(
            "How much the loss of this one prediction changes with each earlier state of layer "
            f"{choice.layer + 1}. A straight line is exponential decay; its half-life in tokens "
            "is in the legend. Pale: what truncated BPTT never sees. Its windows begin at every "
            "multiple of their length from the start of the text."
        )
    with mechanism:
        carrier_figures(models)


def carrier_figures(models: list) -> None:
    lines = {cell: carrier_lines(models, cell, CARRIERS[cell][1]) for cell in CARRIERS}
    drawn = [cell for cell in CARRIERS if lines[cell]]
    for column, cell in page.side_by_side(drawn, len(drawn) or 1):
        key, carrier, caption = CARRIERS[cell]
        figure = decay_figure(lines[cell], f"What carries it: {carrier}", "norm (log)")
        column.plotly_chart(figure, key=key)
        column.caption(caption)


@st.fragment
def laboratory() -> None:
    st.subheader("Laboratory: four untrained cells")
    lines = gradients.laboratory(dark)
    title = "∥∂L/∂h∥ of the last loss, untrained"
    st.plotly_chart(decay_figure(lines, title, "gradient norm (log)"), key=state.LABORATORY)
    st.caption(
        "At a low gain an RNN's gradient dies out exponentially, at a high one it explodes. A "
        "ReLU-RNN changes from one to the other near a gain of 1.4, because about half of its "
        "units are off. A forget-gate bias of 3 keeps the LSTM's gradient alive where it would "
        "otherwise fade. Clipping lowers the whole curve alike: it tames explosion and cannot "
        "cure vanishing."
    )


decay()

st.subheader("Which token mattered for which prediction")
matrices = [caches.influence(view.info, choice) for view in shown]
message = heatmap_views.influence_message(shown, matrices, dark)
components.heatmaps(message, shown, state.INFLUENCE, rows="loss")
st.caption(
    f"How much each token mattered for each later prediction, for the first "
    f"{gradient_decay.INFLUENCE_TOKENS} tokens. Row t: the loss of the prediction after token t. "
    f"Column s: the norm of its gradient with respect to the input of layer {choice.layer + 1} at "
    "token s, on a log scale. Hover a row to colour the text by it. Click to make it the target "
    "above. A bright column is a token that many later predictions depend on. A narrow band along "
    "the diagonal is a short memory."
)

laboratory()

st.subheader("During training")
trained = [(name, v) for name, v in zip(names, shown, strict=True) if v.info.history]
if trained:
    st.plotly_chart(gradients.training_norms(trained, dark), key=state.TRAINING_NORMS)
    shares = ", ".join(
        f"{name} {learning_curves.clipped_share(view.info.history):.0%}" for name, view in trained
    )
    st.caption(
        "Norm over all parameters before clipping. Each point is the mean of the steps since the "
        "last one. This is the gradient of the mean loss of a batch, not of one prediction. Share "
        f"of clipped steps: {page.plain(shares)}."
    )
unrecorded = [view.info.name for view in shown if not view.info.history]
if unrecorded:
    st.caption(f"Without a record of their training: {page.plain(', '.join(unrecorded))}.")
