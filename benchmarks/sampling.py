"""Sampling: a sweep of 41 temperatures, and the live slider in the browser with four models.

Input to paint: from the slider's input event to the first task after the frame it is painted in.
Where the time of a move goes is processor time of the page's main thread, in the browser's trace.
"""

import itertools
import statistics
import time
from collections.abc import Iterator

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks._browser_trace import CATEGORIES, main_thread
from benchmarks.app import FOUR, received, started
from rnnviz import RNNModel, temperature_sweep
from rnnviz.analysis.sweeps import TEMPERATURES
from tests.browser import LAUNCH_ARGS, install_browser

ROUNDS = 9
TOKENS = 400
TEMPERATURE = ".st-key-temperature input"

PAINTS = """() => {
  const isHeard = Boolean(window.paints);
  window.paints = [];
  if (isHeard) return;
  addEventListener('input', () => {
    const began = performance.now();
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => window.paints.push(performance.now() - began);
      port2.postMessage(0);
    });
  }, true);
}"""
# Counts the frames of a sixtieth of a second that did not come, until `stopped`
FRAMES = """() => {
  window.dropped = 0;
  window.stopped = false;
  let before = null;
  const next = now => {
    if (before !== null) window.dropped += Math.max(0, Math.round((now - before) * 0.06) - 1);
    before = now;
    if (!window.stopped) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
# Resolves in the frame after the prompts of all texts end so
SHOWN = """end => new Promise(done => {
  const ready = () => {
    const tree = document.querySelector('.st-key-generated [data-testid=stBidiComponentIsolated]');
    const prompts = [...(tree?.shadowRoot.querySelectorAll('.prompt') ?? [])];
    if (prompts.length === 4 && prompts.every(p => p.textContent.endsWith(end)))
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
    else requestAnimationFrame(ready);
  };
  ready();
})"""


def rows() -> Iterator[tuple[str, str, str]]:
    yield from _sweeps()
    path = install_browser()
    with started() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        size = received(page)
        page.goto(f"{server.url}/sampling?x=1{FOUR}&length={TOKENS}")
        page.locator(".generated").first.wait_for()
        page.wait_for_timeout(2000)
        times, sizes = [], []
        for n in range(ROUNDS):
            size[0] = 0
            times.append(_change_prompt(page, n))
            page.wait_for_timeout(1000)
            sizes.append(size[0])
        yield "change of prompt to new text, four models", _s(times), "at most 1.5 s"
        megabytes = f"{statistics.median(sizes) / 1e6:.2f} MB"
        yield "    over the websocket", megabytes, "at most 3 MB"
        paints = drag(page)
        late = statistics.quantiles(paints, n=20)[18]
        median = statistics.median(paints)
        yield f"slider, input to paint, median of {len(paints)}", f"{median:.1f} ms", ""
        yield "    95th percentile", f"{late:.1f} ms", "at most 16 ms"
        yield from _shares(browser, page)
        yield "    frames dropped in a drag of two seconds, of 120", f"{_dropped(page)}", ""
        browser.close()


def _sweeps() -> Iterator[tuple[str, str, str]]:
    for vocab_size in (100, 1000):
        torch.manual_seed(0)
        model = RNNModel("LSTM", vocab_size, 128, 256, 1).eval()
        one: list[float] = []
        many: list[float] = []
        for _ in range(ROUNDS):
            for temperatures, taken in (((1.0,), one), (TEMPERATURES, many)):
                began = time.perf_counter()
                temperature_sweep(model, [1, 2, 3], temperatures, TOKENS)
                taken.append(time.perf_counter() - began)
        what = f"sweep of 41 temperatures by {TOKENS} tokens, LSTM 256, V={vocab_size}"
        ratio = statistics.median(many) / statistics.median(one)
        yield what, _s(many), "at most 0.5 s"
        yield "    times one temperature", f"{ratio:.2f}", "at most 3"


def _change_prompt(page: Page, n: int) -> float:
    """Seconds from the key press that applies a prompt to the frame that shows what follows."""
    box = page.get_by_label("Prompt", exact=True)
    box.fill(f"def f{n}(")
    page.evaluate("addEventListener('keydown', () => (window.pressed = performance.now()), true)")
    box.press("Control+Enter")
    return (page.evaluate(SHOWN, f"f{n}(") - page.evaluate("window.pressed")) / 1000


def drag(page: Page, selector: str = TEMPERATURE) -> list[float]:
    """Milliseconds from input to paint of each move of a slider over its track and back."""
    slider = page.locator(selector).first
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.evaluate(PAINTS)
    page.mouse.move(box["x"] + 8, middle)
    page.mouse.down()
    for n in (*range(41), *range(40, -1, -1), *range(41)):
        page.mouse.move(box["x"] + 8 + (box["width"] - 16) * n / 40, middle)
        page.wait_for_timeout(40)
    page.mouse.up()
    return page.evaluate("window.paints")


def _shares(browser: Browser, page: Page) -> Iterator[tuple[str, str, str]]:
    """Where the main thread's time of a move goes, a row a kind."""
    browser.start_tracing(page=page, categories=CATEGORIES)
    moves = len(drag(page))
    spent = main_thread(browser.stop_tracing())
    for kind in ("script", "style", "layout", "paint", "other"):
        share = spent[kind] / sum(spent.values())
        yield f"    {kind}, a move", f"{spent[kind] / moves:.2f} ms", f"{share:.0%} of the thread"


def _dropped(page: Page) -> int:
    """Frames that did not come while the slider was dragged to and fro for two seconds."""
    box = page.locator(TEMPERATURE).bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 8, middle)
    page.mouse.down()
    page.evaluate(FRAMES)
    end = time.perf_counter() + 2
    steps = itertools.cycle((*range(41), *range(39, 0, -1)))
    while time.perf_counter() < end:
        page.mouse.move(box["x"] + 8 + (box["width"] - 16) * next(steps) / 40, middle)
        page.wait_for_timeout(16)
    dropped = page.evaluate("() => ((window.stopped = true), window.dropped)")
    page.mouse.up()
    return dropped


def _s(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s"
