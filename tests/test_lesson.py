"""The lesson: its frame, its texts, and each stop's check with shipped and with random weights."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from rnnviz import RNN_TYPES, RNNModel, _paths, load_run, next_token
from rnnviz.analysis import chain as chain_rule
from rnnviz.analysis import (
    duel,
    flattening,
    gradient_decay,
    layer_sizes,
    lost_gradient,
    one_step,
    reach,
    small_training,
    token_scores,
    two_products,
    unrolled,
)
from rnnviz.analysis.past import past as past_of
from rnnviz.app import navigation, shape_caches, shape_inputs
from rnnviz.app.lesson import (
    again,
    backward,
    chain,
    copies,
    distance,
    frame,
    gru_cell,
    knobs,
    lstm_cell,
    past,
    products,
    sizes,
    stops,
    temperature,
    texts,
    training_step,
    truncation,
)
from rnnviz.app.lesson.stop import Goal, Stop
from rnnviz.app.lesson.stops import STOPS
from rnnviz.app.shapes import Example
from rnnviz.app.terms import TERMS
from rnnviz.figures.chain_message import Line
from rnnviz.runs.recall_group import DELAYS, SHORT, model_name
from rnnviz.runs.run import Run
from rnnviz.tasks.catalog import TASKS
from rnnviz.tasks.models import build
from tests.conftest import ROOT
from tests.test_app import is_fine, opened
from tests.test_links import linked
from tests.test_words import FORMS, said

PAGE = "pages/lesson.py"


def an_example(name: str, part: str = "new") -> Example:
    """One that stop 15 may draw."""
    task = TASKS[name]
    drawn = task.examples("lesson", 1, part)
    return Example(name, shape_inputs.write(task, drawn), part, drawn.targets[0])


def shown_by(example: Example) -> tuple[tuple[str, object], ...]:
    return (
        ("shape_task", example.task),
        ("shape_example", example),
        ("shape_input", example.text),
    )


EXAMPLES = [
    *map(an_example, ("picture", "caption", "prose", "dates")),
    an_example("film", "moves"),
]
# What a person does at a stop to reach all its goals: the control, and its values in turn; a
# value of the session where a component of its own is the control
SOLUTIONS = {
    1: (("lesson_distance", 5), ("lesson_distance", 60), ("lesson_distance", 100)),
    2: (("lesson_length", 4), ("lesson_length", copies.STEPS), ("lesson_forgotten", 7)),
    3: (("lesson_loss", 8), ("lesson_loss", copies.STEPS)),
    4: (("gain", 3.0), ("gain", 1.2), ("gain", 0.58), ("forget_bias", 0.0)),
    5: (("lesson_window", 16), ("lesson_window", 130)),
    6: (("lesson_f", 1.0), ("lesson_i", 0.0), ("lesson_o", 0.0), ("lesson_f", 0.0)),
    7: (("lesson_back", 100),),
    8: (("lesson_size", 192),),
    9: (("lesson_z", 1.0), ("lesson_z", 0.0)),
    10: (
        ("lesson_temperature", 0.5),
        ("lesson_temperature", 2.0),
        ("lesson_temperature", math.inf),
    ),
    14: (("lesson_known", 101), ("lesson_known", 59)),
    15: tuple(pair for example in EXAMPLES for pair in shown_by(example)),
    11: (("lesson_rows", 3), ("lesson_sample", 2)),
    13: (
        ("lesson_end", 5),
        ("lesson_text", "if name is Zone:"),
        ("lesson_order", "words swapped"),
    ),
    12: (
        ("lesson_pressed", 6),
        ("lesson_rate", 50.0),
        ("lesson_rate", 1.0),
        ("lesson_crossing", True),
    ),
}


def goals_of(app: AppTest) -> str:
    return next(element.value for element in app.markdown if "**Check.**" in element.value)


def shows_the_point(app: AppTest) -> bool:
    return any(element.value.startswith("**The point.**") for element in app.markdown)


def solve(app: AppTest, number: int) -> AppTest:
    for key, value in SOLUTIONS[number]:
        drawn = [*app.slider, *app.select_slider, *app.text_input, *app.button_group]
        controls = {control.key: control for control in drawn}
        if key in controls:
            controls[key].set_value(value)
        else:
            app.session_state[key] = value
        app.run()
        assert is_fine(app)
    return app


def has_a_figure(app: AppTest) -> bool:
    drawn = {element.proto.component_name for element in app.get("bidi_component")}
    own = {"rnnviz_unrolled", "rnnviz_windows", "rnnviz_chain", "rnnviz_shapes"}
    return bool(app.get("plotly_chart")) or bool(drawn & own)


@pytest.mark.parametrize("number", STOPS)
def test_each_stop_opens_with_a_question_a_figure_and_nothing_reached(number):
    app, text = linked(PAGE, stop=str(number)), texts.read(number)
    assert is_fine(app)
    assert not app.toast
    assert app.subheader[0].value == f"{number} · {text.title}"
    assert app.radio[0].options == [answer.text for answer in text.answers]
    assert app.radio[0].value is None
    assert has_a_figure(app)
    assert frame.REACHED not in goals_of(app)
    assert not shows_the_point(app)
    assert app.query_params["stop"] == str(number)


@pytest.mark.parametrize("number", STOPS)
def test_moving_the_figure_reaches_the_goals_and_shows_the_point(number):
    app = solve(linked(PAGE, stop=str(number)), number)
    assert frame.OPEN not in goals_of(app)
    assert shows_the_point(app)
    done = [bool(option.content_icon) for option in app.button_group(key="stepper").proto.options]
    assert done == [known == number for known in sorted(STOPS)]


@pytest.mark.parametrize("number", STOPS)
def test_the_point_can_be_asked_for(number):
    app = linked(PAGE, stop=str(number))
    app.button(key=f"point{number}").click().run()
    assert shows_the_point(app)
    assert app.latex[0].value.strip("$\n ") == texts.read(number).formula


@pytest.mark.parametrize("number", STOPS)
def test_each_answer_has_its_reply_which_stays(number):
    app = linked(PAGE, stop=str(number))
    for n, answer in enumerate(texts.read(number).answers):
        app.radio[0].set_value(n).run()
        verdict = frame.RIGHT if answer.is_right else frame.WRONG
        assert f"{verdict} {answer.reply}" in [element.value for element in app.markdown]
    last = len(STOPS) - 1
    step = "back" if sorted(STOPS).index(number) == last else "next"
    app.button(key=step).click().run()
    assert app.radio[0].value is None
    app.button(key="next" if step == "back" else "back").click().run()
    assert app.radio[0].value == n


@pytest.mark.parametrize("asked", ["0", "99", "-3", str(10**30)])
def test_a_stop_that_is_not_there_is_the_nearest_one_and_said(asked):
    app = linked(PAGE, stop=asked)
    assert is_fine(app)
    nearest = min(STOPS, key=lambda number: abs(number - int(asked)))
    assert app.query_params["stop"] == str(nearest)
    assert app.toast[0].value == f"The lesson has no stop {asked}: this is stop {nearest}."


@pytest.mark.parametrize("asked", ["x", "", "4.5", "1e3", "9" * 5_000])
def test_a_stop_that_is_no_number_is_the_first(asked):
    app = linked(PAGE, stop=asked)
    assert is_fine(app)
    assert app.query_params["stop"] == str(min(STOPS))


def test_next_back_and_jump_go_through_all_stops():
    app, shown = opened(PAGE), []
    while True:
        shown.append(int(app.query_params["stop"]))
        if app.button(key="next").disabled:
            break
        app.button(key="next").click().run()
    assert shown == sorted(STOPS)
    for number in shown[-2::-1]:
        app.button(key="back").click().run()
        assert app.query_params["stop"] == str(number)
    assert app.button(key="back").disabled
    app.button_group(key="stepper").set_value(shown[-1]).run()
    assert app.query_params["stop"] == str(shown[-1])


def test_a_link_restores_the_controls_of_its_stop():
    found = {
        1: {"distance": "60"},
        2: {"length": "12", "forget": "4"},
        3: {"loss": "9"},
        4: {"gain": "1.2", "forget_bias": "-1.0"},
        5: {"window": "33"},
        6: {"f": "1.0", "i": "0.3", "o": "0.0", "token": "15"},
        7: {"back": "33"},
        8: {"h": "120"},
        9: {"z": "0.5", "token": "2"},
        10: {"temperature": "inf"},
        11: {"line": "a b", "rows": "2", "steps": "1", "sample": "1", "view": "windows"},
        14: {"from": "50"},
        15: {"task": "film", "input": "34353637", "step": "3"},
        13: {"written": "def f(x):", "order": "backwards", "end": "4"},
        12: {"pressed": "5", "cell": "GRU", "lr": "0.05", "reset": "True", "crossing": "True"},
    }
    assert found.keys() == STOPS.keys()
    for number, parameters in found.items():
        app = linked(PAGE, stop=str(number), **parameters)
        assert is_fine(app)
        assert dict(app.query_params) == {"stop": str(number)} | parameters


def test_what_was_learned_over_a_distance_is_shown_once_it_was_looked_at():
    """Before that a person predicts it."""
    app = linked(PAGE, stop="1")
    for looked_at, between in ((20, (20, 20)), (60, (20, 60)), (30, (20, 60)), (5, (5, 60))):
        app.select_slider(key="lesson_distance").set_value(looked_at).run()
        lines = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
        assert len(lines) == len(RNN_TYPES)
        for line in lines:
            shown = [d for d, p in zip(DELAYS, line["y"], strict=True) if p is not None]
            assert shown == [d for d in DELAYS if between[0] <= d <= between[1]]


@pytest.mark.parametrize("value", ["nan", "-1", "hot", "7", "1e300"])
def test_a_temperature_in_a_link_is_one_of_the_slider(value):
    app = linked(PAGE, stop="10", temperature=value)
    assert is_fine(app)
    assert app.session_state["lesson_temperature"] in temperature.TEMPERATURES


@pytest.mark.parametrize("number", STOPS)
def test_a_full_page_has_the_same_state_and_leads_back(number):
    app = solve(linked(PAGE, stop=str(number)), number)
    before = dict(app.query_params)
    target = navigation.at(texts.read(number).page)
    app.button(key="leave").click().run()
    assert not app.exception
    assert is_fine(app) or number == 12  # Train may tell of a training that failed in another test
    state = app.session_state
    if number == 1:
        assert state["duel_distance"] == 100
    elif number == 7:
        assert list(state["runs"]) == ["recall-1-10-rnn-tanh", "recall-1-10-lstm"]
    elif number == 2:
        assert list(state["runs"]) == [copies.RUN]
        assert state["forgotten"] == (copies.TEXT, 7)
    elif number == 3:
        assert list(state["runs"]) == [copies.RUN]
        assert state["text"] == copies.TEXT
        assert app.number_input(key="token").value == copies.STEPS
    elif number == 4:
        assert (app.slider(key="gain").value, app.slider(key="forget_bias").value) == (0.58, 0.0)
    elif number == 5:
        assert list(state["runs"]) == list(truncation.RUNS)
        assert state["text"] == truncation.CODE
        assert app.slider(key="window").value == 130
        assert app.number_input(key="token").value == truncation.TARGET + 1
    elif number == 6:
        assert list(state["runs"]) == [lstm_cell.RUN]
        assert state["text"] == knobs.TEXT
        assert state["unit"] == knobs.UNITS[lstm_cell.RUN]
        assert [*state["held"].values()] == [
            (knobs.START - 1, (("f", 0.0), ("i", 0.0), ("o", 0.0)))
        ]
    elif number == 8:
        assert state["formulas"]
    elif number == 9:
        assert list(state["runs"]) == list(gru_cell.RUNS)
        assert state["text"] == knobs.TEXT
        assert state["units"] == knobs.UNITS
        held = (("z", 0.0),), (("f", 0.0), ("i", 1.0))
        assert [*state["held"].values()] == [(knobs.START - 1, pairs) for pairs in held]
    elif number == 15:
        assert (state["shape_task"], state["shape_input"]) == ("film", EXAMPLES[-1].text)
    elif number == 14:
        assert list(state["runs"]) == list(past.RUNS)
        assert (state["text"], state["past_place"]) == (past.TEXT, 59)
    elif number == 11:
        assert (state["train_batch"], state["train_length"]) == (3, 4)
        assert state["train_more"]
    elif number == 13:
        assert list(state["runs"]) == [chain.RUN]
        assert state["prompt"] == "Zone name is if:"
    elif number == 12:
        assert state["train_types"] == ["LSTM"]
        assert state["train_recipe"] == "sgd"
        assert state["train_parts"]
    else:
        assert list(state["runs"]) == [temperature.RUN]
        assert state["prompt"] == temperature.PROMPT
        assert state["T"] == 2.0  # the highest of that page
    assert target is not navigation.LESSON
    links = [link.proto.label for link in app.get("page_link")]
    assert f"Back to the lesson, stop {number}" in links
    app.query_params.clear()  # as a click on a link does
    app.switch_page(PAGE).run()
    assert is_fine(app)
    assert dict(app.query_params) == before
    assert frame.OPEN not in goals_of(app)
    app.switch_page(target.file).run()
    assert not [link for link in app.get("page_link") if "Back to the lesson" in link.proto.label]


@pytest.mark.parametrize("number", STOPS)
def test_words_of_the_field_are_explained(number):
    app = solve(linked(PAGE, stop=str(number)), number)
    words, explained = said(app), app.main.markdown[0].help or ""
    for term in TERMS:
        if re.search(rf"\b{FORMS.get(term, term)}\b", words, re.IGNORECASE):
            assert f"**{term}**: {TERMS[term]}" in explained, term
    assert "RNN_" not in words


@pytest.mark.parametrize("number", [number for number, stop in STOPS.items() if stop.runs])
def test_a_stop_whose_models_are_not_here_says_so(number, place):
    app = linked(PAGE, stop=str(number))
    assert is_fine(app)
    assert " and ".join(STOPS[number].runs) in app.info[0].value
    assert not app.get("plotly_chart")
    app.button_group(key="stepper").set_value(8).run()
    assert app.get("plotly_chart")


@pytest.mark.parametrize("number", [1, 7])
def test_a_stop_whose_group_is_not_here_says_so(place, number):
    app = linked(PAGE, stop=str(number))
    assert is_fine(app)
    assert "recall-" in app.info[0].value
    assert not app.get("plotly_chart")


def test_a_new_stop_is_a_text_and_a_function(tmp_path, monkeypatch):
    for path in _paths.LESSON.glob("*.md"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    number = max(STOPS) + 1
    (tmp_path / f"{number:02}.md").write_text(
        (tmp_path / "08.md").read_text(encoding="utf-8").replace("How many", "A new"),
        encoding="utf-8",
    )
    monkeypatch.setattr(_paths, "LESSON", tmp_path)
    new = Stop(
        lambda dark, check: check(1), lambda seen: [Goal(f"Seen {seen}.", True)], (), lambda: None
    )
    monkeypatch.setattr(stops, "STOPS", dict(STOPS) | {number: new})
    monkeypatch.setattr(frame, "STOPS", stops.STOPS)
    texts.read.cache_clear()
    app = linked(PAGE, stop=str(number))
    assert is_fine(app)
    assert app.subheader[0].value == f"{number} · A new parameters?"
    assert "Seen [1]" in goals_of(app)
    app.button(key="back").click().run()
    assert app.query_params["stop"] == str(max(STOPS))
    texts.read.cache_clear()


@pytest.mark.parametrize("number", STOPS)
def test_texts_are_complete_and_short(number):
    text = texts.read(number)
    assert navigation.at(text.page) is not navigation.LESSON
    assert set(text.words) <= TERMS.keys()
    assert len(re.findall(r"\.(?=\s|$)", text.point)) == 2  # sentences
    assert len(text.short) <= 12


def test_each_text_is_of_a_stop():
    assert {int(path.stem) for path in _paths.LESSON.glob("*.md")} == STOPS.keys()


def test_the_table_of_statements_names_the_stops_that_there_are():
    """A stop in brackets is one that is not there yet."""
    table = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|(.*?)\|(.*?)\|", table, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 36))
    for _, _, cell in rows:
        for bracket, number in re.findall(r"(\(?)(\d+)", cell):
            assert (int(number) in STOPS) != bool(bracket)
    assert {int(n) for _, _, cell in rows for n in re.findall(r"\d+", cell)} == STOPS.keys()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("short: Sizes\n", "", "lacks short"),
        ("## Point", "## Pint", "lacks Point"),
        ("- [x]", "- [ ]", "one right answer"),
        ("- [ ]", "- [x]", "one right answer"),
        ("- [ ]", "*", "has 1 answers"),
    ],
)
def test_a_text_that_lacks_a_part_is_refused(old, new, said):
    text = (_paths.LESSON / "08.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        texts.parse(text.replace(old, new), "08.md")


def with_random_weights(run: Run, seed: int) -> Run:
    torch.manual_seed(seed)
    return Run(run.info, RNNModel(**run.info.model).eval())


def cut(runs: list[Run]) -> list[Goal]:
    rows = [
        gradient_decay.influence_log10(run, truncation.CODE, 0)[
            truncation.TARGET, : truncation.MOST
        ]
        for run in runs
    ]
    windows = [value for _, value in SOLUTIONS[5]]
    return truncation.goals([truncation.seen(rows, window) for window in windows])


def learned(runs: list[Run]) -> list[Goal]:
    """`runs`: by cell type, then by distance."""
    of = dict(zip(distance_keys(), runs, strict=True))
    shown = [
        distance.Seen(d, tuple((kind, duel.right(of[kind, d], d)) for kind in RNN_TYPES))
        for _, d in SOLUTIONS[1]
    ]
    return distance.goals(shown)


def distance_keys() -> list[tuple[str, int]]:
    return [(kind, d) for kind in RNN_TYPES for _, d in SOLUTIONS[1]]


def carried(runs: list[Run]) -> list[Goal]:
    of = dict(zip(two_products.PAIR, runs, strict=True))
    ((_, far),) = SOLUTIONS[7]
    found = {kind: two_products.product(run, far) for kind, run in of.items()}
    right = {kind: duel.right(run, far) for kind, run in of.items()}
    return products.goals([products.seen(found, right, far)])


def known(runs: list[Run]) -> list[Goal]:
    pasts = [past_of(run, past.TEXT) for run in runs]
    return past.goals([past.seen(pasts, place) for _, place in SOLUTIONS[14]])


def chained(runs: list[Run]) -> list[Goal]:
    """What the solution of stop 13 shows: the end of the usual text, then another text."""
    (run,), (_, (_, text), (_, order)) = runs, SOLUTIONS[13]
    places = [(chain.TEXT, chain_rule.WRITTEN, 16), (chain.TEXT, chain_rule.WRITTEN, 5)]
    places += [(text, chain_rule.WRITTEN, 16), (text, order, 16)]
    return chain.goals([chain_seen(run, *place) for place in places])


def chain_seen(run: Run, written: str, order: str, end: int) -> chain.Seen:
    of = {name: chain_rule.ORDERS[name](written) for name in (order, chain_rule.WRITTEN)}
    lines = [
        Line(name, chain_rule.bits(token_scores.log_probs(run, chain_rule.START + text)))
        for name, text in of.items()
    ]
    loss = chain_rule.mean_loss(run, of[order][:end])
    return chain.seen(of[order], order, lines, end, loss)


# Stops whose statement is about what was learnt: what all runs given show of it
OF_MODELS = {
    1: (learned, [model_name(d, kind) for kind, d in distance_keys()]),
    5: (cut, truncation.RUNS),
    7: (carried, [model_name(SHORT, kind) for kind in two_products.PAIR]),
    14: (known, past.RUNS),
    13: (chained, [chain.RUN]),
}


def test_a_check_holds_for_the_shipped_model_and_not_for_random_weights():
    for look, names in OF_MODELS.values():
        runs = [load_run(name) for name in names]
        assert all(goal.is_met for goal in look(runs))
        for seed in range(3):
            assert not all(
                goal.is_met for goal in look([with_random_weights(r, seed) for r in runs])
            )


@pytest.mark.parametrize("number", STOPS)
def test_a_stop_says_why_its_statement_holds_for_any_weights_or_is_tried_with_random_ones(number):
    assert bool(texts.read(number).any_weights) != (number in OF_MODELS or number == 15)


def test_random_weights_answer_no_shape_right(monkeypatch):
    app = linked(PAGE, stop="15")
    assert frame.OPEN not in goals_of(solve(app, 15))
    monkeypatch.setattr(shape_caches, "model", lambda name: build(TASKS[name]))
    shape_caches.reading.clear()
    app = linked(PAGE, stop="15")
    assert frame.OPEN in goals_of(solve(app, 15))
    shape_caches.reading.clear()


def test_a_loss_reaches_all_states_before_it_and_none_after_whatever_the_weights():
    run = load_run(copies.RUN)
    for model in (run, with_random_weights(run, 0), with_random_weights(run, 1)):
        norms = reach.loss_reach(model, copies.TEXT)
        shown = [backward.seen(norms, loss) for _, loss in SOLUTIONS[3]]
        assert all(goal.is_met for goal in backward.goals(shown))
        drawn = 10 ** unrolled.unrolled(model, copies.TEXT).norms["h"][0]  # by distance
        for t in range(copies.STEPS):
            np.testing.assert_allclose(norms[t, t::-1], drawn[t, : t + 1], rtol=1e-4)
            assert not norms[t, t + 1 :].any()


def read_again(run: Run) -> list[again.Seen]:
    """What the solution of stop 2 shows of a run."""
    full = unrolled.unrolled(run, copies.TEXT)
    shown = [
        again.seen(run, full, unrolled.unrolled(run, copies.TEXT[: length + 1]))
        for length in (8, 4, copies.STEPS)
    ]
    now = unrolled.forgetting(run, copies.TEXT, full, 7)
    return [*shown, again.seen(run, full, full, now, 7)]


def test_one_network_reads_any_length_whatever_the_weights():
    run = load_run(copies.RUN)
    for model in (run, with_random_weights(run, 0), with_random_weights(run, 1)):
        shown = read_again(model)
        assert again.goals(shown)[0].is_met
        assert shown[-1].before == 0 < shown[-1].after
        assert {one.parameters for one in shown} == {run.info.parameters}


def stepped(model: RNNModel, numbers: tuple[tuple[float, bool], ...]) -> list[training_step.Seen]:
    """What whole steps show, each at a rate and with gradients that cross or not."""
    shown = []
    for lr, crossing in numbers:
        way = one_step.Way(crossing=crossing)
        step = one_step.one_step(model, small_training.windows(), way, lr)
        shown.append(training_step.seen(model.rnn_type, lr, way, 6, step))
    return shown


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_a_step_lowers_a_loss_or_raises_it_whatever_the_weights(kind, seed):
    """Those of the stop, and random ones whose gradients are as large as a trained model's."""
    model = small_training.begun(kind)
    if seed is not None:
        torch.manual_seed(seed)
        for weights in model.parameters():
            nn.init.uniform_(weights, -0.7, 0.7)
    tried = ((training_step.RATES[0], False), (training_step.RATES[-1], False), (1.0, True))
    assert all(goal.is_met for goal in training_step.goals(stepped(model, tried)))


