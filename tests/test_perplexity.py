"""Perplexities as people read them: with digits up to a million, with a power of ten beyond."""

import math
import re
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import StepRecord, load_run, save_run
from rnnviz.__main__ import main
from rnnviz.app import page
from rnnviz.cli.train import show_progress
from rnnviz.figures import report, training
from rnnviz.nn.perplexity import perplexity_text

RECORD = StepRecord(1, 0, 35.0, None, 1.0, 0.0, 0.01, 1.0, 10, 0.5)


@pytest.mark.parametrize(
    ("nats", "text"),
    [
        (0.0, "1.00"),
        (math.log(1234.5), "1,234.50"),
        (math.log(999_999), "999,999.00"),
        (math.log(1.001e6), "1.0e+06"),
        (35.0, "1.6e+15"),
        (97.0, "1.3e+42"),
        (176.7, "5.5e+76"),
        (math.log(9.96e99), "1.0e+100"),
        (1e6, "3.0e+434294"),
        (np.float32(1e6), "3.0e+434294"),
        (1e9, "more than 1.0e+1000000"),
        (math.inf, "more than 1.0e+1000000"),
        (math.nan, "nan"),
    ],
)
def test_a_perplexity_beyond_a_million_is_short(nats, text):
    assert perplexity_text(nats) == text


@given(st.floats(14, 1e5))
def test_it_is_the_power_of_ten_that_arithmetic_with_more_digits_has(nats):
    text = perplexity_text(nats)
    digits, power = text.split("e+")
    assert 1 <= float(digits) < 10
    away = abs(Decimal(text) - Decimal(nats).exp())
    assert away < Decimal("0.0501").scaleb(int(power))  # half of the last digit
    assert f"{int(power):02d}" == power


def test_it_is_short_in_the_bar_the_hover_text_the_tables_and_the_report(capsys):
    show_progress([RECORD], "x")
    assert "ppl 1.6e+15 " in capsys.readouterr().err
    step = np.array([1.0, 2.0])
    curve = training.Learning("x", "#000000", "solid", step, 35 * step / step, np.nan * step)
    trace = training.learning([curve], "t").data[0]
    assert list(trace.customdata) == ["1.6e+15"] * 2
    assert trace.hovertemplate.endswith("perplexity %{customdata}")
    rows = pd.DataFrame({"perplexity": [1.5e15, 12.5, None], "nats": [35.0, 2.5, 1.0]})
    assert [page.decimals(rows[name]) for name in rows] == ["scientific", "%.3f"]
    cells = re.findall("<td>(.*?)</td>", report.document("t", {"Runs": [rows]}))
    assert cells == ["1.5e+15", "35.000", "12.500", "2.500", "–", "1.000"]


def test_eval_writes_it_short(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("ab" * 600)
    sizes = ("--hidden-size", "4", "--batch-size", "2", "--sequence-length", "8", "--steps", "1")
    assert main(["train", "--corpus", "notes.txt", *sizes, "--out", "."]) == 0
    run = load_run("notes-lstm")
    run.model.projection.bias.data[run.vocab.token2id["<unk>"]] = 35.0  # which is never there
    save_run(replace(run, info=replace(run.info, name="bad")), ".")
    capsys.readouterr()
    assert main(["eval", "./bad"]) == 0
    assert re.search(r"nats a token, perplexity \d\.\de\+\d\d, ", capsys.readouterr().out)
