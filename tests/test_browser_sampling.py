"""The live slider, hover, forks and keys of the page Sampling, in a real browser."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from rnnviz import generate, load_run, next_token
from rnnviz.analysis import sweeps
from tests.test_browser import open_page

FOUR = "".join(f"&runs=python-source-{kind}" for kind in ("lstm", "gru", "rnn-tanh", "rnn-relu"))


def slider(page: Page) -> Locator:
    return page.locator(".st-key-temperature input[type=range]")


def texts(page: Page) -> list[str]:
    found = page.locator(".st-key-generated .generated")
    return [text.text_content() for text in found.all()]


def said(name: str, prompt: str, temperature: float, length: int = 400, seed: int = 0) -> str:
    run = load_run(name)
    ids = generate(run.model, run.ids(prompt), length, temperature, seed=seed)
    return run.vocab.decode(ids.tolist())


def unchanged(page: Page, look: Callable[[], object], milliseconds: int = 300) -> None:
    """Wait until it looks the same after so long."""
    seen = None
    while seen != (now := look()):
        seen = now
        page.wait_for_timeout(milliseconds)


def point(page: Page, place: int, version: int = 0) -> tuple[float, float]:
    """Where a token of a text stands in the window."""
    box = page.locator(".st-key-generated .generated").nth(version)
    return box.evaluate(
        """(e, place) => { const range = document.createRange();
        range.setStart(e.firstChild, place); range.setEnd(e.firstChild, place + 1);
        const b = range.getClientRects()[0];
        return [(b.left + b.right) / 2, (b.top + b.bottom) / 2]; }""",
        place,
    )


def test_what_does_not_count_after_a_cue_is_pale_and_says_so(server, page):
    open_page(page, f"{server.url}/sampling?runs=recall-lstm&prompt=Dba%3F&seed=1")
    unchanged(page, lambda: texts(page))
    pale = "CSS.highlights.get('rnnviz-uncounted').size"
    assert page.evaluate(pale) > 0
    color = "e => getComputedStyle(e, {}).color"
    given, written = (
        page.locator(f".st-key-generated .{name}") for name in ("prompt", "generated")
    )
    assert written.evaluate(color.format("'::highlight(rnnviz-uncounted)'")) == given.evaluate(
        color.format("null")
    )
    assert "only tokens after \u201c?\u201d count" in page.locator(".legend").inner_text()
    tip = page.locator(".st-key-generated .tip")
    run = load_run("recall-lstm")
    ids = generate(run.model, run.ids("Dba?"), 400, 1.0, seed=1).tolist()
    random = next(n for n in range(1, 400) if ids[n - 1] != run.info.cue)
    for n, words in ((0, "surprise"), (random, "does not count")):
        page.mouse.move(*point(page, len(run.vocab.decode(ids[:n]))))
        expect(tip).to_contain_text(words)
    open_page(page, f"{server.url}/compare?runs=recall-lstm&text=Dba%3FDca%3F")
    strip = page.locator(".st-key-margin0-0 .text")
    expect(strip.locator(".token")).to_have_count(8)
    expect(strip.locator(".token:not(.pale)")).to_have_text(["D"])


def test_a_drag_moves_the_texts_before_release_and_asks_nothing_of_the_server(server, page):
    frames = []
    for event in ("framereceived", "framesent"):
        page.on("websocket", lambda socket, e=event: socket.on(e, lambda f: frames.append(f)))
    open_page(page, f"{server.url}/sampling?prompt=def%20f(&length=100{FOUR}")
    unchanged(page, lambda: len(frames), milliseconds=1500)
    before, box, sent = texts(page), slider(page).bounding_box(), len(frames)
    assert len(before) == 4
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    seen = []
    for share in (0.45, 0.3, 0.15, 0.2):
        page.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
        expect(page.locator(".generated").first).not_to_have_text((seen or [before])[-1][0])
        page.wait_for_timeout(60)
        seen.append(texts(page))
    temperature = float(slider(page).input_value())
    assert 0.3 < temperature < 0.5
    assert len({tuple(each) for each in (before, *seen)}) == 5
    for text, kind in zip(texts(page), ("lstm", "gru", "rnn-tanh", "rnn-relu"), strict=True):
        assert text == said(f"python-source-{kind}", "def f(", temperature, 100)
    assert len(frames) == sent
    assert "temperature=1.0" in page.url
    page.mouse.up()
    page.wait_for_url(re.compile(f"temperature={temperature}"))
    assert len(frames) > sent
    assert texts(page) == seen[-1]
    page.reload()
    page.locator(".generated").first.wait_for()
    expect(page.locator(".st-key-temperature output")).to_have_text(f"{temperature:.2f}")
    assert texts(page) == seen[-1]


def test_the_keys_move_the_slider_and_presets_set_it(server, page):
    open_page(page, f"{server.url}/sampling?runs=recall-lstm&prompt=Dab&temperature=0.95")
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-temperature output")).to_have_text("1.05")
    assert texts(page) == [said("recall-lstm", "Dab", 1.05)]
    page.get_by_role("button", name="1.8 falls apart").press("Enter")
    page.wait_for_url(re.compile(r"temperature=1\.8"))
    assert texts(page) == [said("recall-lstm", "Dab", 1.8)]
    page.keyboard.press("Home")


def percent(share: float) -> str:
    if share in (0, 1):
        return f"{100 * share:.0f}"
    return "\u22480" if share < 0.0005 else f"{100 * share:.{int(share < 0.1)}f}"


def test_the_bars_follow_the_slider_there_and_back(server, page):
    run = load_run("python-source-gru")
    open_page(page, f"{server.url}/sampling?runs=python-source-gru&prompt=def%20f(")
    bars = page.locator(".st-key-generated .bar-of")
    for key, temperature in (("End", 2.0), ("Home", 0.0), ("End", 2.0), ("ArrowLeft", 1.95)):
        slider(page).press(key)
        p = next_token(run.model, run.ids("def f("), temperature)
        likeliest = next_token(run.model, run.ids("def f(")).topk(12).indices
        shares = [*p[likeliest].tolist(), max(0.0, 1 - p[likeliest].sum().item())]
        wanted = [percent(share) for share in shares]
        expect(bars.locator("span")).to_have_text([f"{wanted[0]}%", *wanted[1:]])
        drawn = bars.locator("i").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect().height / e.offsetHeight)"
        )
        assert drawn == pytest.approx(shares, abs=1e-3)


def test_hover_tells_the_likeliest_and_a_click_forks_until_dismissed(server, page):
    names = ["python-source-lstm", "python-source-gru"]
    query = "".join(f"&runs={name}" for name in names)
    open_page(page, f"{server.url}/sampling?prompt=def%20f({query}")
    lstm = load_run(names[0])
    sweep = sweeps.sweep_run(lstm, "def f(", 400, sweeps.SamplingOptions()).sweep
    unchanged(page, lambda: point(page, 17))
    page.mouse.move(*point(page, 17))
    tip = page.locator(".tip")
    expect(tip).to_contain_text("token 18 of 400")
    rows = tip.locator("li").all_inner_texts()
    top = [samples_name(lstm.vocab.id2token[i]) for i in sweep.top_tokens[20, 17].tolist()]
    assert [row.split("\n")[0] for row in rows] == top
    share = float(rows[0].split("\n")[1].rstrip("%")) / 100
    assert share == pytest.approx(sweep.top_probs[20, 17, 0].item(), abs=0.006)
    expect(tip).to_contain_text(f"rank {int(sweep.rank[20, 17])} of 103")

    page.mouse.click(*point(page, 17))
    choices = page.locator(".panel li button")
    expect(choices).to_have_count(10)
    before = texts(page)
    choices.nth(2).click()
    page.locator(".forkline").wait_for()
    assert len(texts(page)) == 4
    assert texts(page)[0::2] == before
    prefix = before[0][:17] + lstm.vocab.id2token[sweep.top_tokens[20, 17, 2]]
    for fixed in page.locator(".fixed .choice").all():
        assert fixed.text_content() == prefix[-1]
    fixed = page.locator(".version .fixed")
    assert [each.text_content() for each in fixed.all()] == ["", prefix, "", prefix]
    page.get_by_role("button", name="Dismiss the fork").click()
    expect(page.locator(".forkline")).to_have_count(0)
    assert texts(page) == before


def samples_name(token: str) -> str:
    return token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


def test_a_large_vocabulary_is_asked_and_forked_by_keyboard_alone(server, page):
    open_page(page, f"{server.url}/sampling?runs=python-docs-lstm&prompt=The%20list&length=50")
    unchanged(page, lambda: texts(page))
    before = texts(page)[0]
    assert before == said("python-docs-lstm", "The list", 1.0, 50)
    page.locator(".st-key-generated .text").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".spoken")).to_contain_text("token 3 of 50")
    expect(page.locator(".panel li button")).to_have_count(10)
    expect(page.locator(".panel li button").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".panel li button").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".forkline").wait_for()
    assert texts(page)[0] == before


def test_markup_in_a_prompt_and_in_tokens_is_text(server, page):
    prompt = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    open_page(page, f"{server.url}/sampling?runs=python-source-gru&prompt={quote(prompt)}")
    assert page.locator(".prompt").text_content() == prompt
    assert page.locator(".root img, .root script").count() == 0
    assert page.title() != "run"


def test_an_empty_and_a_long_prompt_are_gone_on_from(server, page):
    open_page(page, f"{server.url}/sampling?runs=recall-lstm&prompt=&seed=3&length=50")
    unchanged(page, lambda: texts(page))
    assert texts(page) == [said("recall-lstm", "", 1.0, 50, seed=3)]
    page.get_by_label("Prompt", exact=True).fill("Dab" * 1700)
    page.get_by_label("Prompt", exact=True).press("Control+Enter")
    expect(page.locator(".prompt")).to_contain_text("…")
    page.wait_for_function(
        "t => document.querySelector('.st-key-generated [data-testid=stBidiComponentIsolated]')"
        ".shadowRoot.querySelector('.generated').textContent === t",
        arg=said("recall-lstm", "Dab" * 1700, 1.0, 50, seed=3),
    )


def test_generate_txt_is_downloaded_with_how_it_was_made(server, page):
    query = "runs=python-docs-gru&prompt=The&seed=2&temperature=0.5&length=50"
    open_page(page, f"{server.url}/sampling?{query}")
    page.get_by_text("Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="generate.txt").click()
    assert download.value.suggested_filename == "python-docs-gru-T0.50-generate.txt"
    run = load_run("python-docs-gru")
    wanted = sweeps.generate_txt(run, "The", 0.5, sweeps.SamplingOptions(seed=2))
    assert download.value.path().read_text(encoding="utf-8") == wanted
