"""The lesson and its figures: first pictures of stops, what the server computes, and drags.

Every clock is the browser's own. A first picture begins with the navigation to a stop on a server
and in a browser that have shown it before, and ends in the frame after its figure stands there. A
step of a slider begins with its key and ends in the frame after figure or checks were redrawn.
"""

import statistics
from collections.abc import Iterator

from playwright.sync_api import Page, sync_playwright

from benchmarks._redrawn import redrawn, watch
from benchmarks.app import started
from benchmarks.sampling import TEMPERATURE, drag
from rnnviz.app.lesson.stops import STOPS
from tests.browser import LAUNCH_ARGS, install_browser

ROUNDS = 5
PAIR = "runs=python-source-lstm&runs=python-source-rnn-tanh"
# Resolves in the frame after all figures stand in the stop, so many of them charts
PICTURE = """count => new Promise(done => {
  const drawn = () => {
    const figure = document.querySelector('.st-key-lesson_figure');
    const all = selector => [...(figure?.querySelectorAll(selector) ?? [])];
    const charts = all('[data-testid=stPlotlyChart]');
    const trees = all('[data-testid=stBidiComponentIsolated]');
    if (charts.length === count && charts.length + trees.length
        && charts.every(chart => chart.querySelector('.main-svg :is(.trace, .points, .xtick)'))
        && trees.every(tree => tree.shadowRoot?.querySelector(
          'canvas, .net, .sums, .circuit, .canvas, .text, .stage')))
      requestAnimationFrame(() => done(performance.now()));
    else requestAnimationFrame(drawn);
  };
  drawn();
})"""
SHOWN = """document.querySelector('.st-key-lesson_check')?.innerText
  + [...document.querySelectorAll('.st-key-lesson_figure .main-svg :is(path, text)')]
    .map(part => part.getAttribute('d') ?? part.textContent).join()"""
# Of each stop with a plotly figure, the key of its first slider
SLIDERS = {1: "lesson_distance", 4: "gain", 5: "lesson_window", 6: "lesson_f", 7: "lesson_back"}
SLIDERS |= {8: "lesson_size", 9: "lesson_z", 10: "lesson_temperature"}
CHARTS = {*SLIDERS, 12, 14}  # stops with one


def rows() -> Iterator[tuple[str, str, str]]:
    path = install_browser()
    with sync_playwright() as playwright, started() as server:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for number in STOPS:
            address, charts = f"{server.url}/lesson?stop={number}", int(number in CHARTS)
            times = [_picture(page, address, charts) for _ in range(ROUNDS)]
            yield (
                f"stop {number}, first picture",
                f"{statistics.median(times[1:]):.2f} s",
                "at most 1 s",
            )
        for number, key in SLIDERS.items():
            _picture(page, f"{server.url}/lesson?stop={number}", 1)
            page.wait_for_timeout(1500)
            _leave_the_ends(page, key)
            times = [_step(page, key, n) for n in range(ROUNDS)]
            what = f"stop {number}, {key}, a step to redrawn"
            yield what, f"{statistics.median(times):.2f} s", "at most 0.3 s"
        yield from _drags(page, server.url)
        browser.close()


def _drags(page: Page, url: str) -> Iterator[tuple[str, str, str]]:
    """The slider of Two products beside that of temperatures, in turns."""
    places = {
        "temperature": (f"{url}/sampling?{PAIR}", TEMPERATURE),
        "distance of Two products": (f"{url}/gradients?{PAIR}", ".products-distance input"),
    }
    found: dict[str, list[float]] = {name: [] for name in places}
    for _ in range(3):
        for name, (address, selector) in places.items():
            page.goto(address)
            page.locator(selector).first.wait_for()
            page.wait_for_timeout(2500)
            found[name] += drag(page, selector)
    usual = statistics.median(found["temperature"])
    for name, times in found.items():
        ratio = f"{statistics.median(times) / usual:.2f} of temperature's"
        yield (
            f"{name}, input to paint, {len(times)} moves",
            f"{statistics.median(times):.1f} ms",
            ratio,
        )


def _picture(page: Page, address: str, charts: int) -> float:
    page.goto(address, wait_until="commit")
    return page.evaluate(PICTURE, charts) / 1000


def _leave_the_ends(page: Page, key: str) -> None:
    """Put a slider where it can go both ways."""
    page.locator(f".st-key-{key}").get_by_role("slider").focus()
    for pressed in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(pressed)
    page.wait_for_timeout(2000)


def _step(page: Page, key: str, n: int) -> float:
    page.locator(f".st-key-{key}").get_by_role("slider").focus()
    watch(page, SHOWN, "keydown")
    page.keyboard.press("ArrowLeft" if n % 2 else "ArrowRight")
    taken = redrawn(page)
    page.wait_for_timeout(500)
    return taken
