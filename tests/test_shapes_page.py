"""The page Shapes, without a browser: inputs that a person makes, what is drawn, training."""

import json
import struct

import numpy as np
import pytest

from rnnviz.app import components, shape_inputs
from rnnviz.figures import class_text
from rnnviz.jobs.task_training import TaskTraining
from rnnviz.tasks import files, scores
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.film import MOST_FRAMES
from rnnviz.tasks.task import NEW, NOT_COUNTED, SHAPES
from tests.conftest import wait_until
from tests.test_app import is_fine, opened
from tests.test_links import linked

PAGE = "pages/shapes.py"


@pytest.fixture
def drawn(monkeypatch):
    """The headers of the messages that the diagrams were drawn with last."""
    found = {}

    def read(message: bytes, *_) -> None:
        (size,) = struct.unpack_from("<I", message)
        found.update(json.loads(message[4 : 4 + size]))

    monkeypatch.setattr(components, "shapes", read)
    return found


def sentence(app) -> str:
    return " ".join(error.value for error in app.error)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_shows_what_its_model_says_of_its_first_input(drawn, name):
    task = TASKS[name]
    app = linked(PAGE, task=name)
    assert is_fine(app)
    assert [shape["name"] for shape in drawn["shapes"]] == list(SHAPES)
    assert SHAPES[drawn["chosen"]] == task.shape
    asked = shape_inputs.ask(task, app.session_state["shape_input"])
    said = scores.answers(files.load_model(task), asked.examples)[0]
    shown = [column["said"] for column in drawn["columns"] if column["said"] is not None]
    if task.shape == "many-to-one":
        said = said[-1:]
    assert shown == [task.outputs[number] for number in said[: len(shown)]]
    losses = [column["loss"] for column in drawn["columns"]]
    first = task.examples("page 1", 1)
    assert any(losses)
    if task.shape == "many-to-many" and name == "film":
        assert losses == [False] + [True] * (len(losses) - 1)
    assert first.targets.dtype == np.int64


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("part", ["new", "held out"])
def test_examples_are_drawn_and_judged(drawn, name, part):
    task = TASKS[name]
    part = NEW if part == "new" else next(iter(task.held_out))
    app = linked(PAGE, task=name)
    app.button(key=f"example_{part}").click().run()
    assert is_fine(app)
    example = task.examples("page 1", 1, part)
    text = shape_inputs.write(task, example)
    assert app.session_state["shape_input"] == text
    if shape_inputs.kind(task) == shape_inputs.TEXT and name != "prose":
        assert app.query_params["input"] == text or len(text) > 2_000
    truths = [column["truth"] for column in drawn["columns"] if column["said"] is not None]
    counted = example.targets[0] != NOT_COUNTED
    right = task.right(scores.answers(files.load_model(task), example), example.targets)
    if task.writes:
        assert all(truths) == bool(right.all())
    else:
        shown = [truth for truth in truths if truth is not None]
        assert shown == right.tolist()[: len(shown)]
        assert len(shown) == counted[: shape_inputs.MOST_STEPS].sum()


@pytest.mark.parametrize("name", TASKS)
def test_an_input_survives_being_written_into_a_link(name):
    task = TASKS[name]
    for seed in range(3):
        text = shape_inputs.write(task, task.examples(seed, 1))
        assert shape_inputs.write(task, shape_inputs.ask(task, text).examples) == text
        assert is_fine(linked(PAGE, task=name, input=text))


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "\u0645\u0631\u062d\u0628\u0627",
        "\U0001f600" * 30,
        "<script>",
        "x" * 5_000,
        "9" * 432,
    ],
)
def test_odd_inputs_are_answered_or_give_one_sentence(name, text):
    app = linked(PAGE, task=name, input=text)
    assert not app.exception
    assert len(app.error) <= 1
    assert sentence(app).count(".") <= 3
    assert app.button(key="example_new")


def test_a_bad_date_is_said_and_the_last_good_one_stays(drawn):
    app = linked(PAGE, task="dates", input="3 May 2021")
    good = drawn["columns"]
    app.text_input(key="shape_typed").set_value("3 M\u00e4rz 2021").run()
    assert "\u00e4" in sentence(app)
    assert drawn["columns"] == good
    app.text_input(key="shape_typed").set_value("4 May 2021").run()
    assert is_fine(app)
    assert "".join(c["said"] for c in drawn["columns"][10:-1]) == "2021-05-04"
    assert all(c["truth"] for c in drawn["columns"][10:])


def test_each_task_keeps_its_input_and_a_link_to_another_gives_none(drawn):
    app = linked(PAGE, task="dates", input="3 May 2021")
    app.session_state["shape_task"] = "prose"
    assert is_fine(app.run())
    assert app.session_state["shape_input"] == shape_inputs.first(TASKS["prose"])[0]
    app.session_state["shape_task"] = "dates"
    assert is_fine(app.run())
    assert app.session_state["shape_input"] == "3 May 2021"


def test_a_step_chooses_the_output_whose_gradient_is_drawn(drawn):
    app = linked(PAGE, task="film", input="3435363738"[:8], step="3")
    assert is_fine(app)
    arrows = [column["gradient"] is not None for column in drawn["columns"]]
    assert arrows == [False, True, True, False]
    app = linked(PAGE, task="dates", input="3 May 2021", step="4")
    assert not any(column["gradient"] for column in drawn["columns"])  # it still reads


def test_a_film_too_long_to_change_is_shown():
    path = "00" * (MOST_FRAMES // 2) + "01" * (MOST_FRAMES // 2)
    app = linked(PAGE, task="film", input=path)
    assert is_fine(app)
    assert "too long to be changed" in " ".join(info.value for info in app.info)


def test_a_model_is_trained_again_in_the_page_and_the_shipped_one_stays():
    before = files.model_file(TASKS["film"]).read_bytes()
    app = linked(PAGE, task="film")
    app.select_slider(key="shape_width").set_value(8)
    app.selectbox(key="shape_type").set_value("GRU").run()
    app.button(key="shape_start").click().run()
    training = app.session_state["shape_trainings"]["film"]
    assert isinstance(training, TaskTraining)
    assert (training.rnn_type, training.width) == ("GRU", 8)
    wait_until(lambda: not training.active)
    assert (training.state, training.message) == ("done", "")
    assert training.records[-1].step == TASKS["film"].recipe.steps
    assert len(training.said) == len(training.records)
    assert training.records[-1].score > training.records[0].score
    assert is_fine(app.run())
    assert files.model_file(TASKS["film"]).read_bytes() == before
    assert not opened("pages/train.py", train_way="paste").exception


def test_a_training_stops_when_it_is_asked_to():
    training = TaskTraining(TASKS["dates"], "LSTM", 8)
    training.stop()
    training.run()
    assert (training.state, training.records) == ("stopped", [])


def test_other_peoples_text_is_no_markup():
    text = "<script>&\n"
    page = class_text.html(text, np.zeros(10, int), np.ones(10, int), ("<b>", "c"), dark=False)
    assert "<script>" not in page
    assert "&lt;script&gt;&amp;" in page
    assert "&lt;b&gt;" in page
