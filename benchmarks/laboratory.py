"""The Laboratory's sliders: seconds from the release of a slider to the curves drawn anew.

A slider is dragged with the mouse. The clock starts in the browser at pointerup, and ends in
the frame after plotly has drawn other curves.
"""

import statistics
from collections.abc import Iterator

from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks._redrawn import redrawn, watch
from benchmarks.app import started
from tests.browser import LAUNCH_ARGS, install_browser

ROUNDS = 12
SLIDERS = ("Recurrent gain", "Forget-gate bias (GRU: update gate)", "Hidden size", "Length, tokens")

CURVES = """[...document.querySelectorAll('.st-key-laboratory .js-line')]
  .map(line => line.getAttribute('d')).join()"""


def rows() -> Iterator[tuple[str, str, str]]:
    path = install_browser()
    with sync_playwright() as playwright, started() as server:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.url}/gradients?runs=python-source-lstm")
        page.locator(".st-key-laboratory .js-line").first.wait_for()
        page.wait_for_timeout(2000)
        for name in SLIDERS:
            slider = page.get_by_test_id("stSlider").filter(has_text=name)
            slider.scroll_into_view_if_needed()
            times = sorted(release(page, slider, n) for n in range(ROUNDS))
            middle, late = statistics.median(times), times[int(0.95 * (ROUNDS - 1) + 0.5)]
            yield f"{name}, median of {ROUNDS}", f"{middle * 1000:.0f} ms", "at most 200 ms"
            yield "    95th percentile", f"{late * 1000:.0f} ms", "at most 200 ms"
        browser.close()


def release(page: Page, slider: Locator, n: int) -> float:
    """Seconds from the release of a slider, dragged to a place it was not at, to its curves."""
    box = slider.get_by_role("slider").bounding_box()
    track = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * (0.2 + 0.6 * (7 * n % ROUNDS) / ROUNDS), box["y"])
    page.wait_for_timeout(200)
    watch(page, CURVES, "pointerup")
    page.mouse.up()
    taken = redrawn(page)
    page.wait_for_timeout(500)
    return taken
