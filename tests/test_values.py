"""An answer of the server leaves controls as they are: a value that it gave one would undo what a
person typed or pressed since."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_app import PAGES, is_fine, opened
from tests.test_links import linked

OTHERS = ("pages/lesson.py", "pages/models.py", "pages/states.py")  # states: those of gates
OPENINGS = [(page, {}) for page in PAGES if page not in OTHERS]
OPENINGS += [("pages/lesson.py", {"stop": number}) for number in (4, 12)]


def elements(block) -> Iterator:
    for child in (getattr(block, "children", None) or {}).values():
        yield child
        yield from elements(child)


def given(app: AppTest) -> list[str]:
    """The controls that can be moved and that the last run gave a value."""
    protos = [getattr(element, "proto", None) for element in elements(app._tree)]
    return [
        proto.id
        for proto in protos
        if getattr(proto, "set_value", False) and not getattr(proto, "disabled", False)
    ]


@pytest.mark.parametrize(("page", "chosen"), OPENINGS)
def test_a_page_that_is_drawn_again_gives_its_controls_no_values(page, chosen):
    app = opened(page, **chosen)
    assert given(app)  # to those of a page that is opened
    assert given(app.run()) == []


@pytest.mark.parametrize(
    ("page", "parameters", "key"),
    [
        ("pages/lesson.py", {"stop": "3"}, "stepper"),
        ("pages/shapes.py", {"task": "film"}, "shape_tasks"),
        ("pages/gradients.py", {"runs": ["recall-lstm", "recall-rnn-tanh"]}, "unrolled_run"),
    ],
)
def test_a_choice_whose_label_changed_while_the_browser_answered_stays(page, parameters, key):
    """An option is known by its label: the browser drops one that is gone, and sends no choice."""
    app = linked(page, **parameters)
    before, address = app.button_group(key=key).value, dict(app.query_params)
    app.button_group(key=key).set_value(None).run()
    assert is_fine(app)
    assert app.button_group(key=key).value == before
    assert dict(app.query_params) == address
