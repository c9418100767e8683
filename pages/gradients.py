"""How far back the loss of one prediction reaches, and what cuts it off."""

import streamlit as st

from rnnviz.analysis import gradient_decay, learning_curves
from rnnviz.app import (
    address,
    caches,
    components,
    gradients,
    laboratory,
    page,
    sidebar,
    state,
    terms,
    unrolled,
)
from rnnviz.figures import heatmap_views
from rnnviz.figures.gradients import carriers, norm_lines
from rnnviz.figures.gradients import decay as decay_figure
from rnnviz.figures.gradients import laboratory as laboratory_figure

FIELDS = (*gradients.FIELDS, *unrolled.FIELDS, *laboratory.FIELDS)

page.start_page("Gradients through time")
terms.intro(
    "A model learns from an earlier token only if the gradient of the loss reaches it. Each loss "
    "here is that of one prediction: a sum over the text would hide how the gradient vanishes.",
    "half-life",
    "nats",
    "cue",
    "unit",
)
choice = sidebar.sidebar(also=FIELDS)
shown = [view for view in sidebar.shown(choice) if len(view.tokens) > 1]
dark = page.is_dark()
if not shown:
    st.info("The text has one token: a prediction needs at least two.")
    address.stop(FIELDS)
names = gradients.names(shown)


@address.fragment(FIELDS)
def decay() -> None:
    target, window, absolute = gradients.loss_of(shown[0])
    models = gradients.decays(shown, choice, target, dark, st.session_state.get(state.BOUND, False))
    title = f"Gradient of the loss after token {gradients.token_name(shown[0], target)}"
    y_title = "gradient norm (log)" if absolute else "share of norm (log)"
    figure = decay_figure(norm_lines(models, window, absolute), title, y_title)
    page.chart(figure, state.DECAY)
    st.text(gradients.losses(models))
    st.caption(
        "How strongly the loss of this prediction depends on each earlier state of layer "
        f"{choice.layer + 1}; a share is of the norm at distance 0. A straight line is "
        "exponential decay; its half-life in tokens is in the legend. Pale: what a window of "
        "truncated BPTT cuts off."
    )
    gradients.pick_loss(shown[0])
    what_carries_it(models)


def what_carries_it(models: list) -> None:
    page.chart(carriers(models), state.CARRIERS)
    st.toggle(
        "Upper bound of an RNN's product",
        key=state.BOUND,
        **state.KEEP,
        help="The product of the Jacobians' largest singular values. It is far above what really "
        "happens, because the gradient rarely points where a Jacobian stretches most.",
    )
    st.caption(
        "At each step back the gradient is multiplied by a factor (bars): in an RNN by the same "
        "W and a slope, in an LSTM by the forget gate f of that step, in a GRU by its z. Lines: "
        f"the product of the factors so far, through the memory of layer {choice.layer + 1} alone."
    )


@address.fragment(FIELDS)
def untrained() -> None:
    st.subheader("Laboratory: four untrained cells")
    st.markdown(laboratory.pick_preset())
    picture = st.container()
    lines = laboratory.lines(dark)
    with picture:
        page.chart(laboratory_figure(lines), state.LABORATORY)
        st.caption(
            f"{laboratory.shares(lines)} The curves are shares of the gradient at the last token. "
            "Clipping multiplies a whole curve by one number: it cannot cure vanishing."
        )


@address.fragment(FIELDS)
def in_time() -> None:
    st.subheader("Unrolled")
    st.markdown(
        "One network, copied for each token: each copy has the same matrices, and the loss of one "
        "copy sends its gradient back through all copies before it."
    )
    unrolled.copies(shown, names, choice, dark)
    st.caption(
        "Click a loss: the gradient runs back along the coloured arrows, and above each state "
        "stands the share of it that arrives, on the way through all layers. Hover a grey arrow "
        "or a matrix: it is lit in every copy. Shorten the window of truncated BPTT: the state "
        "still passes its border, the gradient does not. Forget the past before a token: only "
        "losses after it change. A gradient that vanishes keeps a network from learning across a "
        "gap, not from remembering across it."
    )
    st.subheader("Two products")
    st.markdown(
        "On its way back a gradient is multiplied at each step: in a plain RNN by a matrix, along "
        "the cell state of an LSTM by one number a unit."
    )
    unrolled.products(shown, names, choice, dark)
    st.caption(
        "Drag the distance. Bars: the factor of each step back from the loss clicked above. Line: "
        f"their product so far, through the memory of layer {choice.layer + 1} alone. An LSTM has "
        "units that keep and units that let go: the slider under it goes through all of them."
    )


decay()
in_time()

st.subheader("Which token mattered for which prediction")
matrices = caches.influences([view.info for view in shown], choice.text, choice.layer)
message = heatmap_views.influence_message(shown, matrices, dark)
components.heatmaps(message, shown, state.INFLUENCE, rows="loss", place_detail=state.DECAY)
st.caption(
    f"How much each token mattered for each later prediction, for the first "
    f"{gradient_decay.INFLUENCE_TOKENS} tokens. Row t: the loss of the prediction after token t. "
    f"Column s: the norm of its gradient with respect to the input of layer {choice.layer + 1} at "
    "token s, on a log scale. Hover a row to colour the text by it. Click to make it the target "
    "above. A bright column is a token that many later predictions depend on. A narrow band along "
    f"the diagonal is a short memory. {page.plain(page.cue_note(choice.runs, 'left empty'))}"
)

untrained()
address.write(FIELDS)

st.subheader("During training")
trained = [(name, v) for name, v in zip(names, shown, strict=True) if v.info.history]
if trained:
    page.chart(gradients.training_norms(trained, dark), state.TRAINING_NORMS)
    shares = ", ".join(
        f"{name} {learning_curves.clipped_share(view.info.history):.0%}" for name, view in trained
    )
    st.caption(
        "Norm over all parameters before clipping. Each point is the mean of the steps since the "
        "point before. This is the gradient of the mean loss of a batch, not of one prediction. "
        f"Share of clipped steps: {page.plain(shares)}."
    )
unrecorded = [view.info.name for view in shown if not view.info.history]
if unrecorded:
    st.caption(f"Without a record of their training: {page.plain(', '.join(unrecorded))}.")
