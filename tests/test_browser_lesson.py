"""The lesson in a real browser: on one screen, by keyboard alone, and at once."""

import os
import re
import signal

from playwright.sync_api import Page, expect

from rnnviz.app.lesson import backward, texts
from rnnviz.app.lesson.step_html import LINES
from rnnviz.app.lesson.stops import STOPS
from tests.test_looks import BACKGROUNDS, COLOURS, SMALL_LABELS, findings, settled, show_in

ONE_SCREEN = {"width": 1440, "height": 900}, {"width": 1920, "height": 1080}
FIGURE = ".st-key-lesson_figure :is(.main-svg, .net, .canvas, .sums, .stage)"
AT_THE_EDGE = 30  # steps of the gain from its usual value: a ReLU RNN neither loses nor explodes
MOST_INTERACTIONS = 25  # of the first seven stops
SENT = 300  # milliseconds after the last key of several, in which a slider waits for another one
FOCUSED = """() => {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused;
}"""
OVERFLOW = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return [main.scrollHeight - main.clientHeight, document.documentElement.scrollWidth - innerWidth];
}"""


def open_stop(page: Page, url: str, number: int) -> None:
    page.goto(f"{url}/lesson?stop={number}")
    shows(page, number)


def shows(page: Page, number: int) -> None:
    title = f"{number} · {texts.read(number).title}"
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.locator(FIGURE).first.wait_for()
    is_idle(page)  # parts of the stop before are gone


def test_every_stop_with_all_its_words_is_one_screen_and_legible(server, page):
    """Page Down leads on, as a remote control sends it."""
    numbers, themes = sorted(STOPS), list(BACKGROUNDS)
    open_stop(page, server.url, numbers[0])
    for number in numbers:
        shows(page, number)
        page.wait_for_url(re.compile(f"stop={number}"))
        answer = max(texts.read(number).answers, key=lambda answer: len(answer.reply))
        page.locator(".st-key-lesson_words").get_by_text(answer.text, exact=True).click()
        expect(page.locator(".st-key-lesson_words")).to_contain_text(answer.reply)
        page.get_by_role("button", name="Show the point").click()
        expect(page.locator(".st-key-lesson_point .katex").first).to_be_visible()
        for size in ONE_SCREEN:
            page.set_viewport_size(size)
            settled(page)
            assert page.evaluate(OVERFLOW) == [0, 0]
        assert not page.evaluate(SMALL_LABELS)
        for theme, rules in zip(themes, ("", COLOURS), strict=True):
            show_in(page, theme)
            found = findings(page, rules)
            assert not found, "\n".join(found)
        themes.reverse()  # the next stop opens in the theme of this one
        page.keyboard.press("PageDown")


def test_a_stop_is_used_and_left_by_keyboard(server, page):
    open_stop(page, server.url, 2)
    page.keyboard.press("PageUp")
    shows(page, 1)
    focus_on(page, "focused.type === 'radio'")
    page.keyboard.press("Space")
    reply = texts.read(1).answers[0].reply
    expect(page.locator(".st-key-lesson_words")).to_contain_text(reply)
    is_idle(page)
    focus_on(page, "focused.matches('button') && focused.innerText.includes('Show the point')")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-lesson_point")).to_be_visible()


def focus_on(page: Page, condition: str) -> None:
    """Press Tab until the focus is there; a component of Streamlit has a tree of its own."""
    for _ in range(90):
        if page.evaluate(f"(focused => {condition})(({FOCUSED})())"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never reaches it: {condition}")


def is_idle(page: Page) -> None:
    """What was asked for before is drawn."""
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


def of_slider(key: str) -> str:
    return f"focused.matches('[role=slider], [type=range]') && focused.closest('.st-key-{key}')"


def press(page: Page, control: str, *keys: str) -> None:
    focus_on(page, control)
    for key in keys:
        page.keyboard.press(key)


def walk(page: Page, moves: dict[int, list[tuple[str, ...]]]) -> int:
    """Reach the goals of these stops by keyboard. An interaction is a control that is moved to a
    value, or a button; Tab leads to it. How many there were."""
    done = 0
    for number, of_stop in moves.items():
        shows(page, number)
        goals = page.locator(".st-key-lesson_check")
        for control in of_stop:
            before = goals.inner_text()
            press(page, *control)
            page.wait_for_timeout(SENT)
            is_idle(page)
            expect(goals).not_to_have_text(before)
            done += 1
        expect(page.locator(".st-key-lesson_point")).to_be_visible()
        assert goals.inner_text().count("check_circle") == goals.locator("li").count()
        if number < max(moves):
            page.keyboard.press("PageDown")
            done += 1
    return done


def test_the_first_seven_stops_are_reached_and_done_from_home_by_keyboard(server, page):
    """Together they are no more than a visitor has the patience for."""
    page.goto(server.url)
    page.locator(".main-svg").first.wait_for()
    press(page, "focused.pathname?.endsWith('/lesson')", "Enter")
    loss, forget = "focused.matches('.loss')", "focused.closest('.forget')"
    moves = {
        1: [(of_slider("lesson_distance"), "Home"), (of_slider("lesson_distance"), "End")],
        2: [(of_slider("lesson_length"), "ArrowLeft")] * 2 + [(forget, "ArrowRight")],
        3: [(loss, "ArrowRight", "Enter"), (loss, "End", "Enter")],
        4: [
            (of_slider("forget_bias"), "Home"),
            (of_slider("gain"), *["ArrowRight"] * AT_THE_EDGE),
            (of_slider("gain"), "End"),
        ],
        5: [
            (of_slider("lesson_window"), "Home", *["ArrowRight"] * 9),
            (of_slider("lesson_window"), "End", "ArrowLeft"),
        ],
        6: [
            (of_slider("lesson_o"), "ArrowRight"),
            (of_slider("lesson_f"), "End"),
            (of_slider("lesson_i"), "ArrowRight"),
            (of_slider("lesson_f"), "Home", "ArrowRight"),
        ],
        7: [(of_slider("lesson_back"), "End")],
    }
    assert 1 + walk(page, moves) <= MOST_INTERACTIONS


def test_the_stops_on_the_lab_and_the_past_are_done_by_keyboard(server, page):
    """As many interactions a stop as the first seven may have."""
    open_stop(page, server.url, 11)
    rate, past = of_slider("lesson_rate"), "focused.type === 'range'"
    moves = {
        11: [
            ("focused.closest('.rows')", "ArrowLeft"),
            ("focused.closest('.window')", "ArrowRight"),
        ],
        12: [
            ("focused.innerText === 'All six'", "Enter"),
            (rate, "End"),
            ("focused.getAttribute('aria-label') === 'Do not detach the state'", "Space"),
        ],
        13: [
            ("focused.matches('.end')", "Home"),
            ("focused.closest('.st-key-lesson_text')", "Control+a", *"if name is Zone:", "Enter"),
            ("focused.closest('.st-key-lesson_order')", "ArrowRight", "Space"),
        ],
        14: [(past, "End", "ArrowLeft"), (past, "Home"), (past, *["ArrowRight"] * 18)],
    }
    assert walk(page, moves) <= MOST_INTERACTIONS * len(moves) / 7


def test_all_shapes_are_looked_at_by_keyboard(server, page):
    open_stop(page, server.url, 15)
    shape = "focused.matches('.shape')"
    never = "focused.matches('button') && focused.innerText.startsWith('Never trained')"
    keys = ("ArrowRight", "Home", "ArrowRight", "ArrowRight")
    moves = {15: [(never, "Enter"), *((shape, key) for key in keys)]}
    assert walk(page, moves) == 5


def test_a_full_page_shows_what_was_moved_and_leads_back(server, page):
    """The laboratory is far down on its page."""
    open_stop(page, server.url, 4)
    page.get_by_role("button", name="More: Gradients").click()
    expect(page.locator("h1")).to_have_text("Gradients through time")
    expect(page.locator(".st-key-laboratory")).to_be_in_viewport()
    back = page.get_by_role("link", name="Back to the lesson, stop 4")
    back.click()
    shows(page, 4)
    expect(back).to_have_count(0)


def test_a_loss_that_is_clicked_and_a_past_that_is_forgotten_reach_the_check(server, page):
    open_stop(page, server.url, 3)
    goals = page.locator(".st-key-lesson_check")
    for part in backward.WITHOUT:
        expect(page.locator(f".st-key-copies3 {part}")).to_have_count(0)
    page.locator(".loss").nth(7).click()
    expect(goals).to_contain_text("Loss 8: at the 7 states after it the gradient is exactly 0")
    page.wait_for_url(re.compile("loss=8"))
    page.locator(".loss").last.click()
    expect(page.locator(".st-key-lesson_point")).to_be_visible()
    page.keyboard.press("PageUp")
    shows(page, 2)
    expect(page.locator(".loss[aria-pressed=true]")).to_have_count(0)  # not that of stop 3
    page.locator(".forget input").focus()
    page.keyboard.press("ArrowRight")
    expect(goals).to_contain_text("Before token 2: earlier losses change by 0 nats")
    page.wait_for_url(re.compile("forget=1"))


def test_a_circuit_holds_what_its_knobs_say_and_is_read_by_keyboard(server, page):
    """Stop 6: f at 0 and i not held, so that c is i g; the numbers are those in the circuit."""
    open_stop(page, server.url, 6)
    circuit = page.locator(".circuit")
    number = circuit.locator(".label:not(.product)[data-part=f] .number")
    before = number.text_content()
    focus_on(page, of_slider("lesson_f"))
    page.keyboard.press("ArrowRight")  # from not held to 0
    expect(number).to_have_text("0.00")
    assert before != "0.00"
    expect(number).to_have_class(re.compile("changed"))
    expect(circuit.locator(".label.product[data-part=f]")).to_have_text("0.00")
    shown = {
        part: float(
            circuit.locator(f".label:not(.product)[data-part={part}] .number")
            .text_content()
            .replace("\u2212", "-")
        )
        for part in "igc"
    }
    assert abs(shown["c"] - shown["i"] * shown["g"]) < 0.01
    circuit.focus()
    for part in ("x", "h_prev", "c_prev", "f"):
        page.keyboard.press("ArrowDown")
        expect(circuit.locator(".lit").first).to_have_attribute("data-part", part)
    expect(page.locator(".says")).to_contain_text("The forget gate")


def of_line(page: Page, line: str) -> tuple[str, list[str]]:
    """What the table of a step says of a line: what changes, and before and after."""
    row = page.locator(".step-table tr", has=page.get_by_text(line, exact=True))
    return row.locator("th").nth(1).inner_text(), row.locator("td").all_inner_texts()


def test_a_step_is_run_line_by_line_and_lowers_the_loss_or_raises_it(server, page):
    open_stop(page, server.url, 12)
    said, goals = page.locator(".step-told"), page.locator(".st-key-lesson_check")
    for n, line in enumerate(LINES):
        before = said.inner_text()
        assert page.locator(".st-key-lesson_buttons button:disabled").count() == len(LINES) - 1 - n
        page.get_by_role("button", name=line, exact=True).click()
        expect(said).not_to_have_text(before)
        is_idle(page)
    _, (left, zeroed) = of_line(page, "zero_grad")
    reach, (_, norm) = of_line(page, "backward")
    _, (unclipped, clipped) = of_line(page, "clip")
    assert float(left) > 0 == float(zeroed)
    assert "12 steps" in reach
    assert norm == unclipped
    assert float(clipped) <= 0.25 < float(unclipped)
    losses = [float(one) for one in page.locator(".step-strip tr").last.inner_text().split()[1:]]
    _, (before, after) = of_line(page, "update")
    assert abs(sum(losses) / len(losses) - float(before)) < 0.05  # the strip has one decimal
    assert float(after) < float(before)
    slider = page.locator(".st-key-lesson_rate [type=range]")
    slider.press("End")
    expect(goals).to_contain_text("LSTM, lr 50,000")
    is_idle(page)
    _, (before, after) = of_line(page, "update")
    assert float(after.replace(",", "")) > float(before)
    page.get_by_text("Do not detach the state").click()
    expect(page.locator(".step-table")).to_contain_text("24 steps back")
    expect(page.locator(".st-key-lesson_point")).to_be_visible()
    page.wait_for_url(re.compile("pressed=6.*lr=50000.*crossing=True"))
    assert page.evaluate(OVERFLOW) == [0, 0]


def test_a_step_leads_to_the_parts_of_the_model_that_train_would_train(server, page):
    """Also where the server is busy for a while before it draws them."""
    open_stop(page, server.url, 12)
    page.get_by_role("button", name="More: Train").click()
    expect(page.locator("h1")).to_have_text("Train")
    os.kill(server.pid, signal.SIGSTOP)
    page.wait_for_timeout(6000)
    os.kill(server.pid, signal.SIGCONT)
    parts = page.get_by_role("listitem").filter(has_text="×")
    expect(parts).to_have_count(7)
    expect(parts.first).to_be_in_viewport()
    names = ["Tokens", "Embedding", "Dropout", "LSTM", "Dropout", "Projection", "Log-softmax"]
    assert [words.split("\n")[0] for words in parts.all_inner_texts()] == names
    losses = page.locator(".st-key-train_parts tr").filter(has_text=re.compile(r"\d\.\d{4}"))
    expect(losses).to_have_count(2)
    first, again = (row.split()[-2:] for row in losses.all_inner_texts())
    assert first[0] != again[0]  # in training
    assert first[1] == again[1]  # in evaluation
