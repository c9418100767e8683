"""The components written in JavaScript, each declared once, and what a click in them does.

Data is bytes or a list: Streamlit imports pandas, for half a second, to look at anything else.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from rnnviz._paths import component, styles
from rnnviz.analysis.text_view import View
from rnnviz.app import state
from rnnviz.figures import (
    chain_message,
    circuit_message,
    film_message,
    heatmap_height,
    picture_message,
    products_message,
    shapes_message,
    unrolled_message,
    windows_message,
)

UNSEEN = 1  # pixels: of a component that draws nothing, which would first take 40
# The colours of the 32 shades of surprise in sampler_text.js
_SHADES = "\n".join(
    f"::highlight(rnnviz-{n}) {{ background-color: rgb(213 94 0 / {0.78 * n / 32:.3f}); }}"
    for n in range(1, 33)
)
_SHADES += "\n::highlight(rnnviz-uncounted) { color: var(--muted); }"


def _drawing(name: str, *css: str, more: str = "") -> Callable[..., object]:
    """A component that draws into its root, by its script's name; `css`: files of its styles, and
    `more` of them."""
    return st.components.v2.component(
        f"rnnviz_{name}",
        html='<div class="root"></div>',
        css=f"{styles(*css)}\n{more}",
        js=component(f"{name}.js"),
    )


_heatmaps = _drawing("heatmaps", "heatmaps.css")
_cell = _drawing("cell", "heatmaps.css", "cell.css")
_circuit = _drawing("circuit", "heatmaps.css", "cell.css", "circuit.css")
_unrolled = _drawing("unrolled", "root.css", "slider.css", "unrolled.css")
_products = _drawing("products", "root.css", "slider.css", "chart.css", "products.css")
_chain = _drawing("chain", "root.css", "slider.css", "chart.css", "chain.css")
_past = _drawing("past", "root.css", "slider.css", "past.css")
_order = _drawing("order", "root.css", "order.css")
_windows = _drawing("windows", "root.css", "slider.css", "windows.css")
_shapes = _drawing("shapes", "root.css", "slider.css", "truth_mark.css", "shapes.css")
_picture = _drawing("picture", "root.css", "editor.css", "picture.css")
_film = _drawing("film", "root.css", "editor.css", "truth_mark.css", "film.css")
_sampler = _drawing("sampler", "sampler.css", more=_SHADES)
_address = st.components.v2.component("rnnviz_address", js=component("address.js"))
_reveal = st.components.v2.component("rnnviz_reveal", js=component("reveal.js"))
_lesson_keys = st.components.v2.component("rnnviz_lesson_keys", js=component("lesson_keys.js"))
_close_sidebar = st.components.v2.component(
    "rnnviz_close_sidebar", js=component("close_sidebar.js")
)
_tell = st.components.v2.component("rnnviz_tell", js=component("tell.js"))
_temperature = st.components.v2.component(
    "rnnviz_temperature",
    html=component("temperature.html"),
    css=component("temperature.css"),
    js=component("temperature.js"),
)


def heatmaps(
    message: bytes,
    shown: Sequence[View],
    key: str,
    rows: str = "unit",
    unit_detail: str = "",
    place_detail: str = "",
) -> None:
    """Draw a message of `heatmap_message.pack`.

    A click on a token chooses its place in the text. A click on a cell chooses the place, the run
    and the unit; where `rows` is "loss", only the place of the token whose loss the row is.
    `unit_detail`, `place_detail`: key of the element that shows the chosen unit or place; a click
    brings it into view.
    """
    session = st.session_state

    def cell(run: int, row: int, place: int) -> None:
        if rows == "loss":
            session[state.PLACE] = int(shown[run].spans[row - 1, 0])
        else:
            name = session[state.UNIT_RUN] = shown[run].info.name
            session.setdefault(state.UNITS, {})[name] = row
            session[state.PLACE] = place
        reveal(unit_detail or place_detail)

    def token(place: int) -> None:
        session[state.PLACE] = place
        reveal(place_detail)

    _draw_heatmaps(message, key, cell, token)
    show_revealed()


def task_heatmaps(message: bytes, key: str, on_step: Callable[[int], None]) -> None:
    """Draw a message of `shape_heatmaps`. `on_step(step)`: a token or a cell of this step was
    chosen."""
    _draw_heatmaps(message, key, lambda run, row, step: on_step(step), on_step)


def _draw_heatmaps(
    message: bytes,
    key: str,
    on_cell: Callable[[int, int, int], None],
    on_token: Callable[[int], None],
) -> None:
    """`on_cell(model, row, place)` and `on_token(place)`: one was chosen."""
    _heatmaps(
        key=key,
        data=message,
        height=heatmap_height.height(message),
        on_unit_change=_taken(key, "unit", lambda chosen, _: on_cell(*chosen)),
        on_token_change=_taken(key, "token", lambda place, _: on_token(place)),
    )


def _taken(key: str, name: str, take: Callable[[Any, int], None]) -> Callable[[], None]:
    """What is called when a value that a component sent has changed: `take(value, number)`. Each
    has a number, or its time, of its own: Streamlit takes a value that it has got before for no
    change.

    A component that was gone for a while knows nothing of what was chosen in it before. Streamlit
    takes that for a change to no value once anything else is chosen in it: it is none.
    """

    def changed() -> None:
        if (sent := st.session_state[key].get(name)) is not None:
            take(*sent)

    return changed


def cell(
    message: bytes,
    answers: list[dict],
    height: int,
    on_hold: Callable[[str, int, list[tuple[str, float]]], None],
    on_unit: Callable[[int, int], None],
) -> None:
    """Draw a message of `cell_message.pack`, and what `cell_message.held` says of held units.

    `on_hold(key, start, pairs)`: of the cell with this key, these gates and states are to be held
    from a token (from 0) on; none for no pairs. `on_unit(model, unit)`: a unit was chosen.
    """

    def held(asked: dict, _: int) -> None:
        on_hold(asked["key"], asked["start"], [(of, value) for of, value in asked["pairs"]])

    _cell(
        key=state.CELL,
        data=message,
        height=height,
        on_held_change=_taken(state.CELL, "held", held),
        on_unit_change=_taken(state.CELL, "unit", lambda chosen, _: on_unit(*chosen)),
    )
    tell("held", answers)


def circuit(message: bytes) -> None:
    """One unit's circuit at a token; a message of `circuit_message.pack`."""
    _circuit(key=state.CIRCUIT, data=message, height=circuit_message.HEIGHT)


