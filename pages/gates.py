"""Every gate of every unit at every token, models side by side."""

import streamlit as st

from rnnviz import heatmaps, plots, ui, views

ui.begin("gates")
st.title("Gates")
st.markdown(
    "A gate says, for each unit at each token, how much is let through. Time runs from left to "
    "right, the units from top to bottom."
)
choice = ui.sidebar()
shown = ui.shown(choice)
dark = ui.is_dark()


def places(view: views.View) -> list[str]:
    return [f"{i} {token}" for i, token in enumerate(view.tokens, start=1)]


@st.fragment
def gates() -> None:
    order = st.segmented_control(
        "Order of units", heatmaps.ORDERS, default="index", key="order", required=True
    )
    heatmap, below = st.container(), st.container()
    with below:
        view, unit = ui.pick_unit(shown)
    with heatmap:
        names = [view.info.name for view in shown]
        message = views.gate_message(shown, order, ui.first_token(shown), dark)
        ui.heatmaps(message, names, key="gates")
        st.caption(
            "Hover to read a cell; click one to follow its unit below. Gates run from 0, nothing "
            "passes, to 1, all passes; candidates and states are coloured around 0. In a GRU, z "
            "near 1 keeps the old state (PyTorch's convention; some papers swap it). Units are "
            "ordered by what f (LSTM), z (GRU) or a (RNN) does over the whole text."
        )
    with below:
        one_unit(view, unit)


def one_unit(view: views.View, unit: int) -> None:
    color = plots.color(view.info.rnn_type, dark)
    lines = {name: values[:, unit] for name, values in (view.gates | view.states).items()}
    gates = {name: line for name, line in lines.items() if name in views.SIGMOIDS}
    other = {name: line for name, line in lines.items() if name not in gates}
    panels = [plots.Panel("Candidate and states", color, other, places(view), "value")]
    if gates:
        share = plots.Panel("Gates", color, gates, places(view), "share let through", (-0.03, 1.03))
        panels.insert(0, share)
    title = f"Unit {unit} of {ui.label(view.info)}, layer {choice.layer + 1}"
    st.plotly_chart(plots.line_panels(panels, title), key="unit_lines")
    st.caption(
        "All that one unit does at each token: what its gates let through, what it was offered "
        "and what it kept."
    )


gates()

panels = [
    plots.Panel(
        ui.label(view.info),
        plots.color(view.info.rnn_type, dark),
        {name: gate.mean(1) for name, gate in view.gates.items()},
        places(view),
        "mean over units",
        None if "a" in view.gates else (-1.05, 1.05),
    )
    for view in shown
]
st.plotly_chart(plots.line_panels(panels, "Mean of each gate along the text", columns=2))
st.caption(
    "A dip of the forget gate f, or of z in a GRU, is a place where many units let go of what they "
    "held. An RNN has no gates, only its pre-activation a."
)

held_out, without = ui.held_out(choice)
points = [point for view in held_out for point in views.saturation(view, ui.label(view.info), dark)]
if points:
    st.plotly_chart(plots.saturation(points, "How often each unit's gates are closed or open"))
    tokens = ", ".join(f"{len(view.tokens):,}" for view in held_out)
    st.caption(
        f"A point is a unit, over {tokens} tokens of each model's own validation text"
        + (f" (of the text above for {', '.join(without)})" if without else "")
        + ". Top left: always open. Bottom right: always closed. At the origin: in between. After "
        "Karpathy, Johnson and Li (2015)."
    )
