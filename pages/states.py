"""What the units hold: cell state and hidden state along the text."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import components, page, sidebar
from rnnviz.figures import equations, heatmap_views, signals, style

page.begin("states")
st.title("Cell state")
st.markdown(
    "What a network remembers stands in its states. An LSTM keeps a cell state c that its gates "
    "write, keep and read; GRU and RNN have the hidden state h alone, and no c."
)
choice = sidebar.sidebar()
shown = page.shown(choice)
dark = page.is_dark()


@st.fragment
def states() -> None:
    colored, controls, step, heatmap = (st.container() for _ in range(4))
    with controls:
        left, middle, right, _ = st.columns([2, 1, 1, 2])
        view, unit = components.pick_unit(shown, left, middle)
        with right:
            t = components.pick_token(view, "Token", len(view.tokens))
    what = "tanh(c)" if "c" in view.states else "h"
    with colored:
        components.heatmaps(heatmap_views.coloured_text_message(view, unit), [view], key="coloured")
        st.caption(
            f"The text, coloured by {what} of unit {unit} of {view.info.name} after each token: "
            "red is positive, blue negative, what fades into the page is nothing held. Hover for "
            "the value."
        )
    with step:
        st.markdown(f"**Unit {unit} at token {t + 1}, `` {view.tokens[t]} ``**")
        lines = equations.one_step(view, unit, t)
        for column, line in page.side_by_side(lines, len(lines)):
            column.latex(line)
        st.caption("One step of the recurrence with this unit's own numbers. Click any cell below.")
    with heatmap:
        order = st.segmented_control(
            "Order of units", text_view.ORDERS, default="mean", key="order", required=True
        )
        first = components.pick_first_token(shown)
        message = heatmap_views.state_message(shown, order, first, dark)
        components.heatmaps(message, shown, key="states")
        st.caption(
            "Stripes along the text are memories that last; a sudden change across many units is "
            "a place where the text turns. c has no bound: 99% of its values fit the colours."
        )


states()

st.subheader("The eight units that vary most")
for column, view in page.side_by_side(shown):
    held, color = text_view.memory(view), style.color(view.info.rnn_type, dark)
    lines = {f"unit {unit}": held[:, unit] for unit in text_view.most_variable_units(view)}
    title = f"{'tanh(c)' if 'c' in view.states else 'h'}, {page.label(view.info)}"
    column.plotly_chart(signals.signals(lines, page.places(view), title, color, {}))
st.caption("What each of these units holds along the text, those that change most first.")

kept = [
    (page.label(view.info), style.color(view.info.rnn_type, dark), view.half_life)
    for view in shown
    if view.half_life is not None
]
if kept:
    st.plotly_chart(signals.half_lives(kept, "How long units keep what they hold"))
    st.caption(
        "Half-life of each unit's memory on this text, ln 0.5 / mean of ln f (in a GRU: of ln z). "
        "To the left units that follow the last token, to the right those that carry something "
        "over many. An RNN has no gate that keeps, and is not shown."
    )