def test_what_a_step_did_not_do_is_not_reached():
    model = small_training.begun("LSTM")
    shown = stepped(model, ((1.0, False), (50.0, False), (1.0, True)))
    down, up, far = shown

    def met(*found: training_step.Seen) -> list[bool]:
        return [goal.is_met for goal in training_step.goals(found)]

    assert met(*shown) == [True] * 4
    assert met(down) == [True, False, True, False]
    assert met(up) == [False, True, True, False]
    assert met(far) == [True, False, True, False]  # nothing yet to compare its reach with
    assert met(replace(down, after=math.nan)) == [False, True, True, False]
    assert not met(replace(down, after=down.loss))[0]
    assert not met(*shown, replace(down, clipped=0.26))[2]
    assert not met(*shown, replace(down, reach=13))[3]
    assert not met(down, replace(far, reach=12))[3]
    for pressed, wanted in ((5, [False, False, True, True]), (4, [False] * 3 + [True])):
        assert met(*(replace(one, pressed=pressed) for one in shown)) == wanted
    assert not any(met(*(replace(one, pressed=3) for one in shown)))


def test_lines_of_a_step_are_run_in_their_order_and_show_what_they_did():
    app = linked(PAGE, stop="12")
    for n in range(1, 7):
        able = [not app.button(key=f"line{line}").disabled for line in range(1, 7)]
        assert able == [line <= n for line in range(1, 7)]
        app.button(key=f"line{n}").click().run()
        assert is_fine(app)
        assert app.query_params["pressed"] == str(n)
        assert step_numbers(app).count("–") == 12 - 2 * n
    app.button(key="line2").click().run()
    assert app.query_params["pressed"] == "2"
    app.button(key="all_lines").click().run()
    step = one_step.one_step(
        small_training.begun("LSTM"), small_training.windows(), one_step.Way(), 1.0
    )
    for number in (step.loss, step.loss_after, step.norm, step.left, step.clipped):
        assert f"{number:.3f}" in step_numbers(app)
    assert f"{math.exp(step.loss):.2f}" in step_numbers(app)
    app.select_slider(key="lesson_rate").set_value(20.0).run()
    p, moves, after = shown_weights(app)
    np.testing.assert_allclose(p, step.block.weights, atol=0.0051)
    np.testing.assert_allclose(moves, 20 * step.block.gradients, atol=0.0051)
    np.testing.assert_allclose(after, p - moves, atol=0.0151)


