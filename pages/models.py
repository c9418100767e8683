"""All models there are: names, files to take along, and models that were trained elsewhere."""

import streamlit as st

from rnnviz.app import caches, models, page, recall_models, state, terms

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
with st.expander("Recall: models that each learned over one distance", key=state.RECALL_GROUP):
    st.caption(
        "Each read a letter, then so many others, then had to say the first one, for 3,000 steps. "
        "Accuracy on fresh texts of its own distance, and of 1, 10, 30 and 100; guessing: 0.13. "
        "Names end in pytorch-bias where the bias of the gate that keeps is PyTorch's, not one "
        "that suits the distance."
    )
    recall_models.show()

st.subheader("Your own")
if own:
    models.own_models(own)
else:
    st.info("You have no model of your own yet: train one, or add one.")
page.show_sentence()
st.subheader("Add a model")
models.add()
