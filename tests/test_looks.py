"""How pages look: nothing moves while they are drawn, all is legible and can be told apart."""

from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

from tests.test_browser import PAGES, open_page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
MOST_SHIFT = 0.1  # the bound up to which web.dev calls a page stable
# Streamlit draws an empty frame, and moves it when it learns of the layout and of the sidebar:
# before there is anything of a page in it.
SHIFTS = """
window.shifts = [];
const frame = "[data-testid=stMainBlockContainer]";
const isFrame = ({ node }) => node?.matches?.(frame) || node?.querySelector?.(frame);
new PerformanceObserver((list) => {
  for (const { value, sources } of list.getEntries()) {
    if (sources.some(isFrame)) continue;
    const places = sources.map(({ node, previousRect, currentRect }) =>
      `${node?.className} ${previousRect.top} -> ${currentRect.top}`);
    window.shifts.push([value, ...places]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# What axe finds in elements that Streamlit draws, by rule, and why it stays:
STREAMLITS_OWN = {
    "scrollable-region-focusable": ".katex-display, .stCode pre",  # browsers let Tab reach them
}

FEW_TOKENS = "?runs=python-source-lstm&runs=python-source-rnn-tanh&text=if+x%3A&length=50"


def settled(page: Page) -> None:
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(300)


def shift(page: Page) -> float:
    """The sum of all shifts since the page was opened; what moved is printed."""
    settled(page)
    shifts = page.evaluate("window.shifts")
    print(page.url, *shifts, sep="\n  ")
    return sum(value for value, *_ in shifts)


def findings(page: Page) -> list[str]:
    """What axe calls serious or critical in the main area."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    ran = "axe.run('.stMain', { resultTypes: ['violations'] })"
    found = page.evaluate(ran)["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
        if not is_streamlits(page, rule["id"], node["target"])
    ]


def is_streamlits(page: Page, rule: str, target: list) -> bool:
    own = STREAMLITS_OWN.get(rule)
    return (
        bool(own)
        and len(target) == 1
        and page.locator(target[0]).first.evaluate("(node, own) => node.matches(own)", own)
    )


def test_pages_are_legible_in_both_themes(server, page):
    found = {}
    for path in PAGES:
        page.emulate_media(color_scheme="light")
        open_page(page, f"{server.url}/{path}{FEW_TOKENS}")
        for theme, background in (("light", "255, 255, 255"), ("dark", "18, 20, 26")):
            page.emulate_media(color_scheme=theme)
            expect(page.locator(".stApp")).to_have_css("background-color", f"rgb({background})")
            settled(page)
            found[path, theme] = findings(page)
    found = {where: those for where, those in found.items() if those}
    assert not found, "\n".join(
        f"{where}: {one}" for where, those in found.items() for one in those
    )


@pytest.mark.parametrize("width", [1440, 420])
def test_nothing_moves_while_a_page_is_drawn(server, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    moved = {}
    for path in PAGES:
        open_page(page, f"{server.url}/{path}")
        moved[path] = shift(page)
    assert max(moved.values()) < MOST_SHIFT, moved
