"""Stop 11 of the lesson in a browser: a text that is cut into rows and windows."""

import re
from itertools import pairwise
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from rnnviz import bptt_batchify
from rnnviz.analysis.text_view import visible
from rnnviz.app.lesson.windows import TEXT
from tests.test_browser_lesson import focus_on, is_idle, open_stop
from tests.test_browser_unrolled import slide
from tests.test_looks import (
    BACKGROUNDS,
    COLOURS,
    IN_ITS_WIDTH,
    MOST_SHIFT,
    SHIFTS,
    fetch_slowly,
    findings,
    shift,
    show_in,
)

NAMES = ("rows", "length", "window")
CELLS = """canvas => [...canvas.querySelectorAll(".cell")].map(cell => {
  const { x, y, width } = cell.getBoundingClientRect();
  const { row, sample, step } = cell.dataset;
  const place = row === undefined ? null : [sample, row, step].map(Number);
  return { text: cell.textContent, place, kind: cell.classList[1], x, y, width };
})"""
# Of the row that is looked at, in each window: its inputs, its targets
PAIRS = """async slider => {
  const root = slider.getRootNode();
  const drawn = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const texts = name => [...root.querySelectorAll(`.pair .${name}`)].map(c => c.textContent);
  const found = [];
  for (let window = 1; window <= slider.max; window++) {
    slider.value = window;
    slider.dispatchEvent(new Event("input"));
    await drawn();
    found.push([root.querySelector(".which b").textContent, texts("input"), texts("target")]);
  }
  return found;
}"""
TEXTS = {
    TEXT: [(4, 4), (3, 5), (1, 20), (8, 7), (8, 20), (5, 1), (1, 1), (6, 11)],
    "👩‍👧 é🇩🇪 naïve\t<b>&amp;</b> שלום": [(2, 5), (3, 4), (1, 13), (8, 1), (7, 5)],
    "ab": [(1, 1), (2, 1), (1, 2)],
    "a": [(1, 1)],
    "": [(1, 1), (3, 2)],
    "x" * 119 + "y": [(7, 17), (8, 14), (8, 15), (2, 20)],
}


def open_cut(page: Page, url: str, text: str = TEXT, **more: str) -> None:
    asked = "".join(f"&{name}={value}" for name, value in more.items())
    page.goto(f"{url}/lesson?stop=11&line={quote(text)}{asked}")
    expect(page.locator(".canvas .cell")).to_have_count(len(text))
    is_idle(page)


def drawn(page: Page) -> None:
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def show(page: Page, view: str) -> None:
    page.get_by_role("button", name=view, exact=True).click()
    expect(page.locator(".views [aria-pressed=true]")).to_have_text(view)
    drawn(page)


def cells(page: Page) -> list[dict]:
    return page.locator(".canvas").evaluate(CELLS)


def test_all_that_is_shown_is_what_bptt_batchify_gives(server, page):
    """Of one text after the other, typed: inputs are all tokens but the last, targets all but the
    first."""
    open_cut(page, server.url, view="windows")
    for text, cuts in TEXTS.items():
        if text != TEXT:
            write(page, text)
        for rows, length in cuts:
            slide(page, "rows", rows)
            slide(page, "length", length)
            drawn(page)
            shows_what_is_cut(page, text, rows, length)
        is_idle(page)


def write(page: Page, text: str) -> None:
    field = page.get_by_label("Text, each character a token")
    field.fill(text)
    field.press("Enter")
    expect(page.locator(".canvas .cell")).to_have_count(len(text))
    is_idle(page)


def shows_what_is_cut(page: Page, text: str, rows: int, length: int) -> None:
    """All cells, and the pairs of each window and row, are those of `bptt_batchify`."""
    tokens = [visible(token) for token in text]
    found, shape = cells(page), page.locator(".shape").inner_text()
    assert [cell["text"] for cell in found] == tokens
    read = {tuple(cell["place"]): i for i, cell in enumerate(found) if cell["place"]}
    if len(text) <= rows * length:
        with pytest.raises(ValueError, match="too few"):
            bptt_batchify(range(len(text) - 1), rows, length)
        assert f"(0, {rows}, {length})" in shape
        assert not read
        assert {cell["kind"] for cell in found} <= {"off"}
        assert "too few" in page.locator(".told").inner_text()
        assert not page.locator(".pair").is_visible()
        return
    places = range(len(text))
    inputs, targets = (bptt_batchify(p, rows, length) for p in (places[:-1], places[1:]))
    assert f"= {tuple(inputs.shape)}" in shape
    wanted = {
        (s, b, t): int(inputs[s, b, t])
        for s in range(inputs.shape[0])
        for b in range(rows)
        for t in range(length)
    }
    assert read == wanted
    count = len(inputs)
    page.locator(".stage").focus()
    for b in range(rows):
        for s, (said, *shown) in enumerate(page.locator(".window input").evaluate(PAIRS)):
            assert said == f"Window {s + 1} of {count}, row {b + 1} of {rows}. "
            assert shown == [[tokens[i] for i in ids[s, b]] for ids in (inputs, targets)]
        assert s == count - 1
        page.keyboard.press("ArrowDown")
    for _ in range(rows):
        page.keyboard.press("ArrowUp")
    is_idle(page)
    off = len(text) - len(set(inputs.flatten().tolist()) | set(targets.flatten().tolist()))
    assert [cell["kind"] for cell in found].count("off") == off
    assert f" {off} fell off" in page.locator(".told").inner_text()


