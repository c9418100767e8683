"""The words on pages: terms are explained, cell types have names for people."""

import re

import pytest

from rnnviz import list_runs
from rnnviz.app import compare_export
from rnnviz.app import page as app_page
from rnnviz.app.terms import TERMS
from rnnviz.figures import style
from rnnviz.nn.cell_types import RNN_TYPES
from tests.test_app import PAGES, opened

FORMS = {"unit": "units?", "saturated": "saturat(ed|ion)", "half-life": "half-li(fe|ves)"}


def said(app) -> str:
    kinds = ("markdown", "caption", "text", "subheader", "plotly_chart")
    elements = [element for kind in kinds for element in app.get(kind)]
    return " ".join(getattr(e, "value", None) or e.proto.spec for e in elements)


@pytest.mark.parametrize("page", PAGES)
def test_each_word_of_the_field_on_a_page_is_explained_at_its_beginning(page):
    app = opened(page, length=50)
    assert not app.exception  # Train may tell of a training that failed in another test
    words, explained = said(app), app.main.markdown[0].help
    for term in TERMS:
        if re.search(rf"\b{FORMS.get(term, term)}\b", words, re.IGNORECASE):
            assert f"**{term}**: {TERMS[term]}" in explained, term
    assert "RNN_" not in words


def test_each_cell_type_has_a_name_of_its_own_without_underscores():
    names = [style.cell_name(kind) for kind in RNN_TYPES]
    assert names == ["LSTM", "GRU", "tanh RNN", "ReLU RNN"]


def test_the_last_row_has_as_many_columns_as_items(monkeypatch):
    rows = []
    monkeypatch.setattr(app_page.st, "columns", lambda n: rows.append(n) or list(range(n)))
    assert [item for _, item in app_page.side_by_side("abcde", 3)] == list("abcde")
    assert rows == [3, 2]


def test_an_exported_file_is_named_after_what_is_in_it():
    runs = [info for info in list_runs() if info.corpus in ("recall", "python-docs")]
    assert compare_export.file_stem(runs) == f"rnnviz-python-docs-recall-{len(runs)}-runs"
    assert app_page.file_name("Norm of <i>h</i> &amp; c (log)") == "norm-of-i-h-i-c-log"