def test_what_backward_says_is_where_its_gradient_ended():
    def told(**state) -> str:
        app = linked(PAGE, stop="12", pressed="4", **state)
        return next(e.proto.body for e in app.get("html") if "step-told" in e.proto.body)

    model, windows = small_training.begun("GRU"), small_training.windows()
    norms = [
        one_step.one_step(model, windows, one_step.Way(crossing=crossing), 1.0).norm
        for crossing in (False, True)
    ]
    assert "12 characters, to where the state was detached" in told(cell="GRU")
    assert "12 characters, to the zeros" in told(cell="GRU", reset="True", crossing="True")
    crossed = told(cell="GRU", crossing="True")
    assert "24 characters, into the window before" in crossed
    assert f"{norms[1]:.3f}, detached {norms[0]:.3f}" in crossed


def shown_weights(app: AppTest) -> list[np.ndarray]:
    """The numbers in the three blocks of weights."""
    html = next(e.proto.body for e in app.get("html") if "step-weights" in e.proto.body)
    blocks = html.split("step-weights")[1].split("<table>")[1:]
    cells = [re.findall(r"<td[^>]*>([^<]+)</td>", block) for block in blocks]
    return [
        np.reshape([float(cell.replace("−", "-")) for cell in block], (3, 3)) for block in cells
    ]


