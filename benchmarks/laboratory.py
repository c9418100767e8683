"""The Laboratory of the Gradients page: from the release of a slider to the redrawn curves.

The clock starts in the browser when the key that moved the slider comes up, and ends in the
second frame after the curves have changed.
"""

import statistics
from collections.abc import Iterator

from playwright.sync_api import Page, sync_playwright

from benchmarks.app import started
from tests.browser import LAUNCH_ARGS, install_browser

ROUNDS = 15
CHART, SLIDER = ".st-key-laboratory", ".st-key-{} input[type=range]"

REDRAWN = """selector => {
  const curves = () => [...document.querySelectorAll(selector + ' path.js-line')]
    .map(path => path.getAttribute('d')).join();
  const before = curves();
  window.redrawn = new Promise(done => addEventListener('keyup', () => {
    const began = performance.now();
    const ready = () => {
      if (curves() === before) return requestAnimationFrame(ready);
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
    };
    ready();
  }, {once: true, capture: true}));
}"""


def rows() -> Iterator[tuple[str, str, str]]:
    path = install_browser()
    with sync_playwright() as playwright, started() as server:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{server.url}/gradients?runs=python-source-lstm")
        page.locator(f"{CHART} path.js-line").first.wait_for()
        page.wait_for_timeout(2000)
        for name in ("gain", "lab_size", "lab_steps"):
            times = [_move(page, name, n) for n in range(ROUNDS)]
            late = sorted(times)[round(0.95 * (ROUNDS - 1))]
            figure = f"{statistics.median(times):.0f} ms, {late:.0f} ms"
            yield f"slider {name!r} to curves: median, 95th percentile", figure, "at most 200 ms"
        browser.close()


def _move(page: Page, name: str, n: int) -> float:
    """Milliseconds from the release of an arrow key on a slider to the redrawn curves."""
    page.locator(SLIDER.format(name)).focus()
    page.evaluate(REDRAWN, CHART)
    page.keyboard.press("ArrowRight" if n % 4 < 2 else "ArrowLeft")
    taken = page.evaluate("window.redrawn")
    page.wait_for_timeout(400)
    return taken
