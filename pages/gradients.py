"""How far back the loss of one prediction reaches, and what cuts it off."""

import numpy as np
import streamlit as st

from rnnviz import RNN_TYPES, flows, plots, ui, views

ui.begin("gradients")
st.title("Gradients through time")
st.markdown(
    "Learning needs the gradient of a loss to reach the tokens that caused it. Here each loss is "
    "that of one prediction, never a sum over the text, which would hide how it vanishes."
)
choice = ui.sidebar()
shown = [view for view in ui.shown(choice) if len(view.tokens) > 1]
dark = ui.is_dark()
if not shown:
    st.info("The text has one token: a prediction needs at least two.")
    st.stop()


def name(view: views.View) -> str:
    return view.info.rnn_type if len({v.info.corpus for v in shown}) == 1 else view.info.name


@st.fragment
def decay() -> None:
    picture, controls, mechanism = st.container(), st.container(), st.container()
    with controls:
        left, right = st.columns(2)
        most = len(shown[0].tokens) - 1  # the last token has no next one to predict
        with left:
            target = ui.pick_token(shown[0], "Target: the loss after token", most)
        st.session_state["window"] = min(st.session_state.get("window", 0), most)
        right.slider("Window of truncated BPTT, tokens (0: none)", 0, most, key="window")
        window = st.session_state["window"] or views.MAX_TOKENS
    lines, bounds = [], []
    for view in shown:
        t = min(target, len(view.tokens) - 2)
        flow, color = ui.flow(view, choice, t), plots.color(view.info.rnn_type, dark)
        label = f"{name(view)} ∥∂L/∂h∥, half-life {flow.half_life:.1f}"
        lines += [
            plots.Decay(label, color, flow.truncated(window)),
            plots.Decay(label, color, flow.h, opacity=0.3, legend=False),
        ]
        if flow.c is not None:
            lines.append(plots.Decay(f"{name(view)} ∥∂L/∂c∥", color, flow.c, "dash"))
        if flow.bound is not None:
            true = flow.h if flow.c is None else flow.c
            what = "product of singular values" if flow.c is None else "forget gates alone"
            bounds += [
                plots.Decay(f"{name(view)}, true norm", color, true),
                plots.Decay(f"{name(view)}, {what}", color, flow.bound, "dot"),
            ]
    title = f"Gradient of the loss after token {ui.places(shown[0])[target]}"
    with picture:
        st.plotly_chart(plots.decay(lines, title, "gradient norm (log)"), key="decay")
        st.caption(
            "How much the loss of this one prediction changes with each earlier state, by the "
            "distance back. A straight line is exponential decay, its half-life in tokens is in "
            "the legend. Pale: what truncated BPTT with the chosen window never sees."
        )
    with mechanism:
        st.plotly_chart(plots.decay(bounds, "What carries it", "norm (log)"), key="mechanism")
        st.caption(
            "LSTM: ∥∂L/∂c∥ beside what its forget gates alone would carry back; where the "
            "two are close, the cell state is the path. RNN: the product of its Jacobians' largest "
            "singular values is an upper bound, and how far the truth lies below it shows how "
            "rarely the directions line up."
        )


def influence() -> None:
    st.subheader("Which token mattered for which prediction")
    message = views.influence_message(shown, [ui.influence(v, choice) for v in shown], dark)
    ui.heatmaps(message, [view.info.name for view in shown], "influence", "loss")
    st.caption(
        f"Row t: the loss after token t. Column s: the norm of its gradient with respect to the "
        f"input at token s, log scale, the first {flows.INFLUENCE_TOKENS} tokens. Hover a row and "
        "the text is coloured by how much each token mattered for that loss; click to make it the "
        "target above. A bright column is a token that many later predictions depend on; a "
        "narrow band along the diagonal is a short memory."
    )


PRESETS = {"vanishing": (0.5, 0.0), "preserved": (1.0, 3.0), "exploding": (3.0, 0.0)}


def take(preset: str) -> None:
    st.session_state["gain"], st.session_state["forget_bias"] = PRESETS[preset]


@st.fragment
def laboratory() -> None:
    st.subheader("Laboratory: four untrained cells")
    for column, preset in ui.side_by_side(list(PRESETS), 3):
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
        try:
            own = bias if rnn_type == "LSTM" else 0.0  # what changes nothing is not computed anew
            norms = ui.laboratory(rnn_type, gain, own, size, steps, clip)
        except ValueError:
            st.caption(f"{rnn_type}: its states overflow at this gain, there is no gradient.")
            continue
        lines.append(plots.Decay(rnn_type, plots.color(rnn_type, dark), norms))
    title = "∥∂L/∂h∥ of the last loss, untrained"
    st.plotly_chart(plots.decay(lines, title, "gradient norm (log)"), key="laboratory")
    st.caption(
        "Below a gain of about 1 an RNN's gradient dies out exponentially, above it explodes. "
        "A high forget-gate bias keeps the LSTM's alive whatever the gain. Clipping lowers the "
        "whole curve alike: it tames explosion and cannot cure vanishing."
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
        runs.append((name(view), plots.color(view.info.rnn_type, dark), steps, norms))
    clips = {view.info.config.get("clip") for view in trained}
    figure = plots.training_norms(
        runs, clips.pop() if len(clips) == 1 else None, "Norm of the gradient over training"
    )
    st.plotly_chart(figure)
    shares = ", ".join(
        f"{name(view)} {np.mean([r['clipped'] for r in view.info.history]):.0%}" for view in trained
    )
    st.caption(
        "Norm over all parameters before clipping, the mean of 20 steps; this is the gradient of "
        f"the mean loss of a batch, not of one prediction. Share of clipped steps: {shares}."
    )
unrecorded = [view.info.name for view in shown if not view.info.history]
if unrecorded:
    st.caption(f"Without a record of their training: {', '.join(unrecorded)}.")
