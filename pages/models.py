"""All models there are: names, files to take along, and models that were trained elsewhere."""

import streamlit as st

from rnnviz.app import caches, models, page, terms

page.start_page("Models")
terms.intro(
    "Every model that the other pages can show: your own and those of rnnviz. Download one as "
    "a file, or add one that was trained elsewhere.",
    "nats",
    "perplexity",
)
known = caches.run_list()
own = models.own_runs(known)
models.show_table(own, known)
st.caption(
    "Parameters count each weight once. Losses are in nats a token of the model's own corpus; "
    "perplexity and bits are those of validation. Compare only models of one corpus and level."
)

st.subheader("Your own")
if own:
    models.own_models(own)
else:
    st.info("You have no model of your own yet: train one, or add one.")
page.show_sentence()
st.subheader("Add a model")
models.add()
