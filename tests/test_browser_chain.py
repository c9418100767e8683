"""The chain of probabilities in a real browser: what is on the screen is what the model says."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from rnnviz import load_run
from rnnviz.analysis.token_scores import log_probs
from rnnviz.app.lesson import chain
from tests.test_browser_lesson import is_idle, open_stop

NUMBER = r"\d[\d.]*(?:e−?\d+)?"


def number(text: str) -> float:
    return float(re.search(NUMBER, text)[0].replace("−", "-"))


def numbers_of(page: Page, row: int) -> list[float]:
    """Product, bits and perplexity of an order."""
    cells = page.locator(".sums tbody tr").nth(row).locator("td")
    return [number(cell) for cell in cells.all_inner_texts()]


def wanted(text: str, end: int) -> list[float]:
    log_p = log_probs(load_run(chain.RUN), "\n" + text)[1 : end + 1].astype(float)
    return [np.exp(log_p.sum()), -log_p.sum() / np.log(2), np.exp(-log_p.mean())]


def test_the_end_is_dragged_without_the_server_and_the_numbers_are_the_models(server, page):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_stop(page, server.url, 13)
    text, goals = chain.TEXT, page.locator(".st-key-lesson_check")
    assert page.locator("text.token").all_text_contents() == list(text.replace(" ", "␣"))
    assert numbers_of(page, 0) == pytest.approx(wanted(text, len(text)), rel=0.01)
    is_idle(page)
    page.wait_for_timeout(500)
    before = len(sent)
    slider = page.locator(".st-key-chain input")
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, middle)
    page.mouse.down()
    for end in (12, 9):
        page.mouse.move(box["x"] + 8 + (box["width"] - 16) * (end - 1) / 15, middle, steps=5)
        expect(page.locator(".st-key-chain output")).to_have_text(f"{end} of 16")
        assert numbers_of(page, 0) == pytest.approx(wanted(text, end), rel=0.01)
    assert len(sent) == before
    page.mouse.up()
    page.wait_for_url(re.compile("end=9"))
    assert len(sent) > before
    expect(goals).to_contain_text("With 9 of 16")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".st-key-chain output")).to_have_text("8 of 16")
    told = page.locator(".told").inner_text().rpartition("=")[2]
    p, bits = (number(part) for part in told.split(","))
    assert -np.log2(p) == pytest.approx(bits, abs=0.01)
    before_it, after_it = wanted(text, 7)[1], wanted(text, 8)[1]
    assert bits == pytest.approx(after_it - before_it, rel=0.01)
    page.wait_for_url(re.compile("end=8"))
    expect(slider).to_be_focused()


def test_another_text_and_another_order_of_it_are_compared(server, page):
    """A tag in the text stays text."""
    open_stop(page, server.url, 13)
    goals, text = page.locator(".st-key-lesson_check"), "if <b> is None:"
    field = page.get_by_label("Text", exact=True)
    field.fill(text)
    field.press("Enter")
    expect(goals).to_contain_text("With 15 of 15")
    page.get_by_text("words swapped").click()
    rows = page.locator(".sums tbody tr")
    expect(rows).to_have_count(2)
    swapped = "None <b> is if:"
    assert page.locator("text.token").all_text_contents() == list(swapped.replace(" ", "␣"))
    assert numbers_of(page, 0) == pytest.approx(wanted(swapped, 15), rel=0.01)
    assert numbers_of(page, 1) == pytest.approx(wanted(text, 15), rel=0.01)
    page.wait_for_url(re.compile("order=words.swapped"))
    slider = page.locator(".st-key-chain input")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_url(re.compile("end=1$"))
    page.keyboard.press("End")
    page.wait_for_url(re.compile("end=15"))
    expect(page.locator(".st-key-lesson_point")).to_be_visible()
