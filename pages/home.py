"""What rnnviz is, with one figure on a real trained model."""

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.app import components, page, sidebar
from rnnviz.figures import heatmap_views

page.begin("home")
st.title("See inside a recurrent network")
st.markdown(
    "rnnviz trains small LSTM, GRU and RNN language models and shows what happens in them: every "
    "gate at every token, the cell state, and how far back a model remembers. Type a text in the "
    "sidebar and watch four cell types read it. Everything shown is computed from trained weights "
    "on this machine, nothing is an illustration."
)
choice = sidebar.sidebar()
shown = page.shown(choice)
view = shown[0]

unit = text_view.most_switching_unit(view)
message = heatmap_views.coloured_text_message(view, unit)
st.subheader(f"One unit of the {view.info.rnn_type}, reading your text")
components.heatmaps(message, [view], key="home")
name = "cell state tanh(c)" if "c" in view.states else "hidden state h"
st.caption(
    f"Each token is coloured by the {name} of unit {unit} of {page.label(view.info)} after reading "
    "it: red is positive, blue negative. Of all units this one changes most from one end of its "
    "range to the other; many such units turn out to follow quotes, brackets or line ends."
)
st.subheader("Where to look")
LINKS = {  # short: a phone shows one line of each
    "gates": (":material/grid_on:", "**Gates**: every gate at every token"),
    "states": (":material/memory:", "**Cell state**: what is held, and for how long"),
    "sampling": (":material/casino:", "**Sampling**: text under a live temperature"),
    "gradients": (":material/trending_down:", "**Gradients**: how far back learning reaches"),
    "train": (":material/model_training:", "**Train**: models of your own text"),
    "compare": (":material/compare_arrows:", "**Compare**: cell types on equal terms"),
    "models": (":material/inventory_2:", "**Models**: name, take along, bring"),
}
for name, (icon, text) in LINKS.items():
    st.page_link(f"pages/{name}.py", label=text, icon=icon)
