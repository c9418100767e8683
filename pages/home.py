"""What rnnviz is: the memory duel, and the ways on from it."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import (
    address,
    caches,
    components,
    duel,
    navigation,
    page,
    presets,
    race,
    sidebar,
    state,
    terms,
)
from rnnviz.figures import heatmap_views, style

page.start_page("See inside a recurrent network")
terms.intro(
    "Four recurrent networks read a letter, then many others, then a question mark. Who still "
    "knows the first letter? Each was trained for 3,000 steps at just this distance; they answer "
    "here, computed from their weights.",
    "cue",
    "unit",
    "nats",
)
body = st.container()
choice = sidebar.sidebar(also=duel.FIELDS)
with body:
    duel.show()
    with st.expander("The race: train all four here", key=state.DUEL_RACE, on_change="rerun"):
        if st.session_state[state.DUEL_RACE]:
            race.show()
    ways = (
        (navigation.LESSON, "Why? The lesson, stop by stop"),
        (navigation.GATES, "Your own text: gates at each token"),
        (navigation.TRAIN, "Your own model: train it, watch it learn"),
    )
    for column, (target, label) in zip(st.columns(3), ways, strict=True):
        column.page_link(target.file, label=label, icon=target.icon, width="stretch")
view = sidebar.shown(choice)[0]
address.write(duel.FIELDS)
unit = text_view.most_switching_unit(view)
st.subheader(f"Your own text: one unit of the {style.cell_name(view.info.rnn_type)} reading it")
st.caption("Choose models and a text, or type your own text in the sidebar:")
presets.buttons(caches.run_list())
message = heatmap_views.coloured_text_message(view, unit)
components.heatmaps(message, [view], state.HOME_TEXT)
name = "cell state tanh(c)" if "c" in view.states else "hidden state h"
label = page.plain(page.label(view.info))
st.caption(
    f"The colour of each token is the {name} of unit {unit} after the model ({label}) has read "
    "it: red is positive, blue negative. The unit acts like a switch: it stays at one end of its "
    "range, then jumps, often at quotes, brackets or line ends."
)
st.subheader("Where to look")
for target in navigation.PAGES:
    if target is not navigation.HOME:
        st.page_link(target.file, label=target.link, icon=target.icon)
