"""Train models of a text, in the background, and watch them learn."""

import streamlit as st

from rnnviz.app import page, terms, train, train_parts, train_settings, training_panels

page.start_page("Train")
terms.intro(
    "Choose a text and one or more cell types. A training goes on when you look at other pages or "
    "close this one; its models appear in the list of every page.",
    "unit",
    "nats",
    "perplexity",
)
training_panels.show()

text, sizes = st.columns(2, gap="large")
parts = st.container()
with text:
    st.subheader("Text")
    prepared = train.pick_tokens(*train.pick_source())
    train.show_text(prepared)
with sizes:
    st.subheader("Models")
    models, config = train_settings.settings(prepared.source)
with parts:
    train_parts.show(prepared, models, config)
with sizes:
    train.submit_button(prepared, models, config)
    st.caption(
        "All cell types get the same text, sizes, seed, batches and time. Only the learning rate "
        "depends on the type, unless you set one: a rate that suits an LSTM makes a ReLU RNN "
        "overflow."
    )
