"""The Context page in a real browser: the live slider, and words that change places."""

import re
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from rnnviz import load_run
from rnnviz.analysis.past import past
from rnnviz.analysis.word_order import piece_nats, pieces
from tests.test_browser import open_page
from tests.test_browser_lesson import is_idle

TEXT = "the value of a list is returned"
RUN = "python-docs-gru"


def open_context(page: Page, url: str) -> None:
    open_page(page, f"{url}/context?runs={RUN}&text={quote(TEXT)}")
    expect(page.get_by_test_id("stProgress")).to_have_count(0)  # nothing is being measured
    is_idle(page)


def costs(page: Page) -> list[float]:
    return [float(each.split()[0]) for each in page.locator(".cost").all_inner_texts()]


def words(page: Page) -> list[str]:
    return [word.lstrip("␣") for word in page.locator(".piece .word").all_inner_texts()]


def test_the_slider_shows_what_the_model_says_and_sends_nothing_before_its_release(server, page):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_context(page, server.url)
    slider, card = page.locator(".st-key-past [type=range]"), page.locator(".st-key-past .model")
    slider.scroll_into_view_if_needed()
    found = past(load_run(RUN), TEXT)
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, middle)
    sent.clear()
    page.mouse.down()
    for share in (0.8, 0.5, 0.3):
        page.mouse.move(box["x"] + box["width"] * share, middle, steps=4)
        length = int(slider.input_value())
        expect(card.locator(".bar bdi").first).to_have_text(found.likeliest[length - 1][0])
        moved = card.locator(".told").inner_text().split("%")[0].lstrip("<")
        assert float(moved) == pytest.approx(100 * found.moved[length - 1], abs=0.6)
        gone = page.locator(".st-key-past .gone").all_inner_texts()
        assert gone == list(found.tokens[: len(found.tokens) - length])
    assert not sent
    page.mouse.up()
    page.wait_for_url(re.compile(rf"from={found.starts[-length]}"))
    page.reload()
    expect(slider).to_have_value(str(length))


def test_a_word_moves_by_keyboard_and_by_dragging_and_the_costs_follow(server, page):
    open_context(page, server.url)
    first = page.locator(".piece").first
    first.scroll_into_view_if_needed()
    before = costs(page)
    first.focus()
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_url(re.compile(r"words=1(%2C|,)0(%2C|,)2"))
    expect(page.locator(".piece .word").first).to_have_text("value")
    run, cut = load_run(RUN), pieces(TEXT)
    order = [1, 0, 2, 3, 4, 5, 6]
    tokens = piece_nats(run, cut.text(order), cut.ends(order))
    wanted = np.array([sum(cost for _, cost in piece) for piece in tokens])
    assert costs(page) == pytest.approx(wanted, abs=0.06)
    expect(page.locator(".sums")).to_contain_text(f"cost {wanted.sum():.1f} nats")
    assert costs(page) != before
    source, target = (page.locator(".piece").nth(n).bounding_box() for n in (6, 2))
    page.mouse.move(source["x"] + 12, source["y"] + 12)
    page.mouse.down()
    page.mouse.move(target["x"] + 4, target["y"] + 12, steps=6)
    page.mouse.up()
    page.wait_for_url(re.compile(r"words=1(%2C|,)0(%2C|,)6(%2C|,)2"))
    assert words(page)[:4] == ["value", "the", "returned", "of"]
    page.get_by_role("button", name="As it was").click()
    expect(page.locator(".piece .word").first).to_have_text("the")
    assert costs(page) == before
    page.get_by_role("button", name="Cut the first half").click()
    expect(page.locator(".piece")).to_have_count(4)
    assert words(page) == ["a", "list", "is", "returned"]


def test_markup_is_text_in_both(server, page):
    text = "<b>x</b> <img src=x onerror=alert(1)> and more"
    open_page(page, f"{server.url}/context?runs=python-source-gru&text={quote(text)}")
    expect(page.locator(".piece").first).to_be_visible()
    assert words(page) == text.split()
    assert page.locator(".root img, .root b:not(header b)").count() == 0
