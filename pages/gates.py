"""Every gate of every unit at every token, models side by side."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import components, page, sidebar
from rnnviz.figures import heatmap_views, signals, style
from rnnviz.nn.cell_types import SIGMOIDS

page.begin("gates")
st.title("Gates")
st.markdown(
    "A gate says, for each unit at each token, how much is let through. Time runs from left to "
    "right, the units from top to bottom."
)
choice = sidebar.sidebar()
shown = page.shown(choice)
dark = page.is_dark()
RANGES = dict.fromkeys(SIGMOIDS, (-0.05, 1.05)) | dict.fromkeys("gn", (-1.05, 1.05))


@st.fragment
def gates() -> None:
    order = st.segmented_control(
        "Order of units", text_view.ORDERS, default="mean", key="order", required=True
    )
    heatmap, below = st.container(), st.container()
    with below:
        left, right, _ = st.columns([2, 1, 3])
        view, unit = components.pick_unit(shown, left, right)
    with heatmap:
        message = heatmap_views.gate_message(shown, order, components.pick_first_token(shown), dark)
        components.heatmaps(message, shown, key="gates")
        st.caption(
            "Hover to read a cell; click one to follow its unit below. Gates run from 0, nothing "
            "passes, to 1, all passes; candidates and states are coloured around 0. In a GRU, z "
            "near 1 keeps the old state (PyTorch's convention; some papers swap it). Units are "
            "ordered by what f (LSTM), z (GRU) or a (RNN) does over the whole text."
        )
    with below:
        one_unit(view, unit)


def one_unit(view: text_view.View, unit: int) -> None:
    lines = {name: values[:, unit] for name, values in (view.gates | view.states).items()}
    title = f"Unit {unit} of {view.info.name}, layer {choice.layer + 1}"
    color = style.color(view.info.rnn_type, dark)
    st.plotly_chart(
        signals.signals(lines, page.places(view), title, color, RANGES), key="unit_lines"
    )
    st.caption(
        "All that one unit does at each token: what its gates let through, what it was offered "
        "and what it kept. A unit that remembers holds its c or h over many tokens."
    )


gates()

st.subheader("Mean over all units")
for column, view in page.side_by_side(shown):
    lines = {name: gate.mean(1) for name, gate in view.gates.items()}
    color = style.color(view.info.rnn_type, dark)
    column.plotly_chart(signals.signals(lines, page.places(view), page.label(view.info), color, {}))
st.caption(
    "The mean of each gate at each token. A dip of the forget gate f, or of z in a GRU, is a place "
    "where many units let go of what they held. An RNN has no gates, only its pre-activation a."
)

by_gate: dict[str, list[tuple[str, str, text_view.Saturation]]] = {}
read, without = set(), []
for info in choice.runs:
    saturation = page.saturation(info, choice)
    if saturation.shares:
        read.add(saturation.tokens)
        without += [] if page.validation_text(info.corpus) else [info.name]
    drawn = page.label(info), style.color(info.rnn_type, dark), saturation
    for gate in saturation.shares:
        by_gate.setdefault(gate, []).append(drawn)
if by_gate:
    st.subheader("Always open, always closed or in between")
    for column, (gate, runs) in page.side_by_side(list(by_gate.items()), 3):
        column.plotly_chart(signals.saturation(gate, runs))
    tokens = " or ".join(f"{count:,}" for count in sorted(read))
    st.caption(
        f"A point is a unit, over {tokens} tokens of each model's own validation text"
        + (f" (of the text above for {', '.join(without)})" if without else "")
        + ". Top left: nearly always open. Bottom right: nearly always closed. At the origin: "
        "always in between. After Karpathy, Johnson and Li (2015)."
    )
