"""How pages look: nothing moves while they are drawn, all is legible and can be told apart."""

from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

from tests.test_browser import PAGES, open_page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 20, 26)"}
COLOURS = "color-contrast"  # the rule of axe that a theme makes a difference to
LATENCY = 200  # milliseconds, of a phone's network
MOST_SHIFT = 0.1  # the bound up to which web.dev calls a page stable
# Shifts of the main area. Not counted: the empty frame, which Streamlit moves when it learns of the
# layout and of the sidebar, before there is anything of a page in it; and the sidebar's own fields,
# for each of which Streamlit first draws a low grey bar. The browser gives one value for all that
# moved in a frame; of the part in the main area it is computed as the browser does it. It lists the
# five largest of what moved: where all are in the main area, others may not be, but no value is
# larger than the share of the window over which something moved.
SHIFTS = """
window.shifts = [];
const frame = "[data-testid=stMainBlockContainer]";
const isMain = ({ node }) => {
  const element = node?.nodeType === 3 ? node.parentElement : node;
  return element && !element.querySelector?.(frame) && !element.closest?.("[data-testid=stSidebar]")
    && !element.matches?.(frame);
};
const area = ({ previousRect: a, currentRect: b }) => (Math.max(a.right, b.right) -
  Math.min(a.left || b.left, b.left || a.left)) * (Math.max(a.bottom, b.bottom) -
  Math.min(a.height ? a.top : b.top, b.height ? b.top : a.top));
const distance = ({ previousRect: a, currentRect: b }) => a.height && b.height
  ? Math.max(Math.abs(a.top - b.top), Math.abs(a.left - b.left)) : innerHeight / 2;
new PerformanceObserver((list) => {
  for (const { value, sources } of list.getEntries()) {
    const main = sources.filter(isMain);
    if (!main.length) continue;
    const share = Math.min(1, main.reduce((sum, s) => sum + area(s), 0) / innerWidth / innerHeight);
    const farthest = Math.max(...main.map(distance)) / Math.max(innerWidth, innerHeight);
    const part = main.length < sources.length ? share * farthest : farthest;
    const places = main.map(({ node, previousRect, currentRect }) =>
      `${node?.className} ${previousRect.top} -> ${currentRect.top}`);
    window.shifts.push([Math.min(value, part), ...places]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
# What axe finds in elements that Streamlit draws, by rule, and why it stays:
STREAMLITS_OWN = {
    "scrollable-region-focusable": ".katex-display, .stCode pre",  # browsers let Tab reach them
}

# Labels of the main area below 13 pixels; KaTeX has invisible ones
SMALL_LABELS = """() => {
  const found = new Set();
  const walk = (root) => {
    for (const element of root.querySelectorAll("*:not(.katex *)")) {
      if (element.shadowRoot) walk(element.shadowRoot);
      const size = Number.parseFloat(getComputedStyle(element).fontSize);
      const words = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
      if (words && size < 13 && element.getClientRects().length && element.tagName !== "STYLE")
        found.add(`${size} ${element.tagName} ${element.textContent.slice(0, 30)}`);
    }
  };
  walk(document.querySelector(".stMain"));
  return [...found];
}"""
# Nothing, not even what draws nothing, makes the page wider than the window
IN_ITS_WIDTH = """() => [document.documentElement, document.querySelector(".stMain")]
  .every(part => part.scrollWidth <= part.clientWidth)"""
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


def fetch_slowly(page: Page) -> None:
    """Each request takes LATENCY, so that what is fetched late is seen to come late."""
    conditions = {"offline": False, "latency": LATENCY}
    conditions |= {"downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", conditions)


def show_in(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    expect(page.locator(".stApp")).to_have_css("background-color", BACKGROUNDS[theme])


def findings(page: Page, only: str = "") -> list[str]:
    """What axe calls serious or critical in the main area, by all its rules or one."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = {"resultTypes": ["violations"]} | ({"runOnly": [only]} if only else {})
    ran = page.evaluate("options => axe.run('.stMain', options)", options)
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in ran["violations"]
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


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_still_on_a_phone_and_legible_in_both_themes(server, cold_page, path):
    page = cold_page
    fetch_slowly(page)
    page.add_init_script(SHIFTS)
    page.set_viewport_size({"width": 420, "height": 900})
    page.emulate_media(color_scheme="light")
    open_page(page, f"{server.url}/{path}{FEW_TOKENS}")
    assert shift(page) < MOST_SHIFT
    page.set_viewport_size({"width": 1440, "height": 900})
    for theme in BACKGROUNDS:
        show_in(page, theme)
        settled(page)
        found = findings(page, "" if theme == "light" else COLOURS)
        assert not found, "\n".join(found)
    assert not page.evaluate(SMALL_LABELS)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_drawn_without_moving_and_fits_both_widths_and_themes(
    server, page, path, tmp_path
):
    """Another theme and width are what a person does to an open page."""
    page.add_init_script(SHIFTS)
    page.emulate_media(color_scheme="light")
    open_page(page, f"{server.url}/{path}")
    assert shift(page) < MOST_SHIFT
    for theme, width in (("light", 1440), ("dark", 420)):
        page.set_viewport_size({"width": width, "height": 900})
        show_in(page, theme)
        page.wait_for_function(IN_ITS_WIDTH)
        shot = page.screenshot(path=tmp_path / f"{theme}-{width}.png")
        assert len(shot) > 20_000  # a blank page takes less


def test_a_phone_shows_the_choice_and_charts_without_buttons_over_them(server, page):
    page.set_viewport_size({"width": 360, "height": 800})
    open_page(page, f"{server.url}/gates{FEW_TOKENS}")
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_label("Text", exact=True).fill("if y:")
    page.get_by_label("Text", exact=True).press("Control+Enter")
    expect(page.get_by_test_id("stSidebar")).not_to_be_in_viewport()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.locator(".js-plotly-plot").first.hover()
    expect(page.locator(".modebar-container:visible")).to_have_count(0)
    panels = page.locator(".model").first.locator("figure")
    first, second = (panels.nth(n).bounding_box() for n in (0, 1))
    assert first["y"] == second["y"]
    assert first["height"] < 200


def test_at_twice_the_size_the_figure_is_on_the_screen(server, page):
    page.set_viewport_size({"width": 720, "height": 450})
    open_page(page, f"{server.url}/gates{FEW_TOKENS}")
    figure = page.locator(".js-plotly-plot").first
    expect(figure).to_be_in_viewport()
    assert figure.bounding_box()["width"] < 720
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