def reveal(key: str) -> None:
    """Of what a choice changes: where it is out of view, the next `show_revealed` scrolls to it."""
    st.session_state[state.REVEALED] = key


def show_revealed() -> None:
    if key := st.session_state.pop(state.REVEALED, ""):
        data = [key, time.monotonic()]  # the same key anew is new data
        _reveal(key=state.REVEAL, data=data, height=UNSEEN)


def lesson_keys(back: str, next: str) -> None:
    """Let Page Up and Page Down press the buttons with these keys, wherever the focus is."""
    _lesson_keys(key=state.LESSON_KEYS, data={"back": back, "next": next}, height=UNSEEN)


def tell(name: str, value: object) -> None:
    """Send one value to the components on the page; the data that they have stays."""
    _tell(key=state.told(name), data=[name, value], height=UNSEEN)


def address(opened: str, completed: str) -> None:
    """Put one query string in the place of another in the browser's address, once."""
    _address(key=state.URL, data=[opened, completed], height=UNSEEN)


def close_sidebar(choice: str) -> None:
    """Close the sidebar on a phone, where it covers the page, once the choice in it has changed."""
    _close_sidebar(key=state.CLOSE_SIDEBAR, data=[choice], height=UNSEEN)


def temperature(value: float, on_release: Callable[[float], None]) -> None:
    """The live slider. While it is dragged nothing is sent; on release `on_release` is called."""
    _answer(
        _temperature,
        state.TEMPERATURE_SLIDER,
        struct.pack("<d", value),
        height=92,
        temperature=lambda value: on_release(float(value)),
    )


def sampler(
    message: bytes,
    height: int,
    on_fork: Callable[[int, int, int, int, int], None],
    on_ask: Callable[[list[int] | None], None],
    on_dismiss: Callable[[], None],
) -> None:
    """Texts that follow the live slider; a message of `sweep_message.pack`
    and its height.

    `on_fork(model, version, row, place, token)`: a token was put in a text's place. `on_ask([model,
    version, row, place])`: the likeliest tokens there are asked for. `on_dismiss()`: no fork.
    """
    session, key = st.session_state, state.GENERATED
    _sampler(
        key=key,
        data=message,
        height=height,
        on_fork_change=lambda: on_fork(*session[key]["fork"]),
        on_ask_change=lambda: on_ask(session[key]["ask"]),
        on_dismiss_change=on_dismiss,
    )


