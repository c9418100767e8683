"""What the units hold: cell state and hidden state along the text."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import components, cursor, page, sidebar, state
from rnnviz.figures import equations, heatmap_views, signals, style

page.start_page("Cell state")
st.markdown(
    "A network remembers in its states. An LSTM has a cell state c, which its gates write, keep "
    "and read. GRU and RNN have the hidden state h alone."
)
choice = sidebar.sidebar()
shown = sidebar.shown(choice)
dark = page.is_dark()
labels = page.labels(choice.runs)


def name_of_memory(view: text_view.View) -> str:
    return "tanh(c)" if "c" in view.states else "h"


@st.fragment
def states() -> None:
    coloured, controls, step, heatmap = (st.container() for _ in range(4))
    with controls:
        left, middle, right, _ = st.columns([2, 1, 1, 2])
        view, unit = cursor.pick_unit(shown, left, middle)
        with right:
            t = cursor.pick_token(view, "Token", len(view.tokens))
    with coloured:
        message = heatmap_views.coloured_text_message(view, unit)
        components.heatmaps(message, [view], state.COLOURED_TEXT)
        name = page.plain(view.info.name)
        st.caption(
            f"The text, coloured by {name_of_memory(view)} of unit {unit} of {name} "
            "after each token. Red is positive, blue negative; without colour the value is near "
            "0. Hover to read it."
        )
    with step:
        st.markdown(f"**Unit {unit} at token {t + 1}, {page.plain(view.tokens[t])}**")
        lines = equations.one_step(view, unit, t)
        for column, line in page.side_by_side(lines, len(lines)):
            column.latex(line)
        st.caption("One step of the recurrence with this unit's own numbers. Click any cell below.")
    with heatmap:
        order = st.segmented_control(
            "Order of units", text_view.ORDERS, default="mean", key=state.ORDER, required=True
        )
        first = cursor.pick_first_token(shown)
        message = heatmap_views.state_message(shown, order, first, dark)
        components.heatmaps(message, shown, state.STATE_MAPS)
        st.caption(
            "Each row is a unit, each column a token. A stripe along the text is a memory that "
            "lasts. Where many units change at once, the text changes, as at the end of a quote. "
            "c has no bound: the colours span 99% of its values."
        )


states()

st.subheader("The eight units that vary most")
for column, view in page.side_by_side(shown):
    held, color = text_view.memory(view), style.color(view.info.rnn_type, dark)
    lines = {f"unit {unit}": held[:, unit] for unit in text_view.most_variable_units(view)}
    title = f"{name_of_memory(view)}, {labels[view.info.name]}"
    figure = signals.signals(lines, page.places(view), title, color, {})
    column.plotly_chart(figure, key=state.of_run("memory", view.info))
st.caption("The state of each of these units along the text, the one that varies most first.")

with_half_lives = [
    (labels[view.info.name], style.color(view.info.rnn_type, dark), view.half_life)
    for view in shown
    if view.half_life is not None
]
if with_half_lives:
    figure = signals.half_lives(with_half_lives, "How long units keep what they hold")
    st.plotly_chart(figure, key=state.HALF_LIVES)
    st.caption(
        "How many units have which half-life: the tokens after which half of a unit's memory is "
        "left, ln 0.5 / mean of ln f (in a GRU: of ln z). Units on the left follow the last "
        "token, units on the right remember over many. An RNN has no gate that keeps, and is not "
        "shown."
    )
