"""The components of the page Shapes in a browser: on a page of their own, which keeps what they
send and shows it."""

import os
import re
import sys

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import ROOT, free_port, serving
from tests.test_browser_unrolled import slide
from tests.test_looks import BACKGROUNDS, IN_ITS_WIDTH, SMALL_LABELS, findings, show_in

SCRIPT = """
import numpy as np
import streamlit as st

from rnnviz.app import components
from rnnviz.figures import film_message, picture_message, shapes_message
from rnnviz.figures.shapes_message import Boxes, Column, Picture, Shape

st.set_page_config(layout="wide")
kept = st.session_state
kept.setdefault("shape", 0)
kept.setdefault("step", 2)
kept.setdefault("pixels", [0] * 432)
kept.setdefault("path", [[3, 3]])
kept.setdefault("runs", 0)
kept.runs += 1


def keep(name):
    return lambda value: kept.__setitem__(name, value)


def wave(n):
    return np.sin(np.arange(24) + n)


def columns():
    if kept.shape == 0:
        encoder = [Column(c, wave(n), "encoder", gradient=-float(n)) for n, c in enumerate("abc")]
        words = [Column("<", wave(n), "decoder", "<b>", 0.5, n < 2, True, -1.0) for n in range(3)]
        return encoder + words
    if kept.shape == 1:
        return [Column(c, wave(n), "", c, 1.0, True) for n, c in enumerate("ab cd" * 80)]
    return [Column(Picture([["#ff0000", "#00ff00"]]), None, "", "red", 0.75, True, True)]


boxes = Boxes(True, True, True)
names = ("one", "two", "three")
shapes = [Shape(name, "in to out", (boxes,) * n) for n, name in enumerate(names, 1)]
dark = st.context.theme.type == "dark"
lit = min(kept.step, len(columns()) - 1)
message = shapes_message.pack(shapes, kept.shape, columns(), lit, dark)
components.shapes(message, keep("shape"), keep("step"))
pixels = np.array(kept.pixels, np.uint8).reshape(12, 12, 3)
palette = [("red", "#ff0000"), ("green", "#00ff00")]
components.picture(picture_message.pack(pixels, palette, "#000000"), keep("pixels"))
said = [f"said {n}" for n in range(len(kept.path))]
components.film(
    film_message.pack(kept.path, said, [None] + [True] * (len(said) - 1)), keep("path")
)
painted = [[n // 3 % 12, n // 36, v] for n, v in enumerate(kept.pixels) if v]
st.text(f"shape {kept.shape} step {kept.step} runs {kept.runs} end")
st.text(f"painted {painted} end")
st.text(f"path {kept.path} end")
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    script, port = folder / "page.py", free_port()
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.port", str(port)]
    address, log = f"http://127.0.0.1:{port}", folder / "log"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with serving(command, address, log, cwd=ROOT, env=environment) as running:
        yield running.url


@pytest.fixture
def drawn(page, url):
    page.sent = []
    page.on("websocket", lambda s: s.on("framesent", lambda frame: page.sent.append(frame)))
    page.set_viewport_size({"width": 1440, "height": 1600})
    page.goto(url)
    expect(page.locator(".stage .output")).to_have_count(3)
    expect(page.locator(".grid .cell")).to_have_count(144)
    says(page, "runs 1 ")
    page.wait_for_timeout(100)
    return page


def says(page: Page, words: str) -> None:
    expect(page.locator(".stMain").get_by_text(re.compile(re.escape(words)))).to_be_visible()


def point(page: Page, grid: int, x: float, y: float, size: int) -> tuple[float, float]:
    """The middle of a cell of a grid of the page."""
    box = page.locator(".grid").nth(grid).bounding_box()
    return box["x"] + (x + 0.5) * box["width"] / size, box["y"] + (y + 0.5) * box["height"] / size


def drag(page: Page, grid: int, cells: list[tuple[int, int]], size: int) -> None:
    """Nothing is sent before the pointer is released."""
    count = len(page.sent)
    page.mouse.move(*point(page, grid, *cells[0], size))
    page.mouse.down()
    for cell in cells[1:]:
        page.mouse.move(*point(page, grid, *cell, size))
    page.wait_for_timeout(50)
    assert len(page.sent) == count
    page.mouse.up()


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.shadowRoot?.activeElement?.className")


def test_a_shape_lights_up_to_a_step_that_keys_and_a_click_choose(drawn):
    page = drawn
    expect(page.locator(".stage .box:not(.pale)")).to_have_count(3)
    expect(page.locator(".stage .back")).to_have_count(5)  # none before the first state
    expect(page.locator(".stage .hand-over")).to_have_count(1)
    assert page.locator(".stage .part").all_text_contents() == ["encoder", "decoder", "bottleneck"]
    assert page.locator(".stage .output bdi").all_text_contents() == ["<b>"] * 3
    assert page.locator(".stage .output .wrong").count() == 1
    stage = page.locator(".stage")
    stage.focus()
    for key in ("End", "ArrowLeft", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".stage .box.pale")).to_have_count(0)
    says(page, "step 5 runs 2 ")  # the keys were sent as one
    assert focused(page) == "stage"
    expect(page.locator("p.told")).to_contain_text("Step 6, decoder: reads “<”, says “<b>”, 50%, w")
    page.locator(".stage .input").nth(1).click()
    says(page, "step 1 runs 3 ")
    expect(page.locator(".stage .box.pale")).to_have_count(7)


def test_nothing_is_sent_while_the_step_slides_and_an_answer_does_not_move_it(drawn):
    page = drawn
    count = len(page.sent)
    move = """(input, [value, kind]) => {
      input.value = value;
      input.dispatchEvent(new Event(kind));
    }"""
    slider = page.locator(".step input")
    slider.evaluate(move, [4, "input"])
    page.wait_for_timeout(100)
    expect(page.locator(".stage .box.pale")).to_have_count(4)
    assert len(page.sent) == count
    slider.evaluate(move, [4, "change"])
    slider.evaluate(move, [6, "input"])
    says(page, "step 3 runs 2 ")
    page.wait_for_timeout(100)
    expect(slider).to_have_value("6")
    slider.evaluate(move, [6, "change"])
    says(page, "step 5 runs 3 ")
    slider.focus()
    for key in ("ArrowLeft",) * 3:
        page.keyboard.press(key)
    says(page, "step 2 runs 4 ")  # the keys were sent as one


def test_a_shape_is_chosen_by_arrow_keys_and_a_long_one_slides(drawn):
    page = drawn
    page.get_by_role("radio", name="one in to out").focus()
    page.keyboard.press("ArrowRight")
    says(page, "shape 1 step 2 ")
    expect(page.get_by_role("radio", name="two")).to_be_focused()
    expect(page.get_by_role("radio", name="two")).to_be_checked()
    expect(page.locator(".step output")).to_contain_text("3 of 400 (shown: 1 to")
    slide(page, "step", 250)
    says(page, "step 249 ")
    expect(page.locator(".step output")).to_contain_text("250 of 400 (shown: ")
    shown = page.locator(".stage .input").count()
    assert 20 < shown < 30
    expect(page.locator(".stage .input:not(.pale)")).to_have_count(shown - 2)
    page.get_by_role("radio", name="three").click()
    expect(page.locator(".stage canvas.picture")).to_have_count(1)
    expect(page.locator(".step")).to_be_hidden()
    expect(page.locator(".stage .flow")).to_have_count(1)  # no state: straight to the output


def test_a_picture_is_painted_and_moved_by_pointer_and_keys(drawn):
    page = drawn
    drag(page, 0, [(1, 1), (4, 1)], 12)
    says(page, "painted [[1, 1, 255], [2, 1, 255], [3, 1, 255], [4, 1, 255]] ")
    page.get_by_role("button", name="move").click()
    drag(page, 0, [(4, 4), (1, 6)], 12)
    says(page, "painted [[0, 3, 255], [1, 3, 255]] ")  # two cells left the picture
    page.get_by_role("button", name="erase").click()
    drag(page, 0, [(1, 3)], 12)
    says(page, "painted [[0, 3, 255]] ")
    page.get_by_role("button", name="Clear").first.click()
    says(page, "painted [] ")
    page.get_by_role("button", name="green").press("Enter")
    page.locator(".grid").first.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "Space", "Shift+ArrowDown"):
        page.keyboard.press(key)
    says(page, "painted [[3, 3, 255]] ")  # the cursor was at (1, 3)
    says(page, "row 3, column 4: empty")
    assert focused(page).startswith("grid")


def test_a_film_is_made_by_pointer_and_keys_until_it_is_full(drawn):
    page = drawn
    drag(page, 1, [(3, 3), (5, 4)], 8)
    says(page, "path [[3, 3], [4, 3], [5, 3], [5, 4]] ")
    expect(page.locator(".strip bdi").last).to_have_text("said 3")
    page.locator(".grid").nth(1).focus()
    for key in ("ArrowRight",) * 3:
        page.keyboard.press(key)
    expect(page.locator(".note")).to_have_text("There is a wall.")
    assert page.locator(".strip bdi").count() == 4  # of the new frames nothing is known yet
    says(page, "path [[3, 3], [4, 3], [5, 3], [5, 4], [6, 4], [7, 4]] ")
    expect(page.locator(".strip bdi")).to_have_count(6)
    assert focused(page) == "grid"
    page.get_by_role("button", name="Undo").click()
    says(page, "[6, 4]] ")
    page.get_by_role("button", name="Clear").last.click()
    says(page, "path [[3, 3]] ")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    cells = [(x, y) for y in range(3, 8) for x in (range(8) if y % 2 else range(7, -1, -1))]
    drag(page, 1, [(3, 3), *cells], 8)
    expect(page.locator(".count")).to_have_text("30 of 30 frames: full")
    expect(page.locator(".note")).to_have_text("The film is full: 30 frames.")
    expect(page.locator(".strip .right")).to_have_count(29)


def test_all_is_legible_and_in_its_width(drawn):
    page = drawn
    for theme in BACKGROUNDS:
        show_in(page, theme)
        page.wait_for_timeout(200)
        found = findings(page)
        assert not found, "\n".join(found)
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function(IN_ITS_WIDTH)
    assert not page.evaluate(SMALL_LABELS)
    overflow = "roots => roots.filter(root => root.scrollWidth > root.clientWidth).length"
    assert page.locator(".root").evaluate_all(overflow) == 0
