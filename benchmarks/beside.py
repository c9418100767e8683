"""Waits beside a training in the background, and how many times those of an idle server.

In turns: idle, training, idle, ...; a ratio is that of the medians. The live slider moves without
the server, that of the Laboratory asks it, and a text goes through four models.
"""

import re
import statistics
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.app import FOUR, change_text, started
from benchmarks.laboratory import release
from benchmarks.sampling import drag
from tests.browser import LAUNCH_ARGS, install_browser

TURNS, TIMES = 2, 5


def rows() -> Iterator[tuple[str, str, str]]:
    path = install_browser()
    with started() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        taken: dict[tuple[str, str], list[float]] = {}
        for turn in range(TURNS):
            for state in ("idle", "training"):
                if state == "training":
                    _train(browser, f"{server.url}/train")
                for what, act in ACTS.items():
                    page = browser.new_page(viewport={"width": 1440, "height": 900})
                    page.goto(f"{server.url}/{what[1]}")
                    page.wait_for_timeout(4000)
                    taken.setdefault((what[0], state), []).extend(act(page, turn))
                    page.close()
                if state == "training":
                    _stop(browser, f"{server.url}/train")
        for what, _ in ACTS:
            idle, beside = (statistics.median(taken[what, s]) for s in ("idle", "training"))
            yield f"{what}, idle", f"{idle * 1000:.0f} ms", ""
            yield f"{what}, beside a training", f"{beside * 1000:.0f} ms", ""
            yield "    ratio", f"{beside / idle:.2f}", "at most 2"
        browser.close()


def _live(page: Page, turn: int) -> list[float]:
    return [milliseconds / 1000 for milliseconds in drag(page)]


def _laboratory(page: Page, turn: int) -> list[float]:
    slider = page.get_by_test_id("stSlider").filter(has_text="Recurrent gain")
    slider.scroll_into_view_if_needed()
    return [release(page, slider, n) for n in range(TIMES)]


def _text(page: Page, turn: int) -> list[float]:
    found = []
    for n in range(TIMES):
        found.append(change_text(page, 1000 * turn + n))
        page.wait_for_timeout(800)
    return found


ACTS: dict[tuple[str, str], Callable[[Page, int], list[float]]] = {
    ("live slider", f"sampling?x=1{FOUR}"): _live,
    ("slider of the Laboratory", "gradients?runs=python-source-lstm"): _laboratory,
    ("change of text, four models", f"gates?x=1{FOUR}"): _text,
}


def _train(browser: Browser, url: str) -> None:
    """Begin a training with the settings that the page suggests."""
    page = browser.new_page()
    page.goto(url)
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("tokens/s on").wait_for()
    page.close()


def _stop(browser: Browser, url: str) -> None:
    page = browser.new_page()
    page.goto(url)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name=re.compile("^Stop"))).to_have_count(0, timeout=60_000)
    page.close()
