"""What only a real browser shows."""

import contextlib
import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Page, TimeoutError, expect

from rnnviz import LayerTrace, list_runs, load_run, trace_model
from rnnviz._paths import SHIPPED_RUNS
from rnnviz.figures import style
from rnnviz.runs.names import run_name
from tests.conftest import Server, label_of, running_server, wait_until

PAGES = {
    "": "See inside a recurrent network",
    "lesson": "Lesson",
    "gates": "Gates",
    "states": "Cell state",
    "gradients": "Gradients through time",
    "context": "Context",
    "sampling": "Sampling",
    "shapes": "Shapes",
    "train": "Train",
    "compare": "Compare",
    "models": "Models",
}
READY = (
    ".token, .generated, .st-key-lesson_figure .main-svg, .st-key-shape_bars .main-svg, "
    "[data-testid=stDataFrame] canvas, [data-testid=stTable]"
)


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    page.locator(READY).first.wait_for()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)


def upload(page: Page, label: str, *files: Path | dict) -> None:
    page.get_by_label(label).locator("input[type=file]").set_input_files(files)


def write(page: Page, text: str) -> None:
    box = page.get_by_label("Text", exact=True)
    box.fill(text)
    box.press("Control+Enter")


def test_a_deep_link_works_on_a_fresh_server(fresh_server, page):
    """Of the pages without a text, the lesson; what makes a link work is the same on all. Home,
    Context, Models and Train are the first page of the servers of other tests."""
    open_page(page, f"{fresh_server.url}/lesson?stop=2")
    expect(page.locator("h1")).to_have_text("Lesson")
    expect(page.get_by_role("radio", name="2 Unroll")).to_be_checked()
    check_first_page(fresh_server, page)


def check_first_page(server: Server, page: Page) -> None:
    """A page that a server has shown first is there, with the links of the app."""
    expect(page.get_by_role("link", name="Gates").first).to_be_visible()
    assert "Page not found" not in page.content()
    assert "Traceback" not in server.log.read_text()


def test_markup_and_emoji_in_the_text_are_text(server, page):
    text = "<script>document.title = 'run'</script> <img src=x onerror=alert(1)> 😀"
    open_page(page, f"{server.url}/gates?runs=python-source-lstm&text={quote(text)}")
    shown = "".join(page.locator(".token").all_inner_texts())
    assert shown == text.replace(" ", "␣").replace("😀", "<unk>")
    assert page.title() != "run"
    assert page.locator(".root img, .root script").count() == 0


def test_one_cursor_marks_the_token_in_every_heatmap_whose_letters_the_legend_names(server, page):
    open_page(page, f"{server.url}/gates?text=def%20f(x)%3A")
    page.locator(".token").nth(4).hover()
    columns = page.locator(".column:not([hidden])")
    expect(columns).to_have_count(11)  # i f g o, r z n, and twice a h
    assert {c.evaluate("e => e.style.left") for c in columns.all()} == {"44.4444%"}
    expect(page.locator(".tip")).to_contain_text("token 5 of 9: f")
    legend = page.locator(".legend").inner_text()
    for name in ("input gate", "forget gate", "reset gate", "candidate", "pre-activation"):
        assert legend.count(name) == 1


def test_characters_and_words_share_the_cursor_by_their_place(server, page):
    text = quote("the function is open")
    open_page(page, f"{server.url}/gates?runs=python-source-lstm&runs=python-docs-lstm&text={text}")
    expect(page.locator("div.text:has(.token)")).to_have_count(2)
    page.locator("div.text").first.locator(".token").nth(6).hover()  # inside function
    expect(page.locator(".words .marked")).to_have_text("function")


def test_hover_tells_the_value_and_a_click_chooses_the_unit_of_other_pages_too(server, page):
    open_page(page, f"{server.url}/gates?runs=recall-lstm&text=Aabc%3FA")
    before = int(page.get_by_label("Unit", exact=True).input_value())
    area = page.locator(".area").nth(1)
    area.hover(position={"x": 30, "y": 60})
    tip = page.locator(".tip").inner_text()
    unit = int(re.search(r"unit (\d+)", tip)[1])
    value = float(re.search(r"f = ([\d.]+)", tip)[1])
    area.click(position={"x": 30, "y": 60})
    expect(page.get_by_label("Unit", exact=True)).to_have_value(str(unit))
    title = page.locator(".gtitle").filter(has_text=f"Unit {unit}, layer 1: recall-lstm")
    expect(title.first).to_be_visible()
    assert 0 <= value <= 1
    assert unit != before
    field = page.get_by_label("Unit", exact=True)
    field.fill(str(before))
    field.press("Enter")
    page.locator(".gtitle", has_text=f"Unit {before}, layer 1").wait_for()
    area.click(position={"x": 30, "y": 60})  # the cell that was clicked last
    expect(field).to_have_value(str(unit))
    for name in ("Cell state", "Models", "Gates"):
        page.get_by_role("link", name=name).first.click()
        expect(page.locator("h1")).to_have_text(name)
        if name != "Models":
            expect(page.get_by_label("Unit", exact=True)).to_have_value(str(unit))


