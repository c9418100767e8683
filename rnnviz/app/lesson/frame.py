"""The frame of the lesson: which stop is shown, and its parts around its figure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnnviz._paths import component
from rnnviz.app import address, caches, components, navigation, page, state, terms
from rnnviz.app.address import Field
from rnnviz.app.lesson import texts
from rnnviz.app.lesson.stop import Stop
from rnnviz.app.lesson.stops import STOPS, beside, nearest
from rnnviz.app.lesson.texts import StopText
from rnnviz.app.state import KEEP
from rnnviz.app.values import give

STOP_FIELD = Field("stop", state.STOP, int, min(STOPS))
FIELDS = (STOP_FIELD, *(field for stop in STOPS.values() for field in stop.fields))
REACHED, OPEN = ":green[:material/check_circle:]", ":gray[:material/radio_button_unchecked:]"
RIGHT = ":green[:material/check_circle:] **Right.**"
WRONG = ":orange[:material/cancel:] **Not quite.**"
MOST_SEEN = 400  # settings of a stop that are remembered
TOP_HEIGHT, MORE_WIDTH, STEP_WIDTH = 34, 150, 90  # pixels


def _leave_or_return() -> None:
    """Go to the full page that was asked for; without one, a person is here, or back."""
    session = st.session_state
    if state.LEAVING in session:
        st.switch_page(session.pop(state.LEAVING))
    session.pop(state.LEFT_AT, None)


def begin() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The page's title and look; the places of the list of stops and of the stop.

    A browser that has not been here fetches the code that applies styles only when it meets one, so
    that styles come after what they are for. What has a place on the screen from the start (heights
    of the first rows, widths of buttons, gaps) is therefore given to Streamlit. The title is for
    those who hear the page: the list of pages shows where one is."""
    _leave_or_return()
    st.html(f"<style>{component('lesson.css')}</style>")
    body = st.container(key=state.LESSON_BODY, gap="xsmall")
    title = body.container(key=state.LESSON_TITLE, height=1, border=False)
    top = body.container(height=TOP_HEIGHT, border=False)
    with body:
        page.start_page("Lesson", title)
    return top, body


def pick_stop() -> int:
    """The stop that the address or the session says, or the nearest one that there is."""
    session = st.session_state
    address.read(caches.run_list(), FIELDS)
    asked = session.setdefault(state.STOP, STOP_FIELD.usual)
    number = session[state.STOP] = nearest(asked)
    if number != asked:
        page.say_once(f"The lesson has no stop {asked}: this is stop {number}.")
    is_new = session.get(state.STOP_DRAWN) != number
    session[state.STOP_DRAWN] = number
    for field in STOPS[number].fields:
        give(field.key, session.get(field.key, field.usual), is_new)
    address.show([], None, 0)
    return number


def show(number: int, top: DeltaGenerator, body: DeltaGenerator) -> None:
    """A stop: what to predict and to move, its figure, what is checked, its point. The list of
    stops is drawn into `top` first, so that it moves nothing, and once more with a new mark."""
    stop, text, was_done = STOPS[number], texts.read(number), _is_done(number)
    with top:
        _stepper(number)
    with body:
        _heading(number, stop, text)
        words, picture = st.columns([2, 3], gap="medium")
    with words, st.container(key=state.LESSON_WORDS, gap="xsmall"):
        _predict(number, text)
        st.markdown(f"**Move.** {text.move}")
    checked = words.container(key=state.LESSON_CHECK)
    with picture, st.container(key=state.LESSON_FIGURE, gap="xsmall"):
        _figure(number, stop, text, checked)
    with body:
        _point(number, text)
    with top:
        components.lesson_keys(state.BACK, state.NEXT)
        address.write((STOP_FIELD, *stop.fields))
    if _is_done(number) and not was_done:
        st.rerun()


def _figure(number: int, stop: Stop, text: StopText, checked: DeltaGenerator) -> None:
    """The figure with its controls, and before it, into `checked`, how far its goals are reached by
    now; without the models that it needs there is neither."""
    known = caches.run_list(stop.runs)
    if missing := [name for name in stop.runs if name not in known]:
        st.info(f"This figure needs {' and '.join(missing)}, which ships with rnnviz: not here.")
        return

    def check(now: Hashable) -> Sequence[Hashable]:
        shown = _remembered(number, now)
        lines = (
            f"- {REACHED if goal.is_met else OPEN} {goal.sentence}" for goal in stop.goals(shown)
        )
        checked.markdown("\n".join(("**Check.**\n", *lines)))
        return shown

    stop.draw(page.is_dark(), check)
    st.caption(text.caption)


