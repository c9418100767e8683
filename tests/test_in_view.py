"""What a click changes is in view, and what is computed for long is said where one looks."""

import pytest
from playwright.sync_api import Page, expect

from tests.test_browser import open_page

TEXT = "def%20f(x)%3A%0A%20%20%20%20return%20%5B1%2C%20'a'%5D%0A"


@pytest.mark.parametrize(("path", "detail"), [("gates", "unit_lines"), ("states", "step")])
def test_a_click_on_the_last_heatmap_shows_its_unit(server, page, path, detail):
    """The detail stands beside what is clicked; on a phone it is above, and the page goes there."""
    runs = "runs=python-source-lstm&runs=python-source-rnn-relu"
    open_page(page, f"{server.url}/{path}?{runs}&text={TEXT}")
    shown, areas = page.locator(f".st-key-{detail}").first, page.locator(".area")
    assert shown.bounding_box()["x"] < areas.first.bounding_box()["x"]
    expect(shown).to_be_in_viewport()
    unit = page.get_by_label("Unit", exact=True)
    for width, place in ((1440, 90), (420, 50)):
        page.set_viewport_size({"width": width, "height": 900})
        before = unit.input_value()
        areas.last.scroll_into_view_if_needed()
        areas.last.click(position={"x": 40, "y": place})
        expect(unit).not_to_have_value(before)
        expect(shown).to_be_in_viewport(ratio=0.9)
        if width > 1100:
            expect(areas.last).to_be_in_viewport()


def test_a_click_in_the_influence_matrix_goes_to_the_decay_of_that_loss(server, page):
    open_page(page, f"{server.url}/gradients?runs=python-source-gru&text={TEXT}")
    area = page.locator(".area").first
    area.scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)
    area.click(position={"x": 20, "y": 200})
    expect(page.locator(".st-key-decay").first).to_be_in_viewport(ratio=0.9)


def generated(page: Page) -> list[str]:
    return page.locator(".generated").all_inner_texts()


def test_texts_stay_while_a_fork_is_written_and_the_page_says_so(server, page):
    """Of a large vocabulary: it takes seconds."""
    open_page(page, f"{server.url}/sampling?runs=python-docs-lstm&prompt=The%20list&length=150")
    page.locator(".text").first.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    before = generated(page)
    page.locator(".panel li button").nth(2).click()
    waiting = page.locator(".waiting").first
    expect(waiting).to_contain_text("Every model goes on from")
    expect(page.get_by_test_id("stProgress")).to_be_in_viewport()
    assert generated(page) == before
    expect(page.locator(".forkline")).to_be_visible()
    expect(page.locator(".waiting:visible")).to_have_count(0)
    assert generated(page)[0] == before[0]
    page.locator(".entropy").scroll_into_view_if_needed()
    expect(page.locator(".st-key-temperature")).to_be_in_viewport(ratio=0.9)
