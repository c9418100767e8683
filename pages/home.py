"""What rnnviz is, with one figure on a real trained model."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import address, caches, components, navigation, page, presets, sidebar, state, terms
from rnnviz.figures import heatmap_views, style

page.start_page("See inside a recurrent network")
terms.intro(
    "rnnviz trains small LSTM, GRU and RNN language models and shows what happens inside them, "
    "computed here from their weights. Choose models and a text, or type your own text in the "
    "sidebar:",
    "unit",
    "nats",
)
choices = st.container()
view = sidebar.shown(sidebar.sidebar())[0]
address.write()
with choices:
    presets.buttons(caches.run_list())
unit = text_view.most_switching_unit(view)
st.subheader(f"One unit of the {style.cell_name(view.info.rnn_type)}, reading your text")
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
