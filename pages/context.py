"""What of the past matters: how much of it, in which order, and what a state is worth."""

import re
from collections.abc import Sequence

import streamlit as st

from rnnviz.analysis import context_use, word_order
from rnnviz.analysis.context_curve import BEYOND
from rnnviz.analysis.past import LONGEST
from rnnviz.app import address, caches, components, context, page, sidebar, state, terms
from rnnviz.app.address import Field
from rnnviz.figures import comparison, order_message, past_message
from rnnviz.figures import context as figures
from rnnviz.figures.context import ModelUse
from rnnviz.figures.order_message import Costs


def an_order(text: str) -> str:
    """A parser of numbers between commas; it raises ValueError for any other text."""
    if not re.fullmatch(r"\d{1,3}(,\d{1,3})*", text):
        raise ValueError(text)
    return text


FIELDS = (
    Field("beyond", state.BEYOND, address.one_of(BEYOND), BEYOND[0]),
    Field("from", state.PAST_PLACE, address.number(int, 0, 10**6)),
    Field("words", state.WORD_ORDER, an_order),
)

page.start_page("Context")
terms.intro(
    "What comes next depends on what was before, but not on all of it. How far back a model looks "
    "is a matter of the text and of the model.",
    "nats",
    "half-life",
)
choice = sidebar.sidebar(also=FIELDS)
dark = page.is_dark()
names = comparison.names(choice.runs)
session = st.session_state
pieces = word_order.pieces(choice.text)
if len(choice.text.rstrip()) > len(pieces.text(range(len(pieces.pieces)))):
    st.info(
        f"The text is long: below, its last {LONGEST} tokens and its first {word_order.MOST} words "
        "are shown, the others are left out."
    )


@address.fragment(FIELDS)
def curves() -> None:
    st.segmented_control(
        "What lies further back",
        BEYOND,
        key=state.BEYOND,
        **state.KEEP,
        required=True,
        format_func=context.MODES.__getitem__,
    )
    beyond = session[state.BEYOND]
    asked = None
    with page.sentences():
        asked = context.ask(choice.runs, choice.text, beyond)
    page.show_sentence()
    if asked is None:
        return

    def draw(models: Sequence[ModelUse], losses: context.Losses) -> None:
        page.chart(figures.context(models, losses, names), state.CONTEXT_FIGURE)
        if models:
            st.markdown(page.plain(context.in_words(models, losses)))

    context.live(asked, dark, draw)
    st.caption(
        f"{context.MEANING[beyond]} Each point is the mean loss of {context_use.POSITIONS} tokens, "
        "the same ones, of validation text, with its standard error. Below, two measures of memory "
        "that know nothing of each other: a dot where the loss is within one standard error of the "
        "end, a diamond where half of the gradient is left. "
        f"{page.plain(page.cue_note(choice.runs, 'left out'))} "
        f"{page.plain(context.steps_note(asked))}"
    )


@address.fragment(FIELDS)
def past() -> None:
    st.subheader("The next token, by what is known of your text")
    with page.sentences():
        pasts = [caches.past(info, choice.text) for info in choice.runs]
        message = past_message.pack(pasts, names, session.get(state.PAST_PLACE), dark)

        def known_from(place: int | None) -> None:
            session[state.PAST_PLACE] = place

        components.past(message, past_message.height(message), known_from)
        st.caption(
            "Drag: only the tokens that are not struck out are read, from a state of zeros. Bars: "
            "the likeliest next tokens. Line: how much of the probability is not where the whole "
            "text puts it, by the number of tokens read; where it is flat, more past changes "
            "nothing."
        )
    page.show_sentence()


@address.fragment(FIELDS)
def words() -> None:
    st.subheader("The same words in another order")
    every = list(range(len(pieces.pieces)))
    order = order_of(every)

    def move(order: list[int]) -> None:
        session[state.WORD_ORDER] = None if order == every else ",".join(map(str, order))

    with page.sentences():
        costs = [
            Costs(
                name,
                caches.piece_nats(info, pieces, every),
                caches.piece_nats(info, pieces, order),
            )
            for info, name in zip(choice.runs, names, strict=True)
        ]
        message = order_message.pack(order, costs)
        height = order_message.height(pieces.pieces, len(costs))
        components.order(message, height, move)
        st.caption(
            "Drag a word elsewhere, or move it with Alt and an arrow key. Colour: what each "
            f"token costs the {page.plain(names[0])}. Number: the nats of the word, in brackets "
            "those in the text as it was. A sequence is no bag of words: another order of the same "
            "ones has another probability. A text's first token is not predicted and costs nothing."
        )
    page.show_sentence()


def order_of(every: list[int]) -> list[int]:
    """The order that was chosen for this text, or that of a link."""
    if session.setdefault(state.ORDERED, choice.text) != choice.text:
        session[state.ORDERED], session[state.WORD_ORDER] = choice.text, None
    written = session.get(state.WORD_ORDER)
    try:
        return word_order.checked_order(written.split(","), len(every)) if written else every
    except ValueError:
        session[state.WORD_ORDER] = None
        return every


curves()
past()
words()
address.write(FIELDS)
