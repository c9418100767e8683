"""The words of the field that pages use, each explained in one sentence."""

from __future__ import annotations

import streamlit as st

TERMS = {
    "unit": "one number of a layer's state; a layer of 256 units keeps 256 numbers from token to "
    "token.",
    "nats": "the unit of a loss: minus the natural logarithm of the probability that the model "
    "gave the right token; 0 is certain, 0.69 is one chance in two.",
    "perplexity": "the loss as a number of choices: the model is as unsure as if it chose among so "
    "many equally likely tokens.",
    "half-life": "the number of tokens after which half is left.",
    "pre-activation": "the sum of a unit's inputs, before tanh or ReLU is applied.",
    "saturated": "of a gate: below 0.1 or above 0.9, so nearly shut or nearly open.",
    "surprise": "minus the logarithm of the probability that the model gave a token: large for a "
    "token that it did not expect.",
    "entropy": "the surprise that the model expects of the next token: 0 if only one is possible.",
    "cue": "the character of a task that asks for the answer: after ? a recall model has to repeat "
    "the first letter.",
    "kernel": "the routine in which PyTorch computes a whole layer at once.",
}


def intro(text: str, *terms: str) -> None:
    """The first sentences of a page; a question mark behind them explains the words it uses."""
    said = "\n\n".join(f"**{term}**: {TERMS[term]}" for term in terms)
    st.markdown(text, help=said)
