"""Hands that are quicker than the server: an answer to what was done before undoes nothing."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.conftest import free_port, running_server
from tests.test_browser import open_page, write
from tests.test_browser_context import RUN, TEXT, open_context, words
from tests.test_browser_lesson import is_idle

PRESSES = 8
LONG = " ".join([TEXT] * 3)
PAUSES = (60, 330, 420)  # milliseconds between two: sent as one, or while the answer is on its way


def press_often(page: Page, control: Locator, key: str) -> None:
    control.focus()
    for n in range(PRESSES):
        page.keyboard.press(key)
        page.wait_for_timeout(PAUSES[n % len(PAUSES)])


def ends_at(page: Page, control: Locator, wanted: int) -> None:
    """And is still there when all was answered."""
    page.wait_for_timeout(500)
    is_idle(page)
    expect(control).to_have_value(str(wanted))


def test_each_press_moves_the_past_one_token(server, page):
    open_page(page, f"{server.url}/context?runs={RUN}&text={quote(LONG)}")
    slider = page.locator(".st-key-past input")
    is_idle(page)
    before = int(slider.input_value())
    press_often(page, slider, "ArrowLeft")
    ends_at(page, slider, before - PRESSES)


@pytest.mark.parametrize(("path", "part"), [("gradients", "window"), ("sampling", "length")])
def test_each_press_moves_a_slider_of_a_page_one_step(server, page, path, part):
    open_page(page, f"{server.url}/{path}?runs={RUN}&text={quote(LONG)}&window=1")
    slider = page.locator(f".st-key-{part} input")
    slider.scroll_into_view_if_needed()
    is_idle(page)
    slider.focus()
    page.keyboard.press("Home")
    is_idle(page)
    first, step = int(slider.input_value()), int(slider.get_attribute("step"))
    press_often(page, slider, "ArrowRight")
    ends_at(page, slider, first + PRESSES * step)


def test_a_piece_that_is_moved_again_at_once_moves_on(server, page):
    open_context(page, server.url)
    page.locator(".piece").first.focus()
    for _ in range(3):
        page.keyboard.press("Alt+ArrowRight")
    assert words(page)[:4] == ["value", "of", "a", "the"]
    page.wait_for_url(re.compile(r"words=1(%2C|,)2(%2C|,)3(%2C|,)0"))
    is_idle(page)
    assert words(page)[:4] == ["value", "of", "a", "the"]


def test_a_server_that_was_started_again_is_followed(tmp_path, page):
    """It begins to count anew what is sent to it."""
    port, slider = free_port(), page.locator(".st-key-past input")
    with running_server(tmp_path, port) as server:
        open_context(page, server.url)
        slider.press("ArrowLeft")
        page.wait_for_url(re.compile("from="))
        is_idle(page)
    connected = page.locator("[data-test-connection-state=CONNECTED]")
    expect(connected).to_have_count(0)
    with running_server(tmp_path, port):
        connected.wait_for()
        is_idle(page)
        page.problems.clear()  # the server was not there
        write(page, "other words")
        expect(page.locator(".st-key-past .token")).to_have_text(["other", "words"])


def test_a_text_that_is_typed_while_the_page_is_drawn_stays(server, page):
    open_page(page, f"{server.url}/gates?runs=python-docs-gru&runs=python-docs-lstm&text=own+words")
    is_idle(page)
    page.get_by_test_id("stMultiSelect").get_by_role("button", name="Remove").first.click()
    text = page.get_by_label("Text", exact=True)
    text.press("End")
    text.press_sequentially(" and more", delay=60)
    page.wait_for_timeout(1_000)
    is_idle(page)
    expect(text).to_have_value("own words and more")