def test_the_same_tokens_go_from_one_line_to_rows_and_to_windows(server, page):
    open_cut(page, server.url)
    page.locator(".canvas").evaluate("c => { for (const one of c.children) one.known = true; }")
    line = cells(page)
    assert len({cell["y"] for cell in line}) == 1
    assert [cell["x"] for cell in line] == sorted(cell["x"] for cell in line)
    colour = "canvas => [...canvas.querySelectorAll('.cell')].map(c => c.style.cssText && "
    colour += "getComputedStyle(c).getPropertyValue('--of'))"
    colours = page.locator(".canvas").evaluate(colour)
    show(page, "Rows")
    rows = [cell for cell in cells(page) if cell["place"]]
    for row in range(4):
        of = [cell for cell in rows if cell["place"][1] == row]
        assert len({cell["y"] for cell in of}) == 1
        assert [cell["x"] for cell in of] == pytest.approx([cell["x"] for cell in rows[:12]])
        steps = [b["x"] - a["x"] for a, b in pairwise(of)]
        assert steps == pytest.approx([steps[0]] * 11)  # no gap anywhere
    assert len({cell["y"] for cell in rows}) == 4
    off = [cell for cell in cells(page) if cell["kind"] == "off"]
    assert min(cell["y"] for cell in off) > max(cell["y"] for cell in rows)
    show(page, "Windows")
    cut = [cell for cell in cells(page) if cell["place"] and cell["place"][1] == 2]
    gaps = [b["x"] - a["x"] - a["width"] for a, b in pairwise(cut)]
    assert [n for n, gap in enumerate(gaps) if gap > 10] == [3, 7]  # windows of four
    assert page.locator(".canvas").evaluate(colour) == colours
    assert page.locator(".canvas .cell").evaluate_all("cells => cells.every(c => c.known)")
    assert page.locator("svg .border").count() == 3  # two between windows, one after the pair


def test_tokens_move_only_where_motion_is_welcome(server, page):
    open_cut(page, server.url)
    page.locator(".canvas").evaluate(
        "canvas => canvas.addEventListener('transitionrun', () => { window.haveMoved = true; })"
    )
    have_moved = "window.haveMoved === true"
    show(page, "Rows")
    assert not page.evaluate(have_moved)
    page.emulate_media(reduced_motion="no-preference")
    show(page, "Windows")
    page.wait_for_function(have_moved)
    page.emulate_media(reduced_motion="reduce")


def handle(page: Page, name: str) -> tuple[float, float, float]:
    """Where the handle of a slider is, and how far its values are apart, in pixels."""
    box = page.locator(f".{name} input").bounding_box()
    at, most = page.locator(f".{name} input").evaluate("i => [i.value - 1, i.max - 1]")
    step = (box["width"] - 16) / most
    return box["x"] + 8 + at * step, box["y"] + box["height"] / 2, step


def test_nothing_is_sent_while_a_slider_is_dragged_and_all_of_it_on_release(server, page):
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_cut(page, server.url, view="windows")
    page.wait_for_timeout(500)
    for name, steps, said, asked in (
        ("rows", -1, "(5, 3, 4)", "rows=3"),
        ("length", 1, "(4, 3, 5)", "steps=5"),
        ("window", 2, "(4, 3, 5)", "sample=3"),
    ):
        count = len(sent)
        x, y, step = handle(page, name)
        page.mouse.move(x, y)
        page.mouse.down()
        for n in range(1, 11):
            page.mouse.move(x + n * steps * step / 10, y)
            page.wait_for_timeout(20)
        expect(page.locator(".shape")).to_contain_text(said)
        assert len(sent) == count
        page.mouse.up()
        page.wait_for_url(re.compile(asked))
        assert len(sent) > count
        is_idle(page)
    expect(page.locator(".which")).to_contain_text("Window 3 of 4")


