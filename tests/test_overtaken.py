"""Hands that are quicker than the server: an answer to what was done before undoes nothing that is
done in a component. For controls of Streamlit see test_values."""

import re
from urllib.parse import quote

from playwright.sync_api import expect

from tests.conftest import free_port, running_server
from tests.test_browser import check_first_page, open_page, write
from tests.test_browser_context import RUN, TEXT, open_context, words
from tests.test_browser_lesson import is_idle

PRESSES = 8
LONG = " ".join([TEXT] * 3)
PAUSES = (60, 330, 420)  # milliseconds between two: sent as one, or while the answer is on its way


def test_each_press_moves_the_past_one_token(server, page):
    open_page(page, f"{server.url}/context?runs={RUN}&text={quote(LONG)}")
    slider = page.locator(".st-key-past input")
    is_idle(page)
    before = int(slider.input_value())
    slider.focus()
    for n in range(PRESSES):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(PAUSES[n % len(PAUSES)])
    page.wait_for_timeout(500)
    is_idle(page)  # all is answered
    expect(slider).to_have_value(str(before - PRESSES))


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
        expect(page.locator("h1")).to_have_text("Context")
        expect(page.get_by_label("Text", exact=True)).to_have_value(TEXT)
        check_first_page(server, page)
        slider.press("ArrowLeft")
        page.wait_for_url(re.compile("from="))
        is_idle(page)
    connected = page.locator("[data-test-connection-state=CONNECTED]")
    expect(connected).to_have_count(0)
    with running_server(tmp_path, port):
        connected.wait_for()
        page.locator("[data-test-script-state=running]").wait_for()
        page.wait_for_timeout(2000)  # it draws the page of the address, perhaps in two runs
        is_idle(page)
        page.problems.clear()  # the server was not there
        write(page, "other words")
        expect(page.locator(".st-key-past .token")).to_have_text(["other", "words"])
