"""The sidebar of every page: models, text and layer, which the address keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import streamlit as st

from rnnviz.analysis import text_view
from rnnviz.analysis.text_view import View
from rnnviz.app import address, caches, components, page, presets, state, texts
from rnnviz.app.address import MAX_RUNS, Field
from rnnviz.app.navigation import MODELS, Page
from rnnviz.app.state import KEEP, Choice
from rnnviz.app.values import give, kept_labels
from rnnviz.data.builtin import EXAMPLES
from rnnviz.runs.info import RunError, RunInfo

CHOICES = (state.RUNS, state.TEXT, state.LAYER)
YOUR_TEXT = "typed"  # among the example texts


def show_on(target: Page, names: Sequence[str]) -> NoReturn:
    """Go to a page with these models chosen. A text that is an example becomes the one that suits
    them."""
    session, names = st.session_state, list(names)[:MAX_RUNS]
    session[state.RUNS], session[state.MISSING] = names, []
    if not session.get(state.TEXT):
        texts.suggest("")
    known = caches.run_list(names)
    texts.follow([known[name] for name in names if name in known])
    st.switch_page(target.file)


def sidebar(
    text: bool = True,
    also: Sequence[Field] = (),
    settle: Callable[[RunInfo], None] = lambda first: None,
) -> Choice:
    """Models, text and layer; they stay the same on all pages and are in the address.

    Without `text` only the models are asked for. `also`: what else of a page the address keeps;
    `settle` makes those of its values that depend on the first model. Stops the page where there
    is nothing to show.
    """
    session = st.session_state
    known = caches.run_list([*address.named(), *session.get(state.RUNS, [])])
    if not known:
        st.info("There is no trained run yet: `python -m rnnviz train --corpus python-source`.")
        st.stop()
    address.read(known, also)
    _set_values(known, also)
    _say_missing()
    chosen = tuple(known[name] for name in session[state.RUNS])
    texts.settle(chosen)
    with st.sidebar:
        presets.pick(known)
        _pick_models(known)
        if text:
            _pick_text(chosen)
            _pick_layer(max((info.model["num_hidden_layers"] for info in chosen), default=1))
        device = st.empty()
        components.close_sidebar(repr([session[key] for key in CHOICES if key in session]))
    if chosen:
        settle(chosen[0])
    layer = session[state.LAYER] - 1
    names = [*session[state.RUNS], *session[state.MISSING]]
    address.show(names, session[state.TEXT] if text else None, layer)
    if not chosen:
        st.info("Choose at least one model in the sidebar.")
        address.stop(also)
    if text and not session[state.TEXT]:
        st.info("The text is empty: type one or choose an example in the sidebar.")
        address.stop(also)
    return Choice(chosen, session[state.TEXT], layer, device)


def _set_values(known: Mapping[str, RunInfo], also: Sequence[Field]) -> None:
    """Give the widgets their values before they are drawn, as `state` says."""
    session = st.session_state
    for field in also:
        if field.usual is not None:
            give(field.key, session.get(field.key, field.usual))
    usual = [name for name in presets.USUAL.runs if name in known] or list(known)[:MAX_RUNS]
    missing = session.get(state.MISSING, [])
    named = [*session.get(state.RUNS, usual), *missing]  # one may have been brought meanwhile
    give(state.RUNS, [name for name in named if name in known][:MAX_RUNS])
    session[state.MISSING] = [name for name in missing if name not in known]
    if state.TEXT not in session:
        first = session[state.RUNS][:1]
        texts.suggest(texts.fitting(known[first[0]]) if first else presets.USUAL.text)
    give(state.TEXT, session[state.TEXT])
    give(state.LAYER, session.get(state.LAYER, 1))


def _say_missing() -> None:
    """Say which models a link names that are not here, until others are chosen."""
    missing = st.session_state[state.MISSING]
    if not missing:
        return
    names = ", ".join(page.plain(name[:100]) for name in missing)
    is_there, it = ("is not", "it") if len(missing) == 1 else ("are not", "them")
    st.warning(
        f"This link names {names}, which {is_there} among the models here: add {it} on the "
        "Models page, or choose another model in the sidebar."
    )
    st.page_link(MODELS.file, label="Add a model", icon=MODELS.icon)


def _pick_models(known: Mapping[str, RunInfo]) -> None:
    """The list of models. There is always room for one more: it takes the last one's place."""
    session, labels = st.session_state, kept_labels(state.RUNS, page.labels(known.values()))
    st.multiselect(
        "Models shown",
        page.by_corpus(known),
        key=state.RUNS,
        **KEEP,
        format_func=lambda name: page.tag(labels[name]),
        on_change=_follow_models,
        args=(known, labels),
        help="Cell type, corpus and validation loss in nats a token. Up to four are shown: a fifth "
        "takes the place of the last.",
    )
    if swapped := session.pop(state.SWAPPED, ""):
        st.caption(page.plain(swapped))