def step_numbers(app: AppTest) -> list[str]:
    """The cells of the table of a step, below its head."""
    table = next(e.proto.body for e in app.get("html") if "step-table" in e.proto.body)
    body = table.split("step-table")[1].split("</table>")[0]
    return re.findall(r"<td>([^<]+)</td>", body)[2:]


@pytest.mark.parametrize("value", ["nan", "-1", "0", "inf", "fast", "1e-12", "1e99"])
def test_a_learning_rate_in_a_link_is_one_of_the_slider(value):
    app = linked(PAGE, stop="12", lr=value, pressed="6", cell="RNN_RELU")
    assert is_fine(app)
    assert app.session_state["lesson_rate"] in training_step.RATES


def test_a_loss_that_is_no_number_is_said():
    app = linked(PAGE, stop="12", lr="50000", pressed="6", cell="RNN_RELU")
    assert "not a number" in step_numbers(app)
    assert "2.001 → not a number" in goals_of(app)
    layout = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    assert "✕ not a number" in layout["annotations"][1]["text"]


def test_what_does_not_hold_for_one_network_and_its_state_is_not_reached():
    shown = read_again(load_run(copies.RUN))
    assert all(goal.is_met for goal in again.goals(shown))
    for wrong in ({"apart": 0.01}, {"parameters": 1}):
        assert not again.goals([*shown, replace(shown[0], **wrong)])[0].is_met
    for wrong in ({"before": 0.01}, {"after": 0.0}):
        assert not again.goals([replace(shown[-1], **wrong)])[1].is_met


