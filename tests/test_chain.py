"""The probability of a text as a product: bits, orders, message, and what the lesson checks."""

import json
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnviz import RNNModel, load_run
from rnnviz.analysis import chain
from rnnviz.analysis.token_scores import log_probs
from rnnviz.app.lesson import chain as stop
from rnnviz.figures.chain_message import Line, pack
from rnnviz.runs.run import Run
from tests.test_app import is_fine
from tests.test_lesson import PAGE, chain_seen, goals_of
from tests.test_links import linked

RUN = load_run(stop.RUN)
TEXT = "x = [y]"


def probabilities(run: Run, text: str) -> list[float]:
    """p of each character, one step of the network after the other, each from the state before."""
    hidden, read, found = run.model.init_hidden(1), "\n", []
    with torch.no_grad():
        for character in text:
            log_p, hidden = run.model(run.ids(read)[None], hidden)  # (1,1,V)
            found.append(math.exp(float(log_p[0, -1, run.ids(character)[0]])))
            read = character
    return found


def with_random_weights(seed: int) -> Run:
    torch.manual_seed(seed)
    return Run(RUN.info, RNNModel(**RUN.info.model).eval())


def bits_of(run: Run, text: str) -> np.ndarray:
    return chain.bits(log_probs(run, chain.START + text))


def test_bits_are_those_of_one_step_after_the_other():
    wanted = [-math.log2(p) for p in probabilities(RUN, TEXT)]
    np.testing.assert_allclose(bits_of(RUN, TEXT), wanted, atol=1e-4)


@pytest.mark.parametrize("run", [RUN, with_random_weights(0)], ids=["shipped", "random"])
def test_the_product_is_the_probability_that_the_mean_loss_gives(run):
    product = math.prod(probabilities(run, TEXT))
    assert math.exp(-len(TEXT) * chain.mean_loss(run, TEXT)) == pytest.approx(product, rel=1e-3)
    perplexity = product ** (-1 / len(TEXT))
    seen = chain_seen(run, TEXT, chain.WRITTEN, len(TEXT))
    assert seen.by_bits == pytest.approx(perplexity, rel=1e-4)
    assert seen.by_loss == pytest.approx(perplexity, rel=1e-4)


def test_equal_chances_have_as_many_choices_as_there_are():
    lines = [Line(chain.WRITTEN, np.full(5, 3.0))]
    assert stop.seen("abcde", chain.WRITTEN, lines, 4, math.log(8)).by_bits == 8


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("if a is B:", {"words swapped": "B a is if:", "backwards": ":B si a fi"}),
        ("(ab)", {"backwards": ")ba("}),
        ("to to", {"backwards": "ot ot"}),
        ("a", {}),
        ("", {}),
    ],
)
def test_only_orders_that_make_another_text_are_there(text, wanted):
    assert chain.orders(text) == {chain.WRITTEN: text} | wanted
    for order in chain.orders(text).values():
        assert sorted(order) == sorted(text)


def test_a_message_holds_the_bits_of_each_order():
    lines = [Line("backwards", np.array([1.0, 2.5])), Line(chain.WRITTEN, np.array([0.0, 7.0]))]
    message = pack(["b", "<b>"], "⏎", lines, 1, RUN.info.rnn_type, dark=False)
    (size,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + size])
    assert header["tokens"] == ["b", "<b>"]
    assert header["names"] == ["backwards", "as written"]
    assert (header["start"], header["end"]) == ("⏎", 1)
    assert struct.unpack_from("<4f", message, 4 + size) == (1.0, 2.5, 0.0, 7.0)
    assert len(message) == 4 + size + 16


@pytest.mark.parametrize(
    ("values", "said"), [([1.0], "2 tokens"), ([1.0, np.nan], "NaN"), ([np.inf, 1.0], "infinite")]
)
def test_bits_that_cannot_be_drawn_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        pack(["a", "b"], "⏎", [Line("one", np.array(values))], 1, RUN.info.rnn_type, dark=False)


def test_random_weights_surprise_nowhere_and_know_no_order():
    for seed in range(3):
        run = with_random_weights(seed)
        texts = (stop.TEXT, "if name is Zone:", "x = Q~")
        shown = [chain_seen(run, text, order, 2) for text in texts for order in chain.orders(text)]
        _, surprising, order = stop.goals(shown)
        assert not surprising.is_met
        assert not order.is_met


def test_a_perplexity_that_is_not_that_of_the_loss_is_not_reached():
    shown = [chain_seen(RUN, stop.TEXT, chain.WRITTEN, end) for end in (16, 5)]
    assert stop.goals(shown)[0].is_met
    assert not stop.goals(shown[:1])[0].is_met
    assert not stop.goals([replace(shown[0], by_loss=2.4), shown[1]])[0].is_met


def test_a_new_text_counts_as_a_whole_and_an_order_that_it_has_not_is_left():
    app = linked(PAGE, stop="13", order="words swapped", end="3")
    app.text_input(key="lesson_text").set_value("self.x").run()
    assert app.query_params["end"] == "6"
    assert app.query_params["order"] == "words swapped"
    app.text_input(key="lesson_text").set_value("word").run()
    assert is_fine(app)
    assert app.query_params["order"] == "as written"
    assert app.query_params["end"] == "4"


def test_an_empty_text_is_asked_for_and_one_character_is_enough():
    app = linked(PAGE, stop="13")
    app.text_input(key="lesson_text").set_value("").run()
    assert is_fine(app)
    assert app.info[0].value == "Write at least one character."
    app.text_input(key="lesson_text").set_value("é").run()
    assert is_fine(app)
    assert "With 1 of 1" in goals_of(app)


@pytest.mark.parametrize("written", ["", "a\nb", "x" * 33, "\x00"])
def test_a_text_that_does_not_fit_the_figure_is_not_taken_from_a_link(written):
    app = linked(PAGE, stop="13", written=written, end="99", order="sorted")
    assert is_fine(app)
    assert app.text_input(key="lesson_text").value == stop.TEXT
    assert app.query_params["end"] == "16"
    assert app.query_params["order"] == "as written"


def test_markup_in_a_text_stays_text():
    app = linked(PAGE, stop="13", written="**")
    assert is_fine(app)
    assert "of “\\*”" in goals_of(app)
