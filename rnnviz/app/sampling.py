"""What the page Sampling has of its own: its controls, its sweeps, its two components."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence

import streamlit as st

from rnnviz._paths import component
from rnnviz._process import one_core
from rnnviz.analysis import sweeps
from rnnviz.analysis.sweeps import RunSweep, SamplingOptions
from rnnviz.app import components, page, sidebar
from rnnviz.data import builtin
from rnnviz.figures import sweep_message
from rnnviz.runs.info import RunInfo

KEPT = 12  # sweeps that are kept, some megabytes each
LENGTHS = (50, 1000)
MAX_PROMPT = 20_000


def _number(kind: type, low: float, high: float):
    """What makes a number of a text and refuses one that is out of bounds."""

    def parse(text: str):
        value = kind(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


ADDRESS = (
    sidebar.Field("prompt", "prompt", lambda text: text[:MAX_PROMPT]),
    sidebar.Field("temperature", "T", _number(float, 0, 2), 1.0),
    sidebar.Field("length", "length", _number(int, *LENGTHS), 400),
    sidebar.Field("seed", "seed", _number(int, 0, 2**31 - 1), 0),
    sidebar.Field("top_k", "top_k", _number(int, 0, 10**6), 0),
    sidebar.Field("top_p", "top_p", _number(float, 0.01, 1), 1.0),
)

_temperature = st.components.v2.component(
    "rnnviz_temperature",
    html=component("temperature.html"),
    css=component("temperature.css"),
    js=component("temperature.js"),
)
# The colours of the 32 shades of surprise in sampler_text.js
_SHADES = "\n".join(
    f"::highlight(rnnviz-{n}) {{ background-color: rgb(213 94 0 / {0.78 * n / 32:.3f}); }}"
    for n in range(1, 33)
)
_sampler = st.components.v2.component(
    "rnnviz_sampler",
    html='<div class="root"></div>',
    css=f"{component('sampler.css')}\n{_SHADES}",
    js=component("sampler.js"),
)


def controls(first: RunInfo) -> tuple[str, int, SamplingOptions]:
    """Prompt, length and cuts from the sidebar; `first` is the model that suggests a prompt."""
    state = st.session_state
    if "prompt" not in state or state["prompt"] in builtin.PROMPTS.values():
        state["prompt"] = builtin.PROMPTS.get(first.corpus, "The ")
    state["prompt"] = state["prompt"][:MAX_PROMPT]
    with st.sidebar:
        st.text_area(
            "Prompt",
            key="prompt",
            height=100,
            max_chars=MAX_PROMPT,
            help="What the models go on from. Empty: a random token. Ctrl+Enter applies it.",
        )
        st.slider("Length, tokens", *LENGTHS, step=50, key="length")
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.number_input("Seed of the noise", 0, 2**31 - 1, key="seed")
        right.button(
            "",
            icon=":material/casino:",
            key="dice",
            on_click=_roll,
            help="Another seed",
            width="stretch",
        )
        left, right = st.columns(2)
        left.number_input("Top-k (0: all)", 0, 10**6, key="top_k")
        right.number_input("Top-p (1: all)", 0.01, 1.0, step=0.05, key="top_p")
    page.keep(*(field.key for field in ADDRESS))
    top_p = None if math.isclose(state["top_p"], 1) else state["top_p"]
    cuts = SamplingOptions(state["seed"], state["top_k"] or None, top_p)
    return state["prompt"], state["length"], cuts


def _roll() -> None:
    st.session_state["seed"] = (st.session_state["seed"] * 1_103_515_245 + 12_345) % 2**31


def slider() -> float:
    """The live slider; a release stores its temperature in the session and the address."""
    state = st.session_state

    def store() -> None:
        state["T"] = float(state["temperature"]["temperature"])
        sidebar.ours()

    _temperature(key="temperature", data=state["T"], on_temperature_change=store)
    return state["T"]


def said(
    infos: Sequence[RunInfo], prompt: str, length: int, cuts: SamplingOptions, fixed=()
) -> list[RunSweep]:
    """The sweep of each run, from memory where it was made before, with its progress.

    `fixed`: of a fork, the tokens that every run has been given after the prompt, by run.
    """
    found = []
    page.say_unknown({token for info in infos for token in info.vocab.unknown(prompt)})
    for n, info in enumerate(infos):
        path, changed = page.stamp(info)
        given = fixed[n] if fixed else ()

        def make(info=info, path=path, changed=changed, given=given) -> RunSweep:
            run = page.run(path, changed)
            one_core()
            if len(run.vocab) <= sweeps.MANY_TOKENS:
                return sweeps.sweep_run(run, prompt, length, cuts, given)
            text = f"{info.name} is writing at {len(sweeps.TEMPERATURES)} temperatures"
            bar = st.progress(0.0, text)
            try:
                return sweeps.sweep_run(run, prompt, length, cuts, given, bar.progress)
            finally:
                bar.empty()

        found.append(_remembered((path, changed, prompt, length, cuts, given), make))
    return found


@st.cache_resource
def _memory() -> tuple[OrderedDict, threading.Lock]:
    return OrderedDict(), threading.Lock()


def _remembered(key: tuple, make) -> RunSweep:
    """What was made for a key, the last KEPT of all sessions. Streamlit's own cache would replay
    the progress bar."""
    memory, lock = _memory()
    with lock:
        if key in memory:
            memory.move_to_end(key)
            return memory[key]
    made = make()
    with lock:
        memory[key] = made
        while len(memory) > KEPT:
            memory.popitem(last=False)
    return made


def texts(originals: Sequence[RunSweep], forks: Sequence[RunSweep], cuts: SamplingOptions) -> None:
    """Texts, bars and entropy of the runs, which follow the slider."""
    state, both = st.session_state, (originals, forks)

    def fork() -> None:
        m, version, row, place, token = state["generated"]["fork"]
        chosen = both[version][m]
        given = sweeps.forked(chosen, row, place, token)
        vocab = chosen.info.vocab
        of = [sweeps.translated(vocab, given, other.info.vocab) for other in originals]
        state["fork"] = (_situation(originals, cuts), of)

    def ask() -> None:
        state["asked"] = state["generated"]["ask"]

    def dismiss() -> None:
        state.pop("fork", None)

    _sampler(
        key="generated",
        data=sweep_message.pack(originals, forks, page.is_dark()),
        on_fork_change=fork,
        on_ask_change=ask,
        on_dismiss_change=dismiss,
    )
    asked = state.pop("asked", None)
    if asked:
        m, version, row, place = asked
        chosen = both[version][m]
        run = page.run(*page.stamp(chosen.info))
        state["answer"] = [*asked, *sweeps.likeliest(run, chosen, row, place, cuts)]
    if "answer" in state:
        components.tell("answer", state["answer"])


def fork_of(originals: Sequence[RunSweep], cuts: SamplingOptions) -> list[tuple[int, ...]]:
    """The tokens that a fork gives each run, [] without a fork of what is shown now."""
    situation, given = st.session_state.get("fork", (None, []))
    return given if situation == _situation(originals, cuts) else []


def _situation(originals: Sequence[RunSweep], cuts: SamplingOptions) -> tuple:
    """What a fork belongs to: with another prompt, seed or model it is gone."""
    return cuts, tuple((said.info.name, said.prompt) for said in originals)
