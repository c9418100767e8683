"""How a text is cut into rows and windows, and what stop 11 of the lesson checks of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz.analysis.windows import Cut, cut
from rnnviz.app.lesson import windows
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import from_text
from rnnviz.figures import binary_message, windows_message
from rnnviz.figures.windows_message import MOST_LENGTH, MOST_ROWS, MOST_TOKENS, VIEWS, Shown
from rnnviz.training.batches import batches_of
from rnnviz.training.config import TrainConfig
from tests.test_app import is_fine, opened
from tests.test_links import linked

PAGE = "pages/lesson.py"
SIZES = st.integers(0, 200), st.integers(1, MOST_ROWS), st.integers(1, MOST_LENGTH)


@given(*SIZES)
def test_a_cut_is_that_of_a_plain_loop(tokens, rows, length):
    found = cut(tokens, rows, length)
    steps = max(0, tokens - 1) // (rows * length)
    assert found.inputs.shape == found.targets.shape == (steps, rows, length)
    used = set()
    for step in range(steps):
        for row in range(rows):
            for t in range(length):
                place = row * steps * length + step * length + t
                assert found.inputs[step, row, t] == place
                assert found.targets[step, row, t] == place + 1
                used |= {place, place + 1}
    assert found.left_over == tokens - len(used)


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (3, 5), (4, 4), (8, 6)])
def test_a_cut_is_what_a_training_reads(rows, length):
    """A corpus keeps nine tenths of a text to train on."""
    corpus = make_corpus(from_text(windows.TEXT * 20, "mine"))
    config = TrainConfig(batch_size=rows, sequence_length=length, steps=1)
    read = batches_of(corpus, config, torch.device("cpu"))
    found = cut(len(corpus.train), rows, length)
    assert np.array_equal(corpus.train.numpy()[found.inputs], read.inputs)
    assert np.array_equal(corpus.train.numpy()[found.targets], read.targets)


@given(*SIZES)
def test_each_next_token_is_a_target_once_also_across_borders(tokens, rows, length):
    targets = cut(tokens, rows, length).targets.ravel()
    assert sorted(targets) == list(range(1, len(targets) + 1))


def test_a_message_has_each_character_visibly_and_the_choice():
    text = "a \n\0👩‍👧é\ud800<b>"
    header = binary_message.header_of(windows_message.pack(text, Shown(3, 5, 2, "rows")))
    assert header["tokens"] == [*"a␣⏎␀👩\ufffd👧é\ufffd<b>"]
    assert header["choice"] == {"rows": 3, "length": 5, "window": 2, "view": "rows"}
    assert header["most"] == {"rows": MOST_ROWS, "length": MOST_LENGTH}


def shown(*settings: tuple[int, int, int], text: str = windows.TEXT) -> list[windows.Seen]:
    """What is seen of a text at rows, length and window."""
    return [windows.seen(text, cut(len(text), b, t), window) for b, t, window in settings]


def met(seen: list[windows.Seen]) -> list[bool]:
    return [goal.is_met for goal in windows.goals(seen)]


def test_goals_are_reached_by_what_they_say_alone():
    assert met(shown((4, 4, 1))) == [False, False, False]
    assert met(shown((3, 4, 1))) == [True, False, False]
    assert met(shown((4, 4, 1), (5, 4, 1))) == [True, False, False]  # 3 steps both
    assert met(shown((4, 7, 1), (2, 7, 1))) == [False, True, False]
    assert met(shown((4, 7, 1), (2, 8, 1))) == [False, False, False]  # other windows
    assert met([*shown((4, 7, 1)), *shown((2, 7, 1), text="abc" * 30)])[1] is False  # another text
    assert met(shown((4, 4, 2))) == [False, False, True]
    # One row, windows of one, or no window at all are no cut
    assert met(shown((1, 4, 1), (4, 1, 1), (8, 20, 1))) == [False, False, False]


def test_a_cut_that_does_not_go_on_or_does_not_shift_by_one_is_not_reached():
    right = cut(len(windows.TEXT), 3, 4)
    assert met([windows.seen(windows.TEXT, right, 2)])[2]
    steps_of_text = np.arange(60).reshape(5, 3, 4)  # a row is not one stretch of the text
    for wrong in (
        Cut(steps_of_text, steps_of_text + 1, 0),
        replace(right, targets=right.inputs),
        replace(right, inputs=right.inputs[::-1], targets=right.targets[::-1]),
    ):
        assert not met([windows.seen(windows.TEXT, wrong, 2)])[2]


def test_more_rows_that_take_more_steps_are_not_reached():
    few, many = shown((2, 4, 1), (4, 4, 1))
    assert met([few, many])[1]
    assert not met([few, replace(many, windows=few.windows + 1)])[1]
    most = replace(many, rows=8, windows=few.windows + 1)  # fewer, then more again
    assert not met([few, many, most])[1]


@pytest.mark.parametrize("text", ["", "a", "ab", "👩‍👧" * 40, "x" * 500, "<b>:red[x]</b>"])
def test_any_text_is_cut_and_one_that_is_too_long_is_shortened(text):
    for rows, steps in ((8, 20), (1, 1), (2, 7)):
        app = linked(PAGE, stop="11", line=text, rows=str(rows), steps=str(steps), sample="99")
        assert is_fine(app)
        assert app.text_input(key="lesson_line").value == text[:MOST_TOKENS]
        count = max(0, len(text[:MOST_TOKENS]) - 1) // (rows * steps)
        assert app.session_state["lesson_sample"] == min(99, max(1, count))


@pytest.mark.parametrize("value", ["0", "9", "x", "-1", "1e9", ""])
def test_a_number_in_a_link_that_no_slider_has_is_not_taken(value):
    app = linked(PAGE, stop="11", rows=value, steps="21", view=value)
    assert is_fine(app)
    state = app.session_state
    assert (state["lesson_rows"], state["lesson_steps"]) == (4, 4)
    assert state["lesson_view"] == VIEWS[0]


def test_a_text_that_is_typed_is_cut_and_in_the_address():
    app = linked(PAGE, stop="11")
    app.text_input(key="lesson_line").set_value("abcdefghi").run()
    assert is_fine(app)
    assert app.query_params["line"] == "abcdefghi"
    assert "Fewest so far: 12" in next(m.value for m in app.markdown if "**Check.**" in m.value)
    app.session_state["lesson_rows"] = 2
    app.run()
    assert "Fewest so far: 0, with 2 rows and windows of 4." in next(
        m.value for m in app.markdown if "**Check.**" in m.value
    )


def test_the_settings_of_a_training_open_with_these_rows_and_windows():
    text = {"train_way": "paste", "train_text": "a text to learn\n" * 100}
    app = opened("pages/train.py", **text, train_batch=3, train_length=4, train_more=True)
    assert app.number_input(key="train_batch").value == 3
    assert app.number_input(key="train_length").value == 4
    assert not app.warning
    (more,) = [box for box in app.expander if box.label == "More settings"]
    assert more.proto.expanded
    usual = opened("pages/train.py", **text)
    assert usual.number_input(key="train_length").value == TrainConfig(steps=1).sequence_length