def _heading(number: int, stop: Stop, text: StopText) -> None:
    """Title of the stop, its full page, and the way to the stops beside it."""
    before, after = beside(number)
    with st.container(key=state.LESSON_HEADING, horizontal=True, vertical_alignment="center"):
        st.subheader(f"{number} · {text.title}", width="stretch", anchor=False)
        _leave(number, stop, navigation.at(text.page))
        st.button(
            "Back",
            key=state.BACK,
            icon=":material/arrow_back:",
            shortcut="PageUp",
            width=STEP_WIDTH,
            help="Page Up",
            disabled=before is None,
            on_click=_go,
            args=(before,),
        )
        st.button(
            "Next",
            key=state.NEXT,
            icon=":material/arrow_forward:",
            icon_position="right",
            shortcut="PageDown",  # a presenter's remote control sends it
            width=STEP_WIDTH,
            help="Page Down",
            disabled=after is None,
            type="secondary" if after is None else "primary",
            on_click=_go,
            args=(after,),
        )


def _go(number: int | None) -> None:
    st.session_state[state.STOP] = number


def _predict(number: int, text: StopText) -> None:
    with st.container(key=state.QUESTION):
        terms.intro(f"**Predict.** {text.question}", *text.words)
    key = state.prediction(number)
    st.radio(
        text.question,
        range(len(text.answers)),
        index=None,
        key=key,
        **KEEP,
        format_func=lambda n: text.answers[n].text,
        label_visibility="collapsed",
    )
    chosen = st.session_state[key]
    if chosen is not None:
        answer = text.answers[chosen]
        verdict = RIGHT if answer.is_right else WRONG
        st.markdown(f"{verdict} {answer.reply}")


def _remembered(number: int, now: Hashable) -> Sequence[Hashable]:
    """All that the figure of a stop showed in this session, what it shows now last."""
    seen = st.session_state.setdefault(state.SEEN, {})
    others = [one for one in seen.get(number, []) if one != now]
    seen[number] = [*others, now][-MOST_SEEN:]
    return seen[number]


def _point(number: int, text: StopText) -> None:
    """The point, once the goals are reached or when it is asked for."""
    shown = st.session_state.setdefault(state.POINTS, set())
    if _is_done(number):
        shown.add(number)
    if number not in shown:
        st.button("Show the point", key=state.point(number), on_click=shown.add, args=(number,))
        return
    with st.container(key=state.LESSON_POINT):
        words, formula = st.columns([3, 2], gap="medium", vertical_alignment="center")
    words.markdown(f"**The point.** {text.point}")
    formula.latex(text.formula)


def _leave(number: int, stop: Stop, target: navigation.Page) -> None:
    session = st.session_state

    def left() -> None:
        stop.leave()
        session[state.LEFT_AT], session[state.LEAVING] = number, target.file

    label = f"More: {target.title}"
    st.button(
        label, key=state.LEAVE, icon=target.icon, type="tertiary", width=MORE_WIDTH, on_click=left
    )


def _stepper(number: int) -> None:
    """All stops, those that are done with a mark."""
    labels = {known: _label(known) for known in sorted(STOPS)}
    give(state.STEPPER, number)
    st.segmented_control(
        "Stop",
        list(labels),
        key=state.STEPPER,
        format_func=labels.__getitem__,
        required=True,
        on_change=_jump,
        label_visibility="collapsed",
        wrap=False,
        width="stretch",
    )


def _is_done(number: int) -> bool:
    """Whether all its goals were reached in this session."""
    seen = st.session_state.get(state.SEEN, {}).get(number, [])
    return bool(seen) and all(goal.is_met for goal in STOPS[number].goals(seen))


def _label(number: int) -> str:
    mark = ":material/check: " if _is_done(number) else ""
    return f"{mark}{number} :small[{texts.read(number).short}]"


def _jump() -> None:
    number = st.session_state[state.STEPPER]
    if number is not None:  # the browser drops a choice whose label gets its mark meanwhile
        _go(number)
