"""Train models of a text, in the background, and watch them learn."""

import streamlit as st

from rnnviz.app import page, train, training_panels

page.begin("train")
st.title("Train")
st.markdown(
    "Choose a text and one or more cell types. A training goes on when you look at other pages or "
    "close this one; its models appear in the list of every page."
)
training_panels.show()

text, sizes = st.columns(2, gap="large")
with text:
    st.subheader("Text")
    prepared = train.pick_tokens(*train.pick_source())
    train.show_text(prepared)
with sizes:
    st.subheader("Models")
    models, config = train.settings()
    train.begin(prepared, models, config)
    st.caption(
        "All cell types get the same text, sizes, seed, batches and time; only the learning rate "
        "follows the type, unless you set one: a rate that serves an LSTM lets a ReLU-RNN overflow."
    )
