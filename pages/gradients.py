"""How far back the loss of one prediction reaches, and what cuts it off."""

import html

import numpy as np
import streamlit as st

from rnnviz.analysis import gradient_decay, learning_curves, text_view
from rnnviz.app import caches, components, page, sidebar
from rnnviz.figures import gradients, heatmap_views, style, training
from rnnviz.nn.cell_types import RNN_TYPES

page.begin("gradients")
st.title("Gradients through time")
st.markdown(
    "Learning needs the gradient of a loss to reach the tokens that caused it. Here each loss is "
    "that of one prediction, never a sum over the text, which would hide how it vanishes."
)
choice = sidebar.sidebar()
shown = [view for view in page.shown(choice) if len(view.tokens) > 1]
dark = page.is_dark()
if not shown:
    st.info("The text has one token: a prediction needs at least two.")
    st.stop()


def name(view: text_view.View) -> str:
    return view.info.rnn_type if len({v.info.corpus for v in shown}) == 1 else view.info.name


@st.fragment
def decay() -> None:
    picture, controls, mechanism = st.container(), st.container(), st.container()
    with controls:
        left, right = st.columns(2)
        most = len(shown[0].tokens) - 1  # the last token has no next one to predict
        with left:
            target = components.pick_token(shown[0], "Target: the loss after token", most)
        st.session_state["window"] = min(st.session_state.get("window", 0), most)
        right.slider("Window of truncated BPTT, tokens (0: none)", 0, most, key="window")
        window = st.session_state["window"] or text_view.MAX_TOKENS
    place = shown[0].spans[target, 0]  # vocabularies differ: the token of each model at this place
    lines, carried = [], {"LSTM": [], "RNN": []}
    kinds = [view.info.rnn_type for view in shown]
    for n, view in enumerate(shown):
        dash = STROKES[kinds[:n].count(kinds[n])]  # two models of a cell type have one colour
        t = min(view.token_at(place), len(view.tokens) - 2)
        flow, color = (
            caches.decay_of_loss(view.info, choice, t),
            style.color(view.info.rnn_type, dark),
        )
        whose = (
            name(view) if view.tokens == shown[0].tokens else f"{name(view)} after {told(view, t)}"
        )
        halves = f", half-life {flow.half_life:.1f}" if np.isfinite(flow.half_life) else ""
        norms = {f"{whose} ∥∂L/∂h∥{halves}": flow.h}
        if flow.c is not None:
            norms[f"{whose} ∥∂L/∂c∥"] = flow.c
        for label, norm in norms.items():
            own = dash if norm is flow.h else "dash"
            lines.append(gradients.Decay(label, color, gradient_decay.truncated(norm, window), own))
            if st.session_state["window"]:
                lines.append(gradients.Decay(label, color, norm, own, opacity=0.3, legend=False))
        if flow.bound is not None:
            true, kind = (flow.h, "RNN") if flow.c is None else (flow.c, "LSTM")
            carried[kind] += [
                gradients.Decay(f"{whose}, true norm", color, true, dash),
                gradients.Decay(f"{whose}, {CARRIERS[kind]}", color, flow.bound, "dot"),
            ]
    with picture:
        title = f"Gradient of the loss after token {told(shown[0], target)}"
        st.plotly_chart(gradients.decay(lines, title, "gradient norm (log)"), key="decay")
        st.caption(
            f"How much the loss of this one prediction changes with each earlier state of layer "
            f"{choice.layer + 1}. A straight line is exponential decay, its half-life in tokens is "
            "in the legend. Pale: what truncated BPTT never sees, as its windows begin at every "
            "multiple of their length from the start of the text."
        )
    with mechanism:
        drawn = [(kind, lines) for kind, lines in carried.items() if lines]
        for column, (kind, lines) in page.side_by_side(drawn, len(drawn) or 1):
            title = f"What carries it: {CARRIERS[kind]}"
            column.plotly_chart(gradients.decay(lines, title, "norm (log)"), key=f"carried_{kind}")
            column.caption(CARRIED[kind])


STROKES = ("solid", "longdash", "dashdot", "longdashdot")  # h; "dash" is c, "dot" a bound
CARRIERS = {"LSTM": "forget gates alone", "RNN": "product of singular values"}
CARRIED = {
    "LSTM": "∥∂L/∂c∥ beside what the forget gates alone would carry back; where the two are close, "
    "the cell state is the path.",
    "RNN": "The product of the Jacobians' largest singular values is an upper bound of a top "
    "layer's norm; how far the truth lies below it shows how rarely the directions line up.",
}


