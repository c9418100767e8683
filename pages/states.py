"""What the units hold: cell state and hidden state along the text."""

import streamlit as st

from rnnviz.analysis import stretches, text_view
from rnnviz.app import address, caches, cell, components, cursor, page, sidebar, state, terms
from rnnviz.figures import equations, heatmap_views, signals, style
from rnnviz.figures.comparison import styles

FIELDS = (
    *cursor.UNIT_FIELDS,
    cursor.token_field("token"),
    address.is_open(state.HOW_WE_KNOW, "how"),
    *cell.FIELDS,
)

page.start_page("Cell state")
terms.intro(
    "A network remembers in its states. An LSTM has a cell state c, which its gates write, keep "
    "and read. GRU and RNN have only the hidden state h.",
    "unit",
    "half-life",
    "pre-activation",
    "nats",
    "kernel",
)
choice = sidebar.sidebar(also=FIELDS)
shown = sidebar.shown(choice)
cell.take_holds(shown, choice)
dark = page.is_dark()
labels = page.labels(choice.runs)


def name_of_memory(view: text_view.View) -> str:
    return "tanh(c)" if "c" in view.states else "h"


@address.fragment(FIELDS)
def states() -> None:
    unit_place, whole = page.beside()
    with unit_place:
        one_unit()
    with whole:
        order = cursor.pick_order()
        first = cursor.pick_first_token(shown)
        message = heatmap_views.state_message(shown, order, first, dark)
        detail = {"unit_detail": state.STEP, "place_detail": state.STEP}
        components.heatmaps(message, shown, state.STATE_MAPS, **detail)
        st.caption(
            "Each row is a unit, each column a token. A long horizontal stripe is a memory that "
            "lasts. Many units change at once where the text does, as at the end of a quote. The "
            "colour of c is tanh(c), as h reads it; hover to read c itself."
        )
    cell.one_cell(shown, choice, order, first, dark)


def one_unit() -> None:
    view, unit = cursor.unit_of(shown)
    t = cursor.token_of(view, len(view.tokens))
    message = heatmap_views.coloured_text_message(view, unit)
    components.heatmaps(message, [view], state.COLOURED_TEXT)
    st.caption(
        f"{name_of_memory(view)} of unit {unit} of {page.plain(view.info.name)} after each "
        "token: red is positive, blue negative."
    )
    with st.container(key=state.STEP, gap=None):
        st.markdown(f"**Unit {unit} at token {t + 1}, {page.plain(view.tokens[t])}**")
        added = caches.pre_activation(view, choice, unit, t)
        for line in equations.one_step(view, unit, t, added):
            with st.container(height=equations.height(line), border=False):
                st.latex(line)  # it has its height before the code that draws it is fetched
        largest = " and the largest terms of its sums" if added else ""
        st.caption(f"One step of the recurrence, with this unit's own numbers{largest}.")
    of_model, (of_unit, of_token) = st.container(), st.columns(2)
    cursor.pick_unit(shown, of_model, of_unit)
    with of_token:
        cursor.pick_token(view, "Token", len(view.tokens))


states()
address.write(FIELDS)

st.subheader("The eight units that vary most")
for column, view in page.side_by_side(shown):
    held, color = text_view.memory(view), style.color(view.info.rnn_type, dark)
    lines = {f"unit {unit}": held[:, unit] for unit in text_view.most_variable_units(view)}
    title = f"{name_of_memory(view)}: {view.info.name}"
    figure = signals.signals(lines, page.places(view), title, color, {})
    page.chart(figure, state.of_run("memory", view.info), column)
st.caption("The unit that varies most comes first.")

looks = styles([view.info for view in shown], dark)
holding = [
    (view, (labels[view.info.name], *look), found)
    for view, look in zip(shown, looks, strict=True)
    if (found := caches.held(view.info, choice)) is not None
]
if holding:
    left, right = st.columns(2)
    lengths = [(*drawn, found) for _, drawn, found in holding]
    figure = signals.stretches(lengths, "How long units keep what they hold")
    page.chart(figure, state.STRETCHES, left)
    half_lives = [(*drawn, view.half_life) for view, drawn, _ in holding]
    figure = signals.half_lives(half_lives, "Half-life of the average decay")
    page.chart(figure, state.HALF_LIVES, right)
    first, _, found = holding[0]
    st.caption(
        f"{page.plain(stretches.in_words(first, found))} First figure: each unit's longest "
        "stretch, pale its median one. A stretch lasts while the product of f (GRU: z) since its "
        "start is above one half. Second: ln 0.5 / mean of ln f. It is short if the unit is "
        "reset now and then, even if it keeps all in between. An RNN has no gate that keeps."
    )
page.how_we_know(shown)
