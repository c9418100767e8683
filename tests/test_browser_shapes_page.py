"""The page Shapes in a real browser: what a person makes is answered, and found again by a link."""

import re

from playwright.sync_api import Page, expect

from tests.test_browser import open_page
from tests.test_browser_lesson import is_idle

DIAGRAM = ".st-key-shapes .stage"


def output(page: Page) -> str:
    """What the diagram says, place by place."""
    is_idle(page)
    return " ".join(page.locator(".st-key-shapes .output bdi").all_inner_texts())


def test_a_click_in_a_heatmap_chooses_the_step_and_another_date_is_typed(server, page):
    """One that cannot be read is said, and the diagram stays."""
    open_page(page, f"{server.url}/shapes?task=dates&input=3+May+2021")
    expect(page.locator(".st-key-shapes .step output")).to_contain_text("21 of 21")
    page.locator(".st-key-shape_maps .token").nth(2).click()
    expect(page.locator(".st-key-shapes .step output")).to_contain_text("3 of 21")
    page.wait_for_url(re.compile("step=3"))
    field = page.get_by_label("A date")
    field.fill("the 7th of July 1977")
    field.press("Enter")
    page.wait_for_url(re.compile(r"input=the\+7th"))
    assert output(page) == "1 9 7 7 - 0 7 - 0 7 <end>"
    expect(page.locator(".st-key-shapes .part")).to_have_text(["encoder", "decoder", "bottleneck"])
    field.fill("7 juillet 1977 \U0001f600")
    field.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_be_visible()
    assert output(page) == "1 9 7 7 - 0 7 - 0 7 <end>"


def test_a_dot_is_moved_and_the_film_is_in_the_link(server, page):
    open_page(page, f"{server.url}/shapes?task=film&input=333435")
    assert output(page).split()[1:] == ["down", "down"]
    page.locator(".st-key-film .grid").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("input=33343545"))
    assert output(page).split()[1:] == ["down", "down", "right"]
    page.reload()
    page.locator(DIAGRAM).wait_for()
    assert output(page).split()[1:] == ["down", "down", "right"]
    page.go_back()
    page.wait_for_url(re.compile("input=333435(&|$)"))


def test_a_picture_is_cleared_and_another_shape_keeps_it(server, page):
    open_page(page, f"{server.url}/shapes?task=caption")
    before = output(page)
    page.locator(".st-key-picture").get_by_role("button", name="Clear").click()
    page.wait_for_url(re.compile("input=1{432}"))
    cleared = output(page)
    assert cleared != before
    page.locator(".st-key-shapes").get_by_role("radio", name="many-to-many").click()
    page.wait_for_url(re.compile("task=film"))
    expect(page.locator(".st-key-film .grid")).to_be_visible()
    page.locator(".st-key-shapes").get_by_role("radio", name="one-to-many").click()
    page.wait_for_url(re.compile("task=caption"))
    assert output(page) == cleared


def test_text_of_others_is_no_markup(server, page):
    page.on("dialog", lambda dialog: dialog.dismiss())
    text = "<img src=x onerror=alert(1)><b>x</b>"
    for task in ("prose", "source"):
        open_page(page, f"{server.url}/shapes?task={task}&input={text}")
        expect(page.locator("img[src=x]")).to_have_count(0)
        expect(page.locator(DIAGRAM)).to_be_visible()
