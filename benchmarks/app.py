"""What a person waits for in the browser: medians in seconds, beside the bound of each.

The clock starts in the browser at the key press or navigation, and ends in the frame in
which what was asked for stands on the page.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser import LAUNCH_ARGS, install_browser
from tests.conftest import Server, running_server
from tests.crowd import resident

FOUR = "".join(f"&runs=python-source-{kind}" for kind in ("lstm", "gru", "rnn-tanh", "rnn-relu"))
ONE = "&runs=python-source-lstm"
PAGES = ("states", "sampling", "gradients", "compare", "train", "models", "gates")
ROUNDS = 7

# Resolves in the second frame after a text that begins so stands above painted heatmaps; a
# component of Streamlit lives in a shadow tree.
PAINTED = """text => new Promise(done => {
  const ready = () => {
    const trees = [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')];
    const tree = trees.map(e => e.shadowRoot).find(t => t?.querySelector('.token'));
    const tokens = [...(tree?.querySelectorAll('.token') ?? [])];
    const shown = tokens.slice(0, text.length).map(t => t.textContent).join('');
    if (shown === text && tokens.length >= 200 && tree.querySelector('canvas'))
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
    else requestAnimationFrame(ready);
  };
  ready();
})"""


def rows() -> Iterator[tuple[str, str, str]]:
    path = install_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        first, heatmap = [], []
        for _ in range(3):
            with started() as server:
                page = browser.new_page()
                began = time.perf_counter()
                page.goto(f"{server.url}/gates?x=1{FOUR}", wait_until="commit")
                page.locator("h1").first.wait_for()
                first.append(time.perf_counter() - began)
                page.locator("canvas").first.wait_for()
                heatmap.append(time.perf_counter() - began)
                page.close()
        yield "fresh server, first element", _s(first), "at most 2.5 s"
        yield "fresh server, first heatmap of four models", _s(heatmap), "at most 5 s"
        with started() as server:
            for what, runs, bound in (("four models", FOUR, 1.5), ("one model", ONE, 0.5)):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                size = received(page)
                page.goto(f"{server.url}/gates?x=1{runs}")
                page.locator("canvas").first.wait_for()
                page.wait_for_timeout(2000)
                times, sizes = [], []
                for n in range(ROUNDS):
                    size[0] = 0
                    times.append(change_text(page, n))
                    page.wait_for_timeout(1500)
                    sizes.append(size[0])
                yield (
                    f"change of 200 characters to all painted, {what}",
                    _s(times),
                    (f"at most {bound} s"),
                )
                megabytes = f"{statistics.median(sizes) / 1e6:.2f} MB"
                limit = "under 1.5 MB" if what == "four models" else ""
                yield f"    over the websocket, {what}", megabytes, limit
                page.close()
            page = browser.new_page()
            page.goto(f"{server.url}/?x=1{FOUR}")
            page.locator(".token").first.wait_for()
            page.wait_for_timeout(1500)
            times = []
            for target, title in [("Gates", "Gates"), ("Home", "See inside")] * ROUNDS:
                began = time.perf_counter()
                page.get_by_role("link", name=target).first.click()
                page.locator("h1", has_text=title).wait_for()
                times.append(time.perf_counter() - began)
                page.wait_for_timeout(800)
            yield "switch of page to its title", _s(times), "at most 0.3 s"
            for name in PAGES:
                page.goto(f"{server.url}/{name}?x=1{FOUR}")
                page.wait_for_timeout(5000)
            held = f"{resident(server):.0f} MB"
            yield "memory of the server, four models on every page", held, "at most 700 MB"
        browser.close()


@contextmanager
def started() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        yield server


def received(page: Page) -> list[int]:
    """[bytes that came over the page's websockets], counted from now on."""
    size = [0]

    def add(frame) -> None:
        size[0] += len(frame)

    page.on("websocket", lambda socket: socket.on("framereceived", add))
    return size


def change_text(page: Page, n: int) -> float:
    """Seconds from the key press that applies a text to the frame that shows it."""
    start = f"text{n}"
    box = page.get_by_label("Text", exact=True)
    box.fill((start + "def f(x): return x  # a note\\n" * 9)[:200])
    page.evaluate("addEventListener('keydown', () => (window.pressed = performance.now()), true)")
    box.press("Control+Enter")
    done = page.evaluate(PAINTED, start)
    return (done - page.evaluate("window.pressed")) / 1000


def _s(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s"