def test_the_keyboard_reaches_and_moves_the_cursor(server, page):
    open_page(page, f"{server.url}/gates?runs=recall-lstm&text=Aabc%3FA")
    page.locator(".grid").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_timeout(50)
    expect(page.locator(".spoken")).to_contain_text("unit")
    unit = re.search(r"unit (\d+)", page.locator(".spoken").inner_text())[1]
    expect(page.locator(".marked")).to_have_text("b")
    assert unit != page.get_by_label("Unit", exact=True).input_value()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Unit", exact=True)).to_have_value(unit)
    write(page, "")  # the heatmaps are gone, and with them the browser's note of what was chosen
    page.get_by_text("The text is empty").wait_for()
    write(page, "Aab?A")
    page.locator(".token").nth(2).click()
    write(page, "Aab?")
    expect(page.locator(".token")).to_have_count(4)
    assert "Traceback" not in server.log.read_text()


def test_the_choice_follows_over_pages_and_back(server, page):
    open_page(page, f"{server.url}/?runs=recall-lstm&text=A%3FA")
    write(page, "Bab?B")
    expect(page.locator(".token")).to_have_count(5)
    page.get_by_role("link", name="Gates").first.click()
    expect(page.locator("h1")).to_have_text("Gates")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Bab?B")
    page.wait_for_url(re.compile(r"gates\?runs=recall-lstm&text=Bab"))
    page.reload()
    page.locator("canvas").first.wait_for()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Bab?B")


def test_what_a_link_opens_is_there_on_the_next_page_at_once(server, page):
    """Without a second run of the first page, in which Streamlit would store the values."""
    open_page(page, f"{server.url}/gates?runs=recall-lstm&text=Bab%3FB")
    unit = page.get_by_label("Unit", exact=True).input_value()
    for name, url in (
        ("Cell state", "states"),
        ("Gradients", "gradients"),
        ("Models", ""),  # which shows no choice, and keeps it
        ("Gates", "gates"),
    ):
        page.get_by_role("link", name=name).first.click()
        if not url:
            expect(page.locator("h1")).to_have_text(name)
            continue
        expect(page.get_by_label("Text", exact=True)).to_have_value("Bab?B")
        page.wait_for_url(re.compile(rf"{url}\?runs=recall-lstm&text=Bab"))
        page.locator(".token").first.wait_for()
    expect(page.get_by_label("Unit", exact=True)).to_have_value(unit)


def test_every_shipped_run_is_offered_with_type_and_loss(server, page):
    open_page(page, f"{server.url}/gates?runs=recall-lstm&text=A%3FA")
    page.get_by_role("combobox", name="Models shown").click()
    texts = page.get_by_role("option").all_inner_texts()
    page.get_by_role("option").first.hover()
    page.mouse.wheel(0, 2000)  # to the end of the list, which is not drawn before
    expect(page.get_by_role("option").last).not_to_have_text(texts[-1])
    offered = label_of(" ".join([*texts, *page.get_by_role("option").all_inner_texts()]))
    for info in list_runs():
        if info.name != "recall-lstm":
            kind = style.cell_name(info.rnn_type)
            name = info.corpus if info.name == run_name(info.corpus, info.rnn_type) else info.name
            loss = f"{info.valid_loss:.3f}" if info.valid_loss > 0.001 else "< 0.001"
            assert f"{kind} · {name} · {loss} nats" in offered


def test_states_are_told_and_coloured_under_one_cursor_and_a_click_shows_their_arithmetic(
    server, page
):
    text = "Aabc?A"
    open_page(page, f"{server.url}/states?runs=recall-lstm&text={quote(text)}")
    run = load_run("recall-lstm")
    layer = trace_model(run.model, run.ids(text)).layers[0]
    texts_and_heatmaps_share_one_cursor(page)
    c_has_the_colour_of_its_tanh_and_is_told_to_three_digits(page, layer)
    a_click_shows_the_arithmetic_of_that_step(page, layer)


