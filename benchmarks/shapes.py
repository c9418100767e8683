"""The page Shapes: from an input that a person makes to what its model says of it.

The clock is the browser's own: it begins with the release of the pointer or the Enter key and ends
in the frame after the diagram says something else.
"""

import statistics
from collections.abc import Callable, Iterator

from playwright.sync_api import Page, sync_playwright

from benchmarks._redrawn import redrawn, watch
from benchmarks.app import started
from tests.browser import LAUNCH_ARGS, install_browser

ROUNDS = 6
SAID = """document.querySelector('.st-key-shapes [data-testid=stBidiComponentIsolated]')
  ?.shadowRoot?.textContent"""


def rows() -> Iterator[tuple[str, str, str]]:
    path = install_browser()
    with sync_playwright() as playwright, started() as server:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for task, (event, change) in CHANGES.items():
            page.goto(f"{server.url}/shapes?task={task}")
            page.locator(".st-key-shape_bars .main-svg").first.wait_for()
            page.wait_for_timeout(3000)
            times = []
            for number in range(ROUNDS):
                watch(page, SAID, event)
                change(page, number)
                times.append(redrawn(page))
                page.wait_for_timeout(1500)
            what = f"{task}, from the change to what is said of it"
            yield what, f"{statistics.median(times[1:]):.2f} s", "at most 0.3 s"
        browser.close()


def _another_date(page: Page, number: int) -> None:
    field = page.locator(".st-key-shape_typed input")
    field.fill(f"{3 + number} May 2021")
    field.press("Enter")


def _another_frame(page: Page, number: int) -> None:
    """Drag the dot to the cell beside it, to and fro."""
    grid = page.locator(".st-key-film .grid").first
    box = grid.bounding_box()
    assert box
    side = box["width"] / 8
    place = page.evaluate("new URL(location.href).searchParams.get('input')") or ""
    x, y = (int(digit) for digit in place[-2:])
    beside = x + 1 if x < 7 and number % 2 == 0 else x - 1
    page.mouse.move(box["x"] + (x + 0.5) * side, box["y"] + (y + 0.5) * side)
    page.mouse.down()
    page.mouse.move(box["x"] + (beside + 0.5) * side, box["y"] + (y + 0.5) * side, steps=3)
    page.mouse.up()


def _another_picture(page: Page, number: int) -> None:
    """An empty picture, or a new example after it."""
    name = "New example" if number % 2 else "Clear"
    page.get_by_role("button", name=name).click()


CHANGES: dict[str, tuple[str, Callable[[Page, int], None]]] = {
    "dates": ("keydown", _another_date),
    "film": ("pointerup", _another_frame),
    "caption": ("pointerup", _another_picture),
}