def test_a_text_that_ends_before_the_forgotten_place_forgets_nothing():
    app = linked(PAGE, stop="2", length="5", forget="5")
    assert is_fine(app)
    assert dict(app.query_params) == {"stop": "2", "length": "5", "forget": "0"}


def test_a_gradient_after_its_loss_or_none_before_it_is_not_reached():
    norms = np.tri(copies.STEPS)
    shown = [backward.seen(norms, loss) for _, loss in SOLUTIONS[3]]
    assert all(goal.is_met for goal in backward.goals(shown))
    for wrong in (norms.T, np.eye(copies.STEPS), np.ones_like(norms)):
        shown = [backward.seen(wrong, loss) for _, loss in SOLUTIONS[3]]
        assert not all(goal.is_met for goal in backward.goals(shown))


def test_the_temperatures_limit_is_that_of_any_weights():
    run = load_run(temperature.RUN)
    for model in (run, with_random_weights(run, 0), with_random_weights(run, 1)):
        found = flattening.next_token(model, temperature.PROMPT)
        shown = [temperature.seen(found, t) for t in temperature.TEMPERATURES]
        assert all(goal.is_met for goal in temperature.goals(shown))


def test_probabilities_are_those_that_are_sampled_from():
    run = load_run(temperature.RUN)
    found, ids = flattening.next_token(run, "The function"), run.ids("The function")
    for t in (0.1, 1.0, 3.0):
        wanted = next_token(run.model, ids, t).numpy()
        assert found.probabilities([t])[0] == pytest.approx(wanted, abs=1e-9)
        assert flattening.entropy(wanted) == pytest.approx(
            float(torch.distributions.Categorical(torch.tensor(wanted)).entropy()), abs=1e-6
        )
    (uniform,) = found.probabilities([math.inf])
    assert set(uniform) == {1 / len(run.vocab)}
    places = [flattening.place_of(t) for t in (0.0, 0.1, 1.0, 7.0, math.inf)]
    assert places == sorted(places)
    assert [flattening.temperature_at(p) for p in places] == pytest.approx([0, 0.1, 1, 7, math.inf])