def unrolled(
    message: bytes,
    on_forget: Callable[[int], None],
    on_loss: Callable[[int], None],
    key: str = state.UNROLLED,
) -> None:
    """A network unrolled in time; a message of `unrolled_message.pack`.

    `on_forget(step)`: states are to be zero before a step, 0 for none; it is called when the slider
    is released. `on_loss(step)`: the loss after a step was chosen.
    """
    height = unrolled_message.height(message)
    _answer(_unrolled, key, message, height, forget=on_forget, loss=on_loss)


def products(message: bytes) -> None:
    """The products of factors over a distance; a message of `products_message.pack`."""
    _products(key=state.PRODUCTS, data=message, height=products_message.height(message))


def past(
    message: bytes, height: int, on_place: Callable[[int | None], None], key: str = state.PAST
) -> None:
    """What models say next by how much they have read; a message of `past_message.pack`.

    `on_place(place)`: from this character on the past is known, None for all of it; it is called
    when the slider is released.
    """
    _answer(_past, key, message, height, place=on_place)


def order(message: bytes, height: int, on_order: Callable[[list[int]], None]) -> None:
    """Pieces of a text that can be moved; a message of `order_message.pack`. `on_order(order)`:
    they are to stand in this order, those that it does not name are cut."""
    _answer(_order, state.WORDS, message, height, order=on_order)


def windows(message: bytes, on_choose: Callable[[windows_message.Shown], None]) -> None:
    """A text that is cut into rows and windows; a message of `windows_message.pack`.

    `on_choose(shown)`: another choice was made; it is called when a slider is released.
    """

    def choose(choice: list) -> None:
        on_choose(windows_message.Shown(*choice))

    _answer(_windows, state.LESSON_CUT, message, windows_message.HEIGHT, choice=choose)


def chain(message: bytes, on_end: Callable[[int], None]) -> None:
    """A text as a chain of probabilities; a message of `chain_message.pack`. `on_end(end)`: so many
    of its tokens count; it is called when the slider is released."""
    _answer(_chain, state.CHAIN, message, chain_message.HEIGHT, end=on_end)


def shapes(message: bytes, on_shape: Callable[[int], None], on_step: Callable[[int], None]) -> None:
    """The five shapes of input and output, and one with its values; a message of
    `shapes_message.pack`.

    `on_shape(index)`: another shape was chosen. `on_step(index)`: the column up to which the large
    diagram is lit; it is called when the slider is released.
    """
    height = shapes_message.height(message)
    _answer(_shapes, state.SHAPES, message, height, shape=on_shape, step=on_step)


def picture(message: bytes, on_change: Callable[[list[int]], None]) -> None:
    """A picture that can be painted; a message of `picture_message.pack`. `on_change(pixels)`: red,
    green and blue of each cell, row by row; it is called when the pointer is released."""
    _answer(_picture, state.PICTURE, message, picture_message.HEIGHT, pixels=on_change)


def film(message: bytes, on_change: Callable[[list[list[int]]], None]) -> None:
    """A dot that can be moved, frame by frame; a message of `film_message.pack`. `on_change(path)`:
    [x, y] of the dot in each frame; it is called when the dot is released."""
    _answer(_film, state.FILM, message, film_message.height(message), path=on_change)


def _answer(
    component: Callable[..., object],
    key: str,
    message: bytes,
    height: int,
    **on_value: Callable[[Any], None],
) -> None:
    """Draw a message as this session's answer to what came last from a component with sending.js,
    which says how the two are told. `on_value`: what is called with a value that the component
    sends, by the value's name."""
    session = st.session_state

    def received(name: str, value: Any, number: int) -> None:
        session[state.received(key)] = number
        on_value[name](value)

    of_session = session.setdefault(state.SESSION, random.getrandbits(32))
    component(
        key=key,
        data=message + struct.pack("<II", of_session, session.get(state.received(key), 0)),
        height=height,
        **{f"on_{n}_change": _taken(key, n, partial(received, n)) for n in on_value},
    )