def told(view: text_view.View, t: int) -> str:
    """A token with its number, counted from 1 as under the heatmaps."""
    return f"{t + 1} \u201c{html.escape(view.tokens[t])}\u201d"


def influence() -> None:
    st.subheader("Which token mattered for which prediction")
    message = heatmap_views.influence_message(
        shown, [caches.influence(v.info, choice) for v in shown], dark
    )
    components.heatmaps(message, shown, "influence", "loss")
    st.caption(
        "Row t: the loss of the prediction after token t. Column s: the norm of its gradient with "
        f"respect to the input of layer {choice.layer + 1} at token s, log scale, the first "
        f"{gradient_decay.INFLUENCE_TOKENS} tokens. Hover a row and the text is coloured by how "
        "much each token mattered for that loss, beside the one that mattered most; click to make "
        "it the target above. A bright column is a token that many later predictions depend on; a "
        "narrow band along the diagonal is a short memory."
    )


PRESETS = {"vanishing": (0.5, 0.0), "preserved": (1.0, 3.0), "exploding": (3.0, 0.0)}


def take(preset: str) -> None:
    st.session_state["gain"], st.session_state["forget_bias"] = PRESETS[preset]


@st.fragment
def laboratory() -> None:
    st.subheader("Laboratory: four untrained cells")
    for column, preset in page.side_by_side(list(PRESETS), 3):
        column.button(preset, on_click=take, args=(preset,), width="stretch")
    st.session_state.setdefault("gain", 1.0)
    st.session_state.setdefault("forget_bias", 0.0)
    left, right = st.columns(2)
    gain = left.slider("Recurrent gain", 0.1, 4.0, step=0.1, key="gain")
    bias = right.slider("Forget-gate bias (LSTM)", -2.0, 6.0, step=0.5, key="forget_bias")
    size = left.slider("Hidden size", 8, 128, 64, step=8, key="lab_size")
    steps = right.slider("Length, tokens", 10, 300, 100, step=10, key="lab_steps")
    clip = st.toggle("Clip the gradient norm to 0.25", key="lab_clip")
    lines = []
    for rnn_type in RNN_TYPES:
        own = bias if rnn_type == "LSTM" else 0.0  # what changes nothing is not computed anew
        norms = caches.laboratory(rnn_type, gain, own, size, steps, clip)
        lines.append(gradients.Decay(rnn_type, style.color(rnn_type, dark), norms))
    title = "∥∂L/∂h∥ of the last loss, untrained"
    st.plotly_chart(gradients.decay(lines, title, "gradient norm (log)"), key="laboratory")
    st.caption(
        "At a low gain an RNN's gradient dies out exponentially, at a high one it explodes; a "
        "ReLU-RNN's turns near a gain of 1.4, as about half of its units are off. A forget-gate "
        "bias of 3 keeps the LSTM's alive where its own would fade. Clipping lowers the whole "
        "curve alike: it tames explosion and cannot cure vanishing."
    )


decay()
influence()
laboratory()

st.subheader("During training")
trained = [view for view in shown if view.info.history]
if trained:
    runs = []
    for view in trained:
        steps, norms = np.array([(r["step"], r["grad_norm"]) for r in view.info.history]).T  # (N,)
        runs.append((name(view), style.color(view.info.rnn_type, dark), steps, norms))
    clips = {view.info.config.get("clip") for view in trained}
    figure = training.training_norms(
        runs, clips.pop() if len(clips) == 1 else None, "Norm of the gradient over training"
    )
    st.plotly_chart(figure)
    shares = ", ".join(
        f"{name(v)} {learning_curves.clipped_share(v.info.history):.0%}" for v in trained
    )
    st.caption(
        "Norm over all parameters before clipping, a point the mean of the steps since the last "
        "one; this is the gradient of "
        f"the mean loss of a batch, not of one prediction. Share of clipped steps: {shares}."
    )
unrecorded = [view.info.name for view in shown if not view.info.history]
if unrecorded:
    st.caption(f"Without a record of their training: {', '.join(unrecorded)}.")
