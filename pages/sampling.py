"""What models write, live under a temperature slider."""

import streamlit as st

from rnnviz.analysis import sweeps
from rnnviz.app import address, caches, page, sampling, sidebar, state, terms

page.start_page("Sampling")
terms.intro(
    "A model gives each possible next token a score, its logit. Sampling divides the logits by the "
    "temperature T, takes the softmax and draws a token. Drag the slider: texts, bars and numbers "
    "are computed for each temperature, all with the same random numbers (noise).",
    "surprise",
    "nats",
    "entropy",
    "cue",
)
choice = sidebar.sidebar(False, sampling.ADDRESS, sampling.suggest_prompt)
prompt, length, options = sampling.controls()
temperature, busy = sampling.slider()
address.write(sampling.ADDRESS)
originals = sampling.sweep_runs(choice.runs, prompt, length, options, busy)
given = sampling.fork_of(originals, options)
forks = sampling.sweep_runs(choice.runs, prompt, length, options, busy, given) if given else []
sampling.show_texts(originals, forks, options)
st.caption(
    "Low temperatures repeat the likeliest tokens, high ones make all tokens about equally "
    "likely. All use the same random numbers, so two texts agree up to the first token chosen "
    "differently. Hover a token for its ten likeliest alternatives; click it to let every model "
    "go on from another. The bars show the probability of the twelve likeliest tokens after the "
    "prompt."
)

with st.expander("Download", key=state.DOWNLOADS, on_change="rerun") as downloads:
    if downloads.open:  # a click while the page is drawn anew would give no file
        names = [info.name for info in choice.runs]
        place = names.index(st.selectbox("Model", names, key=state.DOWNLOAD_RUN, **state.KEEP))
        info, sweep = choice.runs[place], originals[place]
        left, right = st.columns(2)
        left.download_button(
            "generate.txt",
            lambda: sweeps.generate_txt(caches.run(info), prompt, temperature, options),
            f"{info.name}-T{temperature:.2f}-generate.txt",
            "text/plain",
            icon=":material/description:",
            on_click="ignore",
            help=f"1000 words at T = {temperature:.2f}, as the lecture notes' lab writes them",
        )
        right.download_button(
            "sweep.csv",
            lambda: sweeps.frame(sweep).to_csv(index=False),
            f"{info.name}-sweep.csv",
            "text/csv",
            icon=":material/table:",
            on_click="ignore",
            help="Every token of every temperature: log-probability, rank, entropy",
        )