def a_click_shows_the_arithmetic_of_that_step(page: Page, layer: LayerTrace) -> None:
    page.locator(".js-plotly-plot").last.wait_for()
    heading = page.get_by_text(re.compile(r"^Unit \d+ at token \d+"))
    before = heading.inner_text()
    page.locator(".area").last.click(position={"x": 200, "y": 90})
    expect(heading).not_to_have_text(before)
    unit, token = map(int, re.findall(r"\d+", heading.inner_text())[:2])
    wanted = [states[token - 1, 0, unit].item() for states in (layer.c_out, layer.h_out)]
    wait_until(lambda: results(page) == pytest.approx(wanted, rel=6e-3))


def results(page: Page) -> list[float]:
    """What the equations of a step end with."""
    found = []
    for line in page.locator(".st-key-step .katex-mathml annotation").all_text_contents():
        last = line.rsplit("=", 1)[1].removesuffix(r"\end{aligned}")
        number, _, power = last.replace("}", "").partition(r"\cdot 10^{")
        found.append(float(number) * 10.0 ** int(power or 0))
    return found


def c_has_the_colour_of_its_tanh_and_is_told_to_three_digits(page: Page, layer: LayerTrace) -> None:
    expect(page.locator(".scale em").first).to_have_text("tanh(c)")
    expect(page.locator("figcaption").first).to_contain_text("colour: tanh(c)")
    area, stops = page.locator(".area").first, np.array(style.scale("diverging"))
    read = "(c, at) => [...c.getContext('2d').getImageData(...at, 1, 1).data].slice(0, 3)"
    for x, y in ((0.1, 0.02), (0.4, 0.3), (0.9, 0.6)):
        box = area.bounding_box()
        area.hover(position={"x": x * box["width"], "y": y * box["height"]})
        tip = page.locator(".tip:visible").inner_text()
        unit, token = (int(re.search(rf"{what} (\d+)", tip)[1]) for what in ("unit", "token"))
        values = {name: states[token - 1, 0, unit] for name, states in layer.states_out.items()}
        for name, value in values.items():
            shown = re.search(rf"{name} = (\S+)", tip)[1].replace("\u2212", "-")
            assert float(shown) == pytest.approx(float(f"{value:.3g}"), rel=1e-9), name
        at = [int(x * len(layer.h_out)), int(y * 64)]
        place = (math.tanh(values["c"]) + 1) / 2 * (len(stops) - 1)
        wanted = [np.interp(place, range(len(stops)), stops[:, k]) for k in range(3)]
        painted = page.locator(".area canvas").first.evaluate(read, at)
        assert painted == pytest.approx(wanted, abs=6)


def texts_and_heatmaps_share_one_cursor(page: Page) -> None:
    texts = page.locator("div.text")
    expect(texts).to_have_count(3)  # the last is that of the circuits, which keeps its cursor
    texts.first.locator(".token").nth(2).hover()
    expect(page.locator(".area .column:visible")).to_have_count(2)
    for each in texts.all():
        expect(each.locator(".marked")).to_have_text("b")
    page.locator(".area").first.hover(position={"x": 3, "y": 9})
    expect(texts.first.locator(".marked")).to_have_text("A")
    page.mouse.move(0, 0)
    expect(page.locator(".marked")).to_have_count(1)


