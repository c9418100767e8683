"""The circuits of the Cell state page, in a real browser."""

import re
from urllib.parse import quote, unquote

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from rnnviz import load_run, trace_model
from rnnviz._paths import SHIPPED_RUNS
from rnnviz.analysis.holding import hold_all
from tests.test_browser import open_page

TEXT = "Aabc?Aaab?A"
NUMBER = r"[+−]?\d[\d.]*(?:e−?\d+)?"


def open_circuits(page: Page, url: str, *runs: str) -> Locator:
    names = "&".join(f"runs={name}" for name in runs)
    open_page(page, f"{url}/states?{names}&text={quote(TEXT)}")
    cards = page.locator(".card")
    expect(cards).to_have_count(len(runs))
    cards.first.scroll_into_view_if_needed()
    return cards


def go_to(page: Page, card: Locator, token: int) -> None:
    """By the keyboard: to the first token, then on."""
    card.locator(".circuit").focus()
    page.keyboard.press("Home")
    for _ in range(token - 1):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".where")).to_have_text(f"token {token}: {TEXT[token - 1]}")


def value(text: str) -> float:
    return float(re.search(NUMBER, text)[0].replace("−", "-"))


def results(card: Locator) -> list[float]:
    """What the equations of a card end with."""
    shown = card.locator(".equation").all_inner_texts()
    return [value(line.rpartition("=")[2]) for line in shown]


def unit_of(card: Locator) -> int:
    return int(re.search(r"unit (\d+)", card.locator(".note").inner_text())[1])


def test_steps_by_keyboard_show_the_numbers_of_the_run(server, page):
    sent = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    names = ["recall-lstm", "python-source-gru", "recall-rnn-tanh"]
    cards = open_circuits(page, server.url, *names)
    assert sent
    page.wait_for_timeout(500)
    sent.clear()
    for name, card in zip(names, cards.all(), strict=True):
        run = load_run(SHIPPED_RUNS / name)
        layer, unit = trace_model(run.model, run.ids(TEXT)).layers[0], unit_of(card)
        arrays = layer.gates | layer.states_out
        lines = [line.get_attribute("data-defines") for line in card.locator(".equation").all()]
        for token in (1, 4, 11):
            go_to(page, card, token)
            wanted = [arrays[line][token - 1, 0, unit].item() for line in lines]
            assert results(card) == pytest.approx(wanted, rel=6e-3)
    assert not sent


def test_a_cell_with_open_forget_gate_and_closed_input_gate_keeps_its_state(server, page):
    card = open_circuits(page, server.url, "recall-lstm", "recall-rnn-tanh").first
    unit, start = unit_of(card), 5
    go_to(page, card, start)
    card.get_by_label("hold f").click()
    card.get_by_label("f = 1", exact=True).click()
    card.get_by_label("hold i").click()
    card.get_by_label("i = 0", exact=True).click()
    expect(card.locator(".is-held .held")).to_have_text(["= 1.00, held", "= 0, held"])
    moved = card.locator(".moved b")
    run = load_run(SHIPPED_RUNS / "recall-lstm")
    ids = run.ids(TEXT)
    held, log_probs = hold_all(run.model, ids, unit, {"f": 1.0, "i": 0.0}, start - 1, 0)
    for token in (start, start + 1, len(TEXT)):
        go_to(page, card, token)
        assert abs(value(moved.inner_text())) < 1e-6
        c = held.layers[0].c[token, 0, unit].item()
        assert value(card.locator("[data-defines=c] .numbers b").inner_text()) == pytest.approx(
            c, rel=6e-3
        )
        best = run.vocab.id2token[int(log_probs[token - 1].argmax())]
        expect(card.locator(".five bdi").first).to_have_text(best)
    before = trace_model(run.model, ids).layers[0].c[:, 0, unit]
    assert torch.diff(before[start - 1 :]).abs().max() > 1e-3
    go_to(page, card, start - 1)
    expect(card.locator(".moved")).to_have_text("The cursor is before the hold.")
    card.get_by_label("hold f").click()
    card.get_by_label("hold i").click()
    expect(card.locator(".held-row")).to_have_count(0)
    go_to(page, card, len(TEXT))
    expect(card.locator(".is-held")).to_have_count(0)


def test_a_touched_part_lights_its_equation_and_the_layer_shows_strips(server, page):
    card = open_circuits(page, server.url, "recall-lstm").first
    card.locator(".circuit .frame[data-part=f]").hover()
    expect(card.locator(".equation.lit")).to_have_attribute("data-defines", "f")
    expect(card.locator(".says")).to_contain_text("forget gate")
    card.locator("[data-defines=h] .names [data-part=o]").hover()
    expect(card.locator(".circuit .frame.lit")).to_have_attribute("data-part", "o")
    page.get_by_role("button", name="Whole layer").click()
    expect(card.locator(".strip canvas")).to_have_count(7)
    before = unit_of(card)
    card.locator(".marks").click(position={"x": 150, "y": 20})
    expect(card.locator(".note")).not_to_have_text(f"unit {before}")
    expect(page.get_by_label("Unit", exact=True)).to_have_value(str(unit_of(card)))


def test_what_is_held_is_in_the_address_and_a_copied_link_holds_it(server, page):
    card = open_circuits(page, server.url, "recall-lstm").first
    go_to(page, card, 5)
    card.get_by_label("hold f").click()
    card.get_by_label("f = 1", exact=True).click()
    unit = unit_of(card)
    page.wait_for_url(lambda url: f"hold=f:1@5/{unit}/recall-lstm" in unquote(url))
    expect(card.locator(".result")).to_contain_text("Mean loss")
    link, shown = page.url, card.locator(".result").inner_text()
    page.goto("about:blank")
    open_page(page, link)
    card = page.locator(".card").first
    expect(card.locator(".held-row")).to_have_count(1)
    go_to(page, card, 5)
    expect(card.locator(".is-held .held")).to_have_text(["= 1.00, held"])
    assert card.locator(".result").inner_text() == shown
    for is_back_again in (True, False):  # what is asked for is the same both times
        card.get_by_label("hold f").click()
        page.wait_for_url(lambda url: "hold=" not in url)
        if is_back_again:
            page.go_back()
            expect(card.locator(".held-row")).to_have_count(1)
