"""Models beside each other: those of one cell type share its colour and differ in something else,
and each opens at a unit of its own."""

import json
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from rnnviz import _paths, load_run
from rnnviz.analysis import sweeps, text_view
from rnnviz.analysis.sweeps import SamplingOptions
from rnnviz.figures import style, sweep_message
from tests.test_app import is_fine, opened
from tests.test_sweeps import unpacked

TEXT = "Dbagc?D"


@pytest.fixture
def twins(tmp_path, monkeypatch) -> list[str]:
    """Two models of one cell type and one corpus."""
    for name in ("one", "two"):
        shutil.copytree(_paths.SHIPPED_RUNS / "recall-lstm", tmp_path / name)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path))
    return ["one", "two"]


def figures(app: AppTest) -> dict[str, list[dict]]:
    """By title, what a figure's legend names."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {
        spec["layout"]["title"]["text"]: [
            trace for trace in spec["data"] if trace.get("name") and trace.get("showlegend", True)
        ]
        for spec in specs
    }


def look(trace: dict) -> tuple:
    mark, line = trace.get("marker", {}), trace.get("line", {})
    color = line.get("color", mark.get("color"))
    return color, line.get("dash"), mark.get("symbol"), mark.get("pattern", {}).get("shape")


@pytest.mark.parametrize("page", ["states", "gates", "gradients", "compare"])
def test_each_figure_of_a_page_tells_two_models_of_one_type_apart(page, twins):
    app = opened(f"pages/{page}.py", runs=twins, text=TEXT)
    assert is_fine(app)
    drawn = figures(app)
    several = {
        title: traces
        for title, traces in drawn.items()
        if len(traces) > 1 and "untrained" not in title  # the laboratory's four cell types
    }
    assert several
    for title, traces in several.items():
        assert len({look(trace) for trace in traces}) == len(traces), title
        assert len({trace["name"] for trace in traces}) == len(traces), title
        assert len({look(trace)[0] for trace in traces}) == 1, title


def test_the_curves_of_the_entropy_differ_in_their_dash():
    said = sweeps.sweep_run(load_run("recall-lstm"), "Dab", 3, SamplingOptions())
    header, _ = unpacked(sweep_message.pack([said, said], [said, said], dark=False))
    assert [model["dash"] for model in header["models"]] == ["solid", "dash"]
    assert [model["dash"] for model in header["forks"]] == ["solid", "dash"]
    assert len({model["color"] for model in header["models"]}) == 1


def test_each_dash_has_a_marker_and_a_pattern_of_its_own():
    for told in (style.MARKERS, style.PATTERNS):
        assert list(told) == list(style.DASHES)
        assert len(set(told.values())) == len(style.DASHES)


def unit_of(app: AppTest, run: str) -> int:
    if app.selectbox(key="unit_run").value != run:
        app.selectbox(key="unit_run").set_value(run).run()
    assert is_fine(app)
    return app.number_input(key="unit").value


def test_each_model_opens_at_its_most_telling_unit_and_keeps_the_one_chosen():
    names, text = ["python-source-lstm", "python-source-gru", "recall-lstm"], "def f(x):\n  (a)"
    own = {
        name: text_view.most_switching_unit(text_view.view(load_run(name), text, 0))
        for name in names
    }
    first, second, third = names
    app = opened("pages/gates.py", runs=names, text=text)
    assert {name: unit_of(app, name) for name in names} == own
    assert unit_of(app, second) == own[second]
    app.number_input(key="unit").set_value(own[second] + 1).run()
    assert unit_of(app, first) == own[first]
    app.number_input(key="unit").set_value(0).run()
    app.switch_page("pages/states.py").run()
    wanted = {first: 0, second: own[second] + 1, third: own[third]}
    assert {name: unit_of(app, name) for name in names} == wanted
    app.sidebar.multiselect(key="runs").set_value([third]).run()
    assert app.number_input(key="unit").value == own[third]
    app.sidebar.multiselect(key="runs").set_value([first]).run()
    assert app.number_input(key="unit").value == 0


def test_a_unit_that_is_given_is_that_of_the_first_model_alone():
    names = ["recall-lstm", "recall-rnn-tanh"]
    app = opened("pages/states.py", runs=names, text=TEXT, unit=5)
    assert app.number_input(key="unit").value == 5
    view = text_view.view(load_run("recall-rnn-tanh"), TEXT, 0)
    assert unit_of(app, "recall-rnn-tanh") == text_view.most_switching_unit(view)


def test_most_telling_is_the_unit_that_switches_and_then_stays():
    held = text_view.memory(text_view.view(load_run("recall-lstm"), TEXT, 0)) * 0
    held[:, 1] = [-1, -1, -1, 1, 1, 1, 1]  # a switch
    held[:, 2] = [-1, 1, -1, 1, -1, 1, -1]  # varies as much, from token to token
    view = text_view.view(load_run("recall-rnn-tanh"), TEXT, 0)
    view.states["h"][:] = held
    assert text_view.most_switching_unit(view) == 1
