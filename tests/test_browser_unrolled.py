"""A network unrolled in time and the two products, in a browser."""

import math
import re
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from rnnviz import gradient_flow, load_run
from rnnviz.analysis.unrolled import forgetting, unrolled
from tests.test_browser import open_page, write
from tests.test_browser_lesson import is_idle

TEXT = "def f(x):\n    return"
STEPS = len(TEXT) - 1
RUN = "python-source-rnn-tanh"


def open_unrolled(page: Page, url: str, *more: str) -> None:
    runs = "&".join(f"runs={name}" for name in (RUN, *more))
    open_page(page, f"{url}/gradients?{runs}&text={quote(TEXT)}")
    expect(page.locator(".loss").last).to_be_visible()


def slide(page: Page, name: str, value: int) -> None:
    """As a person does: the slider moves, then it is released."""
    page.locator(f".{name} input").evaluate(
        """(input, value) => {
          input.value = value;
          for (const kind of ["input", "change"])
            input.dispatchEvent(new Event(kind, { bubbles: true }));
        }""",
        value,
    )


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def shares(page: Page) -> dict[int, float]:
    """The share of the gradient above each state, by its step."""
    found = page.locator("text.share").all()
    return {int(one.get_attribute("data-step")): number(one.text_content()) for one in found}


def losses(page: Page) -> dict[int, float]:
    found = page.locator(".loss").all()
    said = {int(one.get_attribute("data-step")): one.get_attribute("aria-label") for one in found}
    return {step: number(re.search(r"([\d.]+) nats", words)[1]) for step, words in said.items()}


def arrows_along(page: Page) -> int:
    """The arrows that carry the gradient from one copy to the one before it."""
    return page.locator("path.back[transform*='rotate(180)']").count()


def test_a_loss_runs_back_and_the_window_of_truncated_bptt_cuts_it(server, page):
    open_unrolled(page, server.url)
    target = 17
    page.locator(f".loss[data-step='{target}']").click()
    expect(page.locator(".loss[aria-pressed=true]")).to_have_attribute("data-step", str(target))
    expect(page.locator(".says .told")).to_contain_text("The loss after token 18")
    run = load_run(RUN)
    log = gradient_flow(run.model, run.ids(TEXT), target).h_log_norm[0]
    page.wait_for_url(re.compile(f"loss={target + 1}"))  # the answer draws all anew
    is_idle(page)
    first = int(page.locator(".loss").first.get_attribute("data-step"))
    expect(page.locator("text.share")).to_have_count(target + 1 - first)
    found = shares(page)
    assert sorted(found) == list(range(first, target + 1))
    for step, share in found.items():
        assert share == pytest.approx(
            math.exp(log[step] - log[target]), rel=0.5 if share < 0.01 else 0.06
        )
    assert arrows_along(page) == target - first + (first > 0)
    slide(page, "window", 6)  # borders before steps 6, 12, 18
    expect(page.locator(".says .told")).to_contain_text("Before token 13")
    cut = shares(page)
    assert all(share == 0 for step, share in cut.items() if step < 12)
    assert all(share == found[step] for step, share in cut.items() if step >= 12)
    assert arrows_along(page) == target - 12
    assert page.locator("path.border").count() == len(
        [s for s in (6, 12, 18) if first <= s < STEPS]
    )


def test_forgetting_changes_the_losses_after_the_place_and_none_before_it(server, page):
    open_unrolled(page, server.url)
    before = losses(page)
    first = min(before)
    slide(page, "forget", 5)
    expect(page.locator("path.forgotten:not(.aim)")).to_have_count(1)
    expect(page.locator(".change")).to_contain_text("the mean loss is")
    now, place = losses(page), first + 5
    run = load_run(RUN)
    wanted = forgetting(run, TEXT, unrolled(run, TEXT), place).losses
    for step, loss in now.items():
        assert loss == pytest.approx(wanted[step], abs=0.051)
    assert all(now[step] == before[step] for step in now if step < place)
    assert [step for step in now if now[step] != before[step]]
    assert all(share == 0 for step, share in shares(page).items() if step < place)
    page.get_by_role("button", name="Remember again").click()
    expect(page.locator("path.forgotten")).to_have_count(0)
    assert losses(page) == before


