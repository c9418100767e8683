"""Every gate of every unit at every token, models side by side."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import address, caches, components, cursor, page, sidebar, state, terms
from rnnviz.figures import heatmap_views, signals, style
from rnnviz.figures.comparison import styles

FIELDS = (*cursor.UNIT_FIELDS, address.is_open(state.HOW_WE_KNOW, "how"))

page.start_page("Gates")
terms.intro(
    "A gate is a number for each unit at each token: at 0 nothing passes, at 1 everything. First "
    "the gates of one unit along the text, then all units: click a cell to choose its unit.",
    "unit",
    "pre-activation",
    "nats",
    "kernel",
)
choice = sidebar.sidebar(also=FIELDS)
shown = sidebar.shown(choice)
dark = page.is_dark()
labels = page.labels(choice.runs)


@address.fragment(FIELDS)
def gates() -> None:
    unit_place, whole = page.beside()
    with unit_place:
        left, right = st.columns([3, 2])
        view, unit = cursor.pick_unit(shown, left, right)
    with whole:  # first: the first figure of a server waits for plotly and pandas
        order = cursor.pick_order()
        first = cursor.pick_first_token(shown)
        message = heatmap_views.gate_message(shown, order, first, dark)
        components.heatmaps(message, shown, state.GATE_MAPS, unit_detail=state.UNIT_LINES)
        st.caption(
            "Each row is a unit, each column a token. In a GRU, z near 1 keeps the old state (as "
            "in PyTorch; some papers swap it). The order of units comes from f (LSTM), z (GRU) "
            "or a (RNN) over the whole text."
        )
    with unit_place:
        one_unit(view, unit)


def one_unit(view: text_view.View, unit: int) -> None:
    lines = {name: values[:, unit] for name, values in (view.gates | view.states).items()}
    title = f"Unit {unit}, layer {choice.layer + 1}: {view.info.name}"
    color = style.color(view.info.rnn_type, dark)
    figure = signals.signals(lines, page.places(view), title, color, style.GATE_RANGES)
    page.chart(figure, state.UNIT_LINES)
    st.caption(
        "The unit's gates, candidate and states. A unit that remembers keeps its c or h almost "
        "unchanged for many tokens."
    )


gates()
address.write(FIELDS)

st.subheader("Mean over all units")
for column, view in page.side_by_side(shown):
    lines = {name: gate.mean(1) for name, gate in view.gates.items()}
    color = style.color(view.info.rnn_type, dark)
    title = labels[view.info.name]
    figure = signals.signals(lines, page.places(view), title, color, {})
    page.chart(figure, state.of_run("mean", view.info), column)
st.caption(
    "The mean of each gate at each token. Where the forget gate f dips, or z in a GRU, many units "
    "forget at once. An RNN has no gates, only its pre-activation a."
)

runs = [
    (labels[info.name], *look, caches.saturation(info, choice))
    for info, look in zip(choice.runs, styles(choice.runs, dark), strict=True)
]
if figures := signals.saturations(runs):
    st.subheader("Always open, always closed or in between")
    for number, (column, figure) in enumerate(page.side_by_side(figures, 3)):
        page.chart(figure, state.saturation(number), column)
    gated = [
        (info, found) for info, (*_, found) in zip(choice.runs, runs, strict=True) if found.shares
    ]
    tokens = " or ".join(f"{n:,}" for n in sorted({found.tokens for _, found in gated}))
    without = [info.name for info, _ in gated if not caches.validation_text(info.corpus)]
    st.caption(
        f"Each point is a unit, measured over {tokens} tokens of the model's own validation text"
        + (f" (of the text above for {page.plain(', '.join(without))})" if without else "")
        + ". Top left: nearly always open. Bottom right: nearly always closed. At the origin: "
        "always in between. After Karpathy, Johnson and Li (2015)."
    )
page.how_we_know(shown)
