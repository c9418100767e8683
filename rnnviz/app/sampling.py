"""The Sampling page: its controls, the sweeps of its models, forks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnnviz._process import compute_slot, one_core
from rnnviz.analysis import sweeps
from rnnviz.analysis.sweeps import RunSweep, SamplingOptions
from rnnviz.app import caches, components, page, state, texts
from rnnviz.app.address import Field, is_open, number
from rnnviz.app.state import KEEP
from rnnviz.app.values import give
from rnnviz.data.builtin import PROMPTS
from rnnviz.figures import sweep_message
from rnnviz.runs.info import RunInfo

LENGTHS = (50, 1000)
MAX_PROMPT = 20_000
MAX_SEED = 2**31 - 1
USUAL_PROMPT = "The "  # for models of no built-in corpus


ADDRESS = (
    Field("prompt", state.PROMPT, lambda text: text[:MAX_PROMPT]),
    Field("temperature", state.TEMPERATURE, number(float, 0, 2), 1.0),
    Field("length", state.LENGTH, number(int, *LENGTHS), 400),
    Field("seed", state.SEED, number(int, 0, MAX_SEED), 0),
    Field("top_k", state.TOP_K, number(int, 0, 10**6), 0),
    Field("top_p", state.TOP_P, number(float, 0.01, 1), 1.0),
    is_open(state.DOWNLOADS, "downloads"),
)


def suggest_prompt(first: RunInfo) -> None:
    """Until one is typed, the prompt is one that suits the first model."""
    session = st.session_state
    prompt = session.get(state.PROMPT)
    if (
        prompt is None
        or prompt == session.get(state.SUGGESTED_PROMPT)
        or prompt in PROMPTS.values()
    ):
        corpus = texts.corpus_of(first)
        prompt = corpus.prompt if corpus and corpus.prompt else USUAL_PROMPT
        session[state.SUGGESTED_PROMPT] = prompt
    give(state.PROMPT, prompt[:MAX_PROMPT])


def controls() -> tuple[str, int, SamplingOptions]:
    """Prompt, length and options from the sidebar."""
    session = st.session_state
    with st.sidebar:
        st.text_area(
            "Prompt",
            key=state.PROMPT,
            **KEEP,
            height=100,
            max_chars=MAX_PROMPT,
            help="The text that models continue. Empty: a random token. Ctrl+Enter applies it.",
        )
        st.slider("Length, tokens", *LENGTHS, step=50, key=state.LENGTH, **KEEP)
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        left.number_input("Seed of the noise", 0, MAX_SEED, key=state.SEED, **KEEP)
        right.button(
            "",
            icon=":material/casino:",
            key=state.DICE,
            on_click=_roll,
            help="Another seed",
            width="stretch",
        )
        left, right = st.columns(2)
        left.number_input("Top-k (0: all)", 0, 10**6, key=state.TOP_K, **KEEP)
        right.number_input("Top-p (1: all)", 0.01, 1.0, step=0.05, key=state.TOP_P, **KEEP)
    top_p = None if math.isclose(session[state.TOP_P], 1) else session[state.TOP_P]
    options = SamplingOptions(session[state.SEED], session[state.TOP_K] or None, top_p)
    return session[state.PROMPT], session[state.LENGTH], options


def _roll() -> None:
    session = st.session_state
    session[state.SEED] = (session[state.SEED] * 1_103_515_245 + 12_345) % 2**31


def slider() -> tuple[float, DeltaGenerator]:
    """The live slider, which stays in view above the texts, and a place below it that says what
    is computed. On release its temperature goes into the session and the address."""
    session = st.session_state

    def store(temperature: float) -> None:
        session[state.TEMPERATURE] = temperature

    with st.container(key=state.STAYS, gap=None):
        components.temperature(session[state.TEMPERATURE], store)
        busy = st.empty()
    return session[state.TEMPERATURE], busy


def sweep_runs(
    infos: Sequence[RunInfo],
    prompt: str,
    length: int,
    options: SamplingOptions,
    busy: DeltaGenerator,
    fixed: Sequence[tuple[int, ...]] = (),
) -> list[RunSweep]:
    """The sweep of each run; that of a large vocabulary shows its progress in the place `busy`,
    all others are computed side by side, one a core.

    Texts that are shown stay meanwhile: they would go if what is drawn before them changed in
    number. `fixed`: in a fork, the tokens that each run is given after the prompt.
    """
    page.say_unknown({token for info in infos for token in info.vocab.unknown(prompt)})
    todo = []
    for info, given in zip(infos, fixed or [()] * len(infos), strict=True):
        asked = prompt, length, options, given
        make = partial(_sweep, info, *asked)
        todo.append((info, (*caches.stamp(info), *asked), make))
    with ThreadPoolExecutor() as pool:
        begun = [
            pool.submit(caches.sweep, key, partial(_on_a_free_core, make))
            if len(info.vocab) <= sweeps.MANY_TOKENS
            else None
            for info, key, make in todo
        ]
        return [
            future.result() if future else caches.sweep(key, partial(_in_view, info, make, busy))
            for future, (info, key, make) in zip(begun, todo, strict=True)
        ]


def _sweep(info: RunInfo, *asked, **more) -> RunSweep:
    """Loads the run, which a sweep that is kept does not need."""
    return sweeps.sweep_run(caches.run(info), *asked, **more)


def _on_a_free_core(make: Callable[..., RunSweep]) -> RunSweep:
    with compute_slot():
        return make()


def _in_view(info: RunInfo, make: Callable[..., RunSweep], busy: DeltaGenerator) -> RunSweep:
    one_core()
    text = f"{page.plain(info.name)} is writing at {len(sweeps.TEMPERATURES)} temperatures"
    bar = busy.progress(0.0, text)
    try:
        return make(on_progress=partial(bar.progress, text=text))
    finally:
        busy.empty()


def show_texts(
    originals: Sequence[RunSweep], forks: Sequence[RunSweep], options: SamplingOptions
) -> None:
    """Texts, bars and entropy of the runs, which follow the slider."""
    session, versions = st.session_state, (originals, forks)

    def fork(model: int, version: int, row: int, place: int, token: int) -> None:
        chosen = versions[version][model]
        given = sweeps.forked(chosen, row, place, token)
        vocab = chosen.info.vocab
        of_each = [sweeps.translated(vocab, given, other.info.vocab) for other in originals]
        session[state.FORK] = (_situation(originals, options), of_each)

    def ask(question: list[int] | None) -> None:
        session[state.ASKED] = question

    def dismiss() -> None:
        session.pop(state.FORK, None)

    message = sweep_message.pack(originals, forks, page.is_dark())
    height = sweep_message.height(originals, forks)
    components.sampler(message, height, fork, ask, dismiss)
    components.tell("written", time.monotonic())
    if asked := session.pop(state.ASKED, None):
        model, version, row, place = asked
        chosen = versions[version][model]
        answer = sweeps.likeliest(caches.run(chosen.info), chosen, row, place, options)
        session[state.ANSWER] = [*asked, *answer]
    if state.ANSWER in session:
        components.tell("answer", session[state.ANSWER])


def fork_of(originals: Sequence[RunSweep], options: SamplingOptions) -> list[tuple[int, ...]]:
    """The tokens that a fork gives each run; [] without a fork of what is shown now."""
    situation, given = st.session_state.get(state.FORK, (None, []))
    return given if situation == _situation(originals, options) else []


def _situation(originals: Sequence[RunSweep], options: SamplingOptions) -> tuple:
    """What a fork belongs to: it ends with another prompt, option or model."""
    return options, tuple((sweep.info.name, sweep.prompt) for sweep in originals)
