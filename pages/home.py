"""What rnnviz is, with one figure on a real trained model."""

import streamlit as st

from rnnviz import ui, views

ui.begin("home")
st.title("See inside a recurrent network")
st.markdown(
    "rnnviz trains small LSTM, GRU and RNN language models and shows what happens in them: every "
    "gate at every token, the cell state, and how far back a model remembers. Type a text in the "
    "sidebar and watch four cell types read it. Everything shown is computed from trained weights "
    "on this machine, nothing is an illustration."
)
choice = ui.sidebar()
shown = ui.shown(choice)
view = shown[0]

unit = views.most_telling_unit(view)
message = views.coloured_text_message(view, unit)
st.subheader(f"One unit of the {view.info.rnn_type}, reading your text")
ui.heatmaps(message, [view.info.name], key="home")
name = "cell state tanh(c)" if "c" in view.states else "hidden state h"
st.caption(
    f"Each token is coloured by the {name} of unit {unit} of {ui.label(view.info)} after reading "
    "it: red is positive, blue negative. Of all units this one changes most from one end of its "
    "range to the other; many such units turn out to follow quotes, brackets or line ends."
)
left, right = st.columns(2)
left.page_link(
    "pages/gates.py",
    label="**Gates**: every gate of every unit, four models side by side",
    icon=":material/grid_on:",
)