def test_a_row_of_the_influence_matrix_colours_the_text_and_a_click_sets_the_target(server, page):
    """What comes after a loss is told as zero, and not painted."""
    open_page(page, f"{server.url}/gradients?runs=python-source-gru&text=def%20f(x)%3A")
    token = page.locator("div.text .token")
    assert token.first.evaluate("e => e.style.backgroundColor") == ""
    area = page.locator(".area")
    width, height = (area.bounding_box()[side] for side in ("width", "height"))
    area.hover(position={"x": width - 3, "y": 3})
    expect(page.locator(".tip")).to_contain_text("it comes later")
    alpha = "c => c.getContext('2d').getImageData(c.width - 1, 0, 1, 1).data[3]"
    assert page.locator(".area canvas").evaluate(alpha) == 0
    area.hover(position={"x": 5, "y": height - 3})
    expect(page.locator(".tip")).not_to_contain_text("it comes later")
    expect(token.first).to_have_attribute("style", re.compile("background-color"))
    colours = {t.evaluate("e => e.style.backgroundColor") for t in token.all()}
    assert len(colours) > 3
    area.click(position={"x": 5, "y": height * 0.4})
    expect(page.get_by_label("Target: the loss after token", exact=True)).to_have_value("4")
    token.nth(1).click()
    expect(page.get_by_label("Target: the loss after token", exact=True)).to_have_value("2")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory) -> Iterator[Server]:
    """A server whose user has a run of the name `mine`."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        shutil.copytree(SHIPPED_RUNS / "recall-lstm", running.log.parent / "runs" / "mine")
        yield running


def test_a_model_is_taken_along_brought_back_renamed_and_deleted(own_server, page, tmp_path):
    folder = own_server.log.parent / "runs"
    open_page(page, f"{own_server.url}/models?runs=recall-lstm")
    expect(page.locator("h1")).to_have_text("Models")
    check_first_page(own_server, page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as one file").click()
    file = tmp_path / download.value.suggested_filename
    assert file.name == "mine.safetensors"
    download.value.save_as(file)
    upload(page, "A model: .safetensors, .pt, .pth, .ckpt or .bin", file)
    page.get_by_role("button", name="Add to your models").click()
    chosen = page.get_by_role("combobox", name="Model", exact=True)
    expect(chosen).to_have_value("mine-2")
    expect(page.get_by_role("button", name="Add to your models")).to_have_count(0)
    one, two = ((folder / name / "weights.safetensors").read_bytes() for name in ("mine", "mine-2"))
    assert one == two
    field = page.get_by_label("Name", exact=True)
    bad = "![x](y) <img src=x onerror=alert(1)> :red[z] $a$ *b*"
    for name, sentence in (
        ("mine", "there is a run 'mine' already."),
        (bad, f"{bad!r} is no name"),
    ):
        field.fill(name)
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_test_id("stAlert")).to_contain_text(sentence)
        expect(field).to_have_value(name)
    field.fill("other")
    field.press("Enter")
    expect(chosen).to_have_value("other")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "other"]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete other").click()
    expect(chosen).to_have_value("mine")
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_model_whose_loss_changes_while_it_is_looked_at_stays_chosen(own_server, page):
    """As that of a training does. Once the page is opened again its label says so."""
    trained = own_server.log.parent / "runs" / "trained"
    shutil.copytree(SHIPPED_RUNS / "recall-lstm", trained)
    fields = json.loads((trained / "run.json").read_text())
    open_page(page, f"{own_server.url}/gates?runs=trained&runs=recall-rnn-tanh&text=Aab%3FA")
    tags = page.locator("[data-testid=stSidebar] [data-tag]")
    for loss, text in ((0.5, "Ba?B"), (0.4, "Caa?C"), (0.3, "Daaa?D")):
        (trained / "run.json").write_text(json.dumps(fields | {"valid_loss": loss}))
        write(page, text)
        page.wait_for_url(re.compile(rf"runs=trained&runs=recall-rnn-tanh&text={text[:-2]}"))
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        expect(tags).to_have_count(2)
    page.reload()
    expect(tags.first).to_contain_text("0.300")
    expect(tags).to_have_count(2)
    shutil.rmtree(trained)


def test_the_models_page_fits_its_width_with_all_its_parts(own_server, page):
    open_page(page, f"{own_server.url}/models")
    model = {"name": "m.pt", "mimeType": "", "buffer": b"no model"}
    upload(page, "A model: .safetensors, .pt, .pth, .ckpt or .bin", model)
    expect(page.get_by_role("button", name="Add to your models")).to_be_visible()
    for _ in range(10):  # what is drawn again while the list is open closes it
        page.get_by_role("combobox", name="Trained on").press("ArrowDown")
        with contextlib.suppress(TimeoutError):
            page.get_by_role("option", name="Texts of your own").click(timeout=2000)
            break
    expect(page.get_by_label("train.txt, valid.txt and test.txt")).to_be_attached()
    for width in (420, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    text = {"name": "train.txt", "mimeType": "", "buffer": b"a b\n" * 9}
    upload(page, "train.txt, valid.txt and test.txt", text)
    expect(page.get_by_text("train.txt", exact=True)).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    page.get_by_role("button", name="Add to your models").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("m.pt is no model")
