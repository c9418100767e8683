"""The lesson in a real browser: on one screen, by keyboard alone, and at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from rnnviz.app.lesson import backward, texts
from rnnviz.app.lesson.stops import STOPS
from tests.test_looks import BACKGROUNDS, COLOURS, SMALL_LABELS, findings, settled, show_in

ONE_SCREEN = {"width": 1440, "height": 900}, {"width": 1920, "height": 1080}
FIGURE = ".st-key-lesson_figure :is(.main-svg, .net)"
OVERFLOW = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return [main.scrollHeight - main.clientHeight, document.documentElement.scrollWidth - innerWidth];
}"""


def open_stop(page: Page, url: str, number: int) -> None:
    page.goto(f"{url}/lesson?stop={number}")
    shows(page, number)


def shows(page: Page, number: int) -> None:
    title = f"{number} · {texts.read(number).title}"
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.locator(FIGURE).first.wait_for()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)


@pytest.mark.parametrize("number", STOPS)
def test_a_stop_with_all_its_words_is_one_screen_and_legible(server, page, number):
    open_stop(page, server.url, number)
    longest = max(texts.read(number).answers, key=lambda answer: len(answer.reply))
    page.locator(".st-key-lesson_words").get_by_text(longest.text, exact=True).click()
    expect(page.locator(".st-key-lesson_words")).to_contain_text(longest.reply)
    page.get_by_role("button", name="Show the point").click()
    expect(page.locator(".st-key-lesson_point .katex").first).to_be_visible()
    for size in ONE_SCREEN:
        page.set_viewport_size(size)
        for theme in BACKGROUNDS:
            show_in(page, theme)
            settled(page)
            assert page.evaluate(OVERFLOW) == [0, 0]
    for theme in BACKGROUNDS:
        show_in(page, theme)
        found = findings(page, "" if theme == "light" else COLOURS)
        assert not found, "\n".join(found)
    assert not page.evaluate(SMALL_LABELS)


def test_the_lesson_is_walked_through_by_keyboard(server, page):
    """Page Down and Page Up, as a remote control sends them; Tab, arrows and Enter in a stop."""
    numbers = sorted(STOPS)
    open_stop(page, server.url, numbers[0])
    for number in numbers[1:]:
        page.keyboard.press("PageDown")
        shows(page, number)
        page.wait_for_url(re.compile(f"stop={number}"))
    for number in numbers[-2::-1]:
        page.keyboard.press("PageUp")
        shows(page, number)
    focus_on(page, "document.activeElement.type === 'radio'")
    page.keyboard.press("Space")
    expect(page.locator(".st-key-lesson_words")).to_contain_text(
        texts.read(numbers[0]).answers[0].reply
    )
    focus_on(
        page, "document.activeElement.role === 'slider' || document.activeElement.type === 'range'"
    )
    goals = page.locator(".st-key-lesson_check")
    before = goals.inner_text()
    page.keyboard.press("End")
    expect(goals).not_to_have_text(before)
    focus_on(page, "document.activeElement.innerText.includes('Show the point')")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-lesson_point")).to_be_visible()


def focus_on(page: Page, condition: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    raise AssertionError(f"the Tab key never reaches it: {condition}")


def test_a_full_page_shows_what_was_moved_and_leads_back(server, page):
    """The laboratory is far down on its page."""
    open_stop(page, server.url, 4)
    page.get_by_role("button", name="More: Gradients").click()
    expect(page.locator("h1")).to_have_text("Gradients through time")
    expect(page.locator(".st-key-laboratory")).to_be_in_viewport()
    back = page.get_by_role("link", name="Back to the lesson, stop 4")
    back.click()
    shows(page, 4)
    expect(back).to_have_count(0)


def test_a_loss_that_is_clicked_and_a_past_that_is_forgotten_reach_the_check(server, page):
    open_stop(page, server.url, 3)
    goals = page.locator(".st-key-lesson_check")
    for part in backward.WITHOUT:
        expect(page.locator(f".st-key-copies3 {part}")).to_have_count(0)
    page.locator(".loss").nth(7).click()
    expect(goals).to_contain_text("Loss 8: at the 7 states after it the gradient is exactly 0")
    page.wait_for_url(re.compile("loss=8"))
    page.locator(".loss").last.click()
    expect(page.locator(".st-key-lesson_point")).to_be_visible()
    page.keyboard.press("PageUp")
    shows(page, 2)
    expect(page.locator(".loss[aria-pressed=true]")).to_have_count(0)  # not that of stop 3
    page.locator(".forget input").focus()
    page.keyboard.press("ArrowRight")
    expect(goals).to_contain_text("Before token 2: earlier losses change by 0 nats")
    page.wait_for_url(re.compile("forget=1"))