def test_a_text_at_an_infinite_temperature_does_not_depend_on_the_model():
    run = load_run("python-source-gru")
    text = flattening.written(run, "def ", math.inf, 400, 0)
    assert text == flattening.written(with_random_weights(run, 0), "def ", math.inf, 400, 0)
    assert len(set(text)) > 0.9 * (len(run.vocab) - 1)
    cold = [
        flattening.written(model, "def ", 0.1, 40, 0)
        for model in (run, with_random_weights(run, 0))
    ]
    assert cold[0] != cold[1]


@pytest.mark.parametrize(
    ("kind", "module"), [("LSTM", nn.LSTM), ("GRU", nn.GRU), ("RNN_TANH", nn.RNN)]
)
@pytest.mark.parametrize("h", [8, 33, 96])
def test_sizes_are_those_of_pytorchs_modules(kind, module, h):
    size = layer_sizes.layer_size(kind, h)
    layer = module(h, h)
    assert size.pytorch == size.total == sum(p.numel() for p in layer.parameters())
    assert size.weights == layer.weight_ih_l0.numel() + layer.weight_hh_l0.numel()
    assert size.bias == layer.bias_ih_l0.numel()


def test_an_lstm_has_the_lectures_number():
    size = layer_sizes.layer_size("LSTM", 100)
    assert size.weights == 8 * 100**2
    assert size.weights + size.bias == 8 * 100**2 + 4 * 100