def test_nothing_is_sent_while_sliders_move(server, page):
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_unrolled(page, server.url)
    page.wait_for_timeout(500)
    count = len(sent)
    for name in ("window", "first", "products-distance"):
        for value in range(1, 9):
            slide(page, name, value)
            page.wait_for_timeout(30)
    assert len(sent) == count


def test_one_matrix_is_lit_in_every_copy_and_arrow_keys_move_over_losses(server, page):
    open_unrolled(page, server.url)
    copies = page.locator(".loss").count()
    page.locator("button.weight").nth(0).hover()
    expect(page.locator("path.lit")).to_have_count(copies)
    page.locator("button.weight").nth(2).focus()
    expect(page.locator("path.lit")).to_have_count(copies)
    assert {one.get_attribute("data-weight") for one in page.locator("path.lit").all()} == {"2"}
    page.mouse.move(0, 0)
    page.locator(".loss[aria-pressed=true]").focus()
    for key in ("ArrowLeft", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".loss[aria-pressed=true]")).to_have_attribute("data-step", str(STEPS - 3))
    expect(page.locator(".spoken").first).to_be_attached()


def test_the_products_follow_the_distance_and_the_loss(server, page):
    open_unrolled(page, server.url, "python-source-lstm")
    slide(page, "products-distance", 7)
    told = page.locator(".model .told")
    expect(told.first).to_contain_text("7 steps back")
    run = load_run(RUN)
    log = gradient_flow(run.model, run.ids(TEXT)).h_log_norm[0]
    wanted = math.exp(log[STEPS - 8] - log[STEPS - 1])
    assert number(told.first.inner_text().split(", ")[1].split()[0]) == pytest.approx(
        wanted, rel=0.006
    )
    expect(told.last).to_contain_text(re.compile("unit \\d+ of c"))
    page.locator(".loss").nth(9).click()
    step = int(page.locator(".loss").nth(9).get_attribute("data-step"))
    expect(told.first).to_contain_text(f"after token {step + 1}")
    assert np.isfinite(wanted)
    write(page, "")  # what came after it is gone from the browser, which then forgot its values
    page.get_by_text("The text is empty").wait_for()
    write(page, "if x:")
    expect(page.locator(".loss")).to_have_count(4)
    point = page.get_by_role("radio", name="Open forget gate: it keeps")
    expect(point).to_have_attribute("aria-checked", "true")


def test_markup_in_tokens_is_text(server, page):
    text = "<b>x</b>&amp;<img src=x>"
    open_page(page, f"{server.url}/gradients?runs={RUN}&text={quote(text)}")
    expect(page.locator(".stage .token").last).to_be_visible()
    assert page.locator(".stage b, .stage img").count() == 0
    shown = "".join(page.locator(".stage .token").all_inner_texts())
    assert shown == text.replace(" ", "\u2423")[len(text) - 1 - len(shown) : -1]


def test_a_loss_that_is_clicked_is_in_the_address_and_back_returns_to_the_one_before(server, page):
    open_unrolled(page, server.url)
    page.wait_for_url(re.compile(f"loss={STEPS}"))
    page.locator(".loss[data-step='11']").click()
    page.wait_for_url(re.compile("loss=12"))
    page.locator(".loss[data-step='8']").click()
    page.wait_for_url(re.compile("loss=9"))
    slide(page, "forget", 2)
    page.wait_for_url(re.compile("forget="))
    pressed = page.locator(".loss[aria-pressed=true]")
    page.reload()
    expect(pressed).to_have_attribute("data-step", "8")
    expect(page.locator(".remember")).to_be_visible()
    page.go_back()
    expect(page.locator(".remember")).to_be_hidden()
    page.go_back()
    expect(pressed).to_have_attribute("data-step", "11")
    expect(page.locator(".products-distance")).to_be_visible()
