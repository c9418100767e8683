"""What models write, live under a temperature slider."""

import streamlit as st

from rnnviz.analysis import sweeps
from rnnviz.app import page, sampling, sidebar

page.begin("sampling")
st.title("Sampling")
st.markdown(
    "A model gives each next token a score, its logit. Sampling divides the logits by the "
    "temperature T before the softmax and draws. Drag the slider: every text, bar and number "
    "below is the true one at that temperature, drawn with the same noise."
)
choice = sidebar.sidebar(text=False, also=sampling.ADDRESS)
prompt, length, cuts = sampling.controls(choice.runs[0])
temperature = sampling.slider()
originals = sampling.said(choice.runs, prompt, length, cuts)
given = sampling.fork_of(originals, cuts)
forks = sampling.said(choice.runs, prompt, length, cuts, given) if given else []
sampling.texts(originals, forks, cuts)
st.caption(
    "Low temperatures repeat what is likeliest, high ones spread the probability over everything. "
    "All texts share one noise, so a text changes only from the token on where the temperature "
    "changes the choice. Hover a token for its ten likeliest; click one to put another in its "
    "place and let every model go on from there. Bars: the twelve likeliest next tokens after the "
    "prompt, of the softmax over the full vocabulary."
)

with st.expander("Take it with you"):
    names = [info.name for info in choice.runs]
    chosen = st.selectbox("Model", names, key="download_run")
    info, said = choice.runs[names.index(chosen)], originals[names.index(chosen)]
    left, right = st.columns(2)
    left.download_button(
        "generate.txt",
        lambda: sweeps.generate_txt(page.run(*page.stamp(info)), prompt, temperature, cuts),
        "generate.txt",
        "text/plain",
        icon=":material/description:",
        on_click="ignore",
        help=f"1000 words at T = {temperature:.2f}, as the lecture notes' lab writes them",
    )
    right.download_button(
        "sweep.csv",
        lambda: sweeps.frame(said).to_csv(index=False),
        "sweep.csv",
        "text/csv",
        icon=":material/table:",
        on_click="ignore",
        help="Every token of every temperature: log-probability, rank, entropy",
    )