def test_a_count_that_does_not_agree_is_not_reached():
    right = tuple(layer_sizes.layer_size(kind, 96) for kind in sizes.KINDS)
    wrong = tuple(layer_sizes.LayerSize("LSTM", 192, 4 * right[0].weights, 768, 1) for _ in right)
    assert sizes.goals([right, right])[2].is_met
    assert not sizes.goals([right, wrong])[2].is_met


def test_lost_shares_are_sums_of_what_lies_before_the_window():
    norms = np.array([0.5, 0.0, 2.0, 1.0])
    with np.errstate(divide="ignore"):
        lost = lost_gradient.lost_shares(np.log10(norms))
    assert lost == pytest.approx([sum(norms[: 4 - w]) / 3.5 for w in range(5)])


def test_what_a_window_loses_is_what_autograd_finds_before_it():
    """Truncated: the state is detached where the window begins."""
    run, window = load_run(truncation.RUNS[0]), 16
    ids = run.ids(truncation.CODE)[: truncation.TARGET + 2]
    model = run.model
    x = model.embedding(ids[:-1])[None].detach().requires_grad_()  # (1,T,D)
    start = len(ids) - 1 - window
    with torch.enable_grad():
        _, hidden = model.rnn(x[:, :start])
        full, _ = model.rnn(x)
        seen, _ = model.rnn(x[:, start:], tuple(part.detach() for part in hidden))

        def norms(last: torch.Tensor) -> torch.Tensor:
            loss = -model.projection(last).log_softmax(-1)[ids[-1]]
            return torch.autograd.grad(loss, x)[0][0].norm(dim=1)

        all_of_it, kept = norms(full[0, -1]), norms(seen[0, -1])
    assert not kept[:start].any()
    assert kept[start:] == pytest.approx(all_of_it[start:], rel=1e-3)
    row = gradient_decay.influence_log10(run, truncation.CODE, 0)[
        truncation.TARGET, : truncation.MOST
    ]
    assert lost_gradient.lost_shares(row)[window] == pytest.approx(
        float(all_of_it[:start].sum() / all_of_it.sum()), rel=1e-3
    )


@pytest.mark.parametrize(("numbers", "most"), [(range(1, 8), 900), (range(11, 15), 640)])
def test_what_a_part_of_the_lesson_says_is_few_words(numbers, most):
    """Of all its stops, with every answer and every reply."""
    words = 0
    for number in numbers:
        text = (_paths.LESSON / f"{number:02}.md").read_text(encoding="utf-8")
        said = text.partition("## Question")[2].partition("## Formula")[0]
        words += len(re.sub(r"^## .*$|^- \[.\]", "", said, flags=re.MULTILINE).split())
    assert words <= most, words
