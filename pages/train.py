"""Train models of a text, in the background, and watch them learn."""

import streamlit as st

from rnnviz import ui, ui_jobs, ui_train

ui.begin("train")
st.title("Train")
st.markdown(
    "Choose a text and one or more cell types. A training goes on when you look at other pages or "
    "close this one; its models appear in the list of every page."
)
ui_jobs.show()

text, sizes = st.columns(2, gap="large")
with text:
    st.subheader("Text")
    prepared = ui_train.pick_tokens(*ui_train.pick_source())
    ui_train.show_text(prepared)
with sizes:
    st.subheader("Models")
    models, config = ui_train.settings()
    ui_train.begin(prepared, models, config)
    st.caption(
        "All cell types get the same text, sizes, seed, batches and time; only the learning rate "
        "follows the type, unless you set one: a rate that serves an LSTM lets a ReLU-RNN overflow."
    )