def test_an_answer_that_arrives_during_a_drag_does_not_end_it(server, page):
    """One slider is released and the next one already moves when Python answers."""
    open_cut(page, server.url)
    page.locator(".canvas").evaluate(
        """canvas => {
          const move = (name, value, ...kinds) => {
            const input = canvas.getRootNode().querySelector(`.${name} input`);
            input.value = value;
            for (const kind of kinds) input.dispatchEvent(new Event(kind));
          };
          move("rows", 5, "input", "change");
          move("length", 6, "input");
        }"""
    )
    page.wait_for_url(re.compile("rows=5&steps=4"))
    expect(page.locator(".st-key-lesson_check")).to_contain_text("with 5 rows and windows of 4")
    is_idle(page)
    drawn(page)
    expect(page.locator(".length output")).to_have_text("6")
    assert page.locator(".length input").input_value() == "6"
    page.locator(".length input").dispatch_event("change")
    page.wait_for_url(re.compile("rows=5&steps=6"))


def test_the_stop_is_done_by_keyboard_and_the_screen_says_so(server, page):
    open_stop(page, server.url, 11)
    goals = page.locator(".st-key-lesson_check")
    focus_on(page, "focused.closest('.slider.rows')")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".told")).to_contain_text(
        "5 × 3 × 4 = 60 inputs, 1 last target (dashed), 0"
    )
    expect(goals).to_contain_text("Fewest so far: 0, with 3 rows and windows of 4.")
    expect(goals).to_contain_text("Windows of 4: 3 rows take 5 steps, 4 rows 3.")
    is_idle(page)
    assert page.evaluate("document.activeElement.shadowRoot?.activeElement.type") == "range"
    focus_on(page, "focused.view === 'windows'")
    page.keyboard.press("Space")
    page.wait_for_url(re.compile("view=windows"))
    last = page.locator(".pair .target").last.inner_text()
    focus_on(page, "focused.matches('.stage')")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".which")).to_contain_text("Window 2 of 5, row 1 of 3")
    expect(page.locator(".which")).to_contain_text("detached: no gradient goes back")
    assert page.locator(".pair .input").first.inner_text() == last
    page.keyboard.press("ArrowDown")
    expect(page.locator(".which")).to_contain_text("Window 2 of 5, row 2 of 3")
    expect(goals).to_contain_text("In window 2, 3 of 3 rows do, and 12 of 12 targets are")
    expect(page.locator(".st-key-lesson_point")).to_be_visible()
    assert goals.inner_text().count("check_circle") == 3
    page.wait_for_url(re.compile("rows=3&steps=4&sample=2&view=windows"))
    page.keyboard.press("Tab")
    expect(page.locator(".stage:focus")).to_have_count(0)


def test_a_window_out_of_sight_is_brought_into_view_and_a_click_chooses_one(server, page):
    open_cut(page, server.url, view="windows", rows="1", steps="1", sample="60")
    chosen = page.locator(".stage .chosen")
    expect(chosen).to_be_in_viewport()
    assert page.locator(".stage").evaluate("stage => stage.scrollLeft") > 0
    page.locator(".stage .cell").nth(40).click()
    page.wait_for_url(re.compile("sample=41"))
    expect(page.locator(".which")).to_contain_text("Window 41 of 60")


def test_a_text_that_is_typed_takes_the_place_of_the_other(server, page):
    open_cut(page, server.url, view="windows", sample="3")
    write(page, "<i>short</i>, but mine 👍")
    page.wait_for_url(re.compile("line=%3Ci"))
    assert page.locator(".canvas i").count() == 0
    expect(page.locator(".which")).to_contain_text("Window 1 of 1")
    page.reload()
    expect(page.locator(".canvas .cell")).to_have_count(24)


def test_it_is_still_on_a_phone_and_legible_in_both_themes(server, cold_page):
    page = cold_page
    fetch_slowly(page)
    page.add_init_script(SHIFTS)
    page.set_viewport_size({"width": 420, "height": 900})
    page.emulate_media(color_scheme="light")
    open_cut(page, server.url, view="windows", rows="8", steps="3", sample="2")
    assert shift(page) < MOST_SHIFT
    page.wait_for_function(IN_ITS_WIDTH)
    assert page.locator(".canvas").evaluate("c => c.clientWidth <= c.parentNode.clientWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
    for theme in BACKGROUNDS:
        show_in(page, theme)
        found = findings(page, COLOURS)
        assert not found, "\n".join(found)


def test_the_browsers_back_brings_the_cut_before(server, page):
    open_cut(page, server.url, view="windows")
    page.locator(".rows input").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("rows=3"))
    page.go_back()
    page.wait_for_url(re.compile("rows=4"))
    expect(page.locator(".shape")).to_contain_text("(3, 4, 4)")
    expect(page.locator(".rows input")).to_have_value("4")