def _follow_models(known: Mapping[str, RunInfo], labels: Mapping[str, str]) -> None:
    """Other models were chosen: a fifth takes the fourth one's place, an example follows them."""
    session = st.session_state
    session[state.MISSING] = []
    chosen = session[state.RUNS]
    if len(chosen) > MAX_RUNS:
        gone, new = chosen[MAX_RUNS - 1], chosen[-1]
        session[state.RUNS] = [*chosen[: MAX_RUNS - 1], new]
        session[state.SWAPPED] = f"{labels[new]} took the place of {labels[gone]}."
    texts.follow([known[name] for name in session[state.RUNS]])


def _pick_text(chosen: Sequence[RunInfo]) -> None:
    """The text, and those that a model shown knows: examples, and what was typed before."""
    session = st.session_state
    st.text_area(
        "Text",
        key=state.TEXT,
        **KEEP,
        height=150,
        help="Your own text. Ctrl+Enter applies it.",
    )
    text, typed = session[state.TEXT], session.get(state.TYPED, "")
    titles = {name: title for name, (title, of) in EXAMPLES.items() if texts.known_to(chosen, of)}
    if typed and typed != text:
        titles |= {YOUR_TEXT: f"Your text: {' '.join(typed.split())[:30]}"}
    give(state.EXAMPLE, next((name for name in titles if _text_of(name) == text), None))
    st.selectbox(
        "Example texts",
        list(titles),
        index=None,
        key=state.EXAMPLE,
        format_func=titles.__getitem__,
        placeholder="Choose an example",
        on_change=_take_example,
    )


def _text_of(name: str) -> str:
    return st.session_state[state.TYPED] if name == YOUR_TEXT else EXAMPLES[name][1]


def _take_example() -> None:
    session = st.session_state
    if session[state.EXAMPLE]:
        session[state.TEXT] = _text_of(session[state.EXAMPLE])


def _pick_layer(depth: int) -> None:
    """The layer shown, from 1; the control is disabled where no model has more than one."""
    give(state.LAYER, min(max(st.session_state[state.LAYER], 1), depth))
    st.selectbox(
        "Layer",
        range(1, depth + 1),
        key=state.LAYER,
        **KEEP,
        disabled=depth == 1,
        help="Layer 1 reads the text; the last layer makes the prediction.",
    )


def shown(choice: Choice) -> list[View]:
    """Each chosen run on the text, in the order of the sidebar; stops the page where there is
    none. Says what cannot be shown, what no vocabulary has and what of a long text is left out."""
    views = [view for view in _views(choice) if view.tokens]
    if not views:
        st.info("The text has no token: words are letters, digits and punctuation marks.")
        st.stop()
    for view in views:
        if not view.is_finite:
            st.warning(
                f"{page.plain(view.info.name)} is not shown: its states are no longer finite "
                "numbers on this text."
            )
    views = [view for view in views if view.is_finite]
    if not views:
        st.stop()
    page.say_unknown({token for view in views for token in view.unknown})
    left_out = max(view.left_out for view in views)
    if left_out:
        st.info(
            f"The text is long: its first {text_view.MAX_TOKENS:,} tokens are shown, "
            f"{left_out:,} characters are left out."
        )
    devices = {view.device for view in views}
    choice.device.caption(f"Device: {', '.join(devices)}")
    return views


def _views(choice: Choice) -> list[View]:
    try:
        return [caches.view(info, choice.text, choice.layer) for info in choice.runs]
    except FileNotFoundError as error:
        gone = page.plain(str(error.filename))
        st.error(f"{gone} is no longer there: choose another model in the sidebar.")
    except RunError as error:
        st.error(f"{page.plain(str(error))}.")
    st.stop()
