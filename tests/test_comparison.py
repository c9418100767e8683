"""What runs have, differ in and learnt, against counts and loops written out by hand."""

import base64
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import RNN_TYPES, RNNModel, RunInfo, TrainConfig, count_parameters, load_run
from rnnviz.analysis import comparison, learning_curves, time_lapse, token_scores
from rnnviz.data.source import Source
from rnnviz.data.vocab import Vocab
from rnnviz.figures import report, style, training
from rnnviz.figures.comparison import curve_figures
from rnnviz.jobs import matched
from rnnviz.nn.parameter_count import parameters

TEXT = "def f(x):\n    return x\n"
VOCAB = Vocab(("<unk>", *"abcdef"))
CONFIG = {"optimizer": "adamw", "lr": 0.01, "steps": 100, "seed": 0, "batch_size": 2, "clip": 0.25}
MODEL = {
    "rnn_type": "LSTM",
    "vocab_size": len(VOCAB),
    "embedding_size": 5,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "dropout": 0.0,
    "tie_weights": False,
    "forget_bias": None,
}


def some_info(name="a", config=(), model=(), history=(), **fields) -> RunInfo:
    config, model = CONFIG | dict(config), MODEL | dict(model)
    known = {"corpus": "made", "fingerprint": "f", "vocab": VOCAB} | fields
    return RunInfo(name=name, config=config, model=model, history=tuple(history), **known)


def records(steps, losses, valid=None):
    """Records with 10 tokens a step and half a second a step."""
    return [
        {"step": s, "tokens": 10 * s, "seconds": s / 2, "loss": loss, "valid_loss": valid}
        for s, loss in zip(steps, losses, strict=True)
    ]


sizes = st.integers(1, 12)


@given(st.sampled_from(RNN_TYPES), sizes, sizes, sizes, st.integers(1, 3), st.booleans())
def test_parameters_are_those_of_the_model_and_of_their_formulas(kind, v, d, h, layers, tied):
    d = h if tied else d
    model = dict(zip(MODEL, (kind, v, d, h, layers, 0.0, tied, None), strict=True))
    found = parameters(model)
    counted = count_parameters(RNNModel(**model))
    assert found.embedding == counted["embedding"]
    assert found.recurrent == counted["rnn"]
    assert found.projection == counted["projection"]
    for line in found.formulas:
        *_, calculation, result = line.replace(",", "").split(" = ")
        if not tied or "projection" not in line:
            written = calculation.replace("·", "*").replace("²", "**2")
            assert re.fullmatch(r"[\d*+() ]+", written)
            assert eval(written) == int(result)


def test_the_formulas_are_those_of_the_notes():
    def layer(kind):
        same = {"rnn_type": kind, "embedding_size": 8}
        return parameters(MODEL | same).formulas[1]

    def biases(kind):
        return parameters(MODEL | {"rnn_type": kind, "num_hidden_layers": 2}).biases

    for kind, one, second in (
        ("LSTM", "8h² + 4h", 2 * 4 * 8),
        ("GRU", "6h² + 3h", 2 * 3 * 8),
        ("RNN_TANH", "2h² + h", 2 * 8),
    ):
        rnn = RNNModel(**MODEL | {"rnn_type": kind, "num_hidden_layers": 2}).rnn
        assert second == sum(p.numel() for n, p in rnn.named_parameters() if "bias_hh" in n)
        assert f"one bias: {one} a layer" in biases(kind)
        assert f"here {second:,} in all" in biases(kind)
        (lines,) = comparison.formulas([some_info(model={"rnn_type": kind})]).values()
        assert one in lines.splitlines()[-1]
    assert layer("LSTM") == "layer 1 8h² + 8h = 8·8² + 8·8 = 576"
    assert layer("GRU") == "layer 1 6h² + 6h = 6·8² + 6·8 = 432"
    assert layer("RNN_RELU") == "layer 1 2h² + 2h = 2·8² + 2·8 = 144"
    lines = parameters(MODEL).formulas
    assert lines[1] == "layer 1 4h(D + h) + 8h = 4·8·(5 + 8) + 8·8 = 480"


@pytest.mark.parametrize("kind", RNN_TYPES)
@pytest.mark.parametrize("layers", [1, 2])
def test_the_width_of_equal_parameters_is_the_nearest_of_all(kind, layers):
    for hidden in (1, 2, 17, 60):
        lstm = MODEL | {"hidden_size": hidden, "num_hidden_layers": layers}
        target = parameters(lstm).total
        found = matched.models(lstm, "parameters")[kind]
        distances = {
            h: abs(parameters(found | {"hidden_size": h}).total - target) for h in range(1, 300)
        }
        assert distances[found["hidden_size"]] == min(distances.values())
        assert found["embedding_size"] == lstm["embedding_size"]
        if kind == "LSTM":
            assert found["hidden_size"] == hidden


def test_plans_are_all_types_with_all_seeds_alike_in_the_rest():
    source = Source("a b", ("abc", "a", ""))
    models = matched.models(MODEL, "width")
    made = matched.plans(source, "x.txt", "char", 2, models, 3, TrainConfig(minutes=0.5))
    assert len({plan.name for plan in made}) == 12
    assert {p.model["rnn_type"] for p in made} == set(RNN_TYPES)
    assert sorted(p.config.seed for p in made) == sorted([0, 1, 2] * 4)
    for plan in made:
        assert plan.source is source
        assert (plan.spec, plan.level, plan.min_count) == ("x.txt", "char", 2)
        assert plan.config.minutes == 0.5
        model = RNNModel(vocab_size=7, **plan.model)
        assert model.rnn.hidden_size == 8


def test_only_what_differs_beyond_the_cell_type_is_named():
    lstm, gru = some_info(), some_info("b", model={"rnn_type": "GRU"})
    assert comparison.differences([lstm, gru]) == {}
    assert "nothing but" in comparison.verdict([lstm, gru])[0]
    assert "One run" in comparison.verdict([lstm])[0]
    other = some_info("c", config={"lr": 0.02, "seed": 3}, model={"hidden_size": 9})
    found = comparison.differences([lstm, gru, other])
    assert found == {
        "seed": ("0", "0", "3"),
        "width": ("8", "8", "9"),
        "learning rate": ("0.01", "0.01", "0.02"),
    }
    said = comparison.verdict([lstm, gru, other])
    assert said == [
        "Beyond the cell type, these runs differ in seed 0, 3; width 8, 9; "
        "learning rate 0.01, 0.02."
    ]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"fingerprint": "other"}, "data"),
        ({"vocab": Vocab(("<unk>", *"abcxyz"))}, "vocabulary"),
    ],
)
def test_losses_on_other_texts_or_vocabularies_are_said_not_to_compare(change, name):
    said = comparison.verdict([some_info(), some_info("b", **change)])
    assert len(said) == 2
    assert name in said[0]
    assert f"the same {name}: losses" in said[1]


def test_equal_minutes_with_unequal_tokens_are_never_called_alike():
    def after(tokens, **config):
        history = [{"tokens": tokens}] if tokens else []
        return some_info(config={"steps": None, "minutes": 1} | config, history=history)

    (said,) = comparison.verdict([after(208_896), after(92_160)])
    assert "tokens seen 92,160 to 208,896 (equal minutes were not equal training)." in said
    assert "nothing but" in comparison.verdict([after(100_000), after(104_000)])[0]
    assert "tokens seen not recorded, 100" in comparison.verdict([after(100), after(0)])[0]
    (said,) = comparison.verdict([after(100), after(200, minutes=2)])
    assert "tokens seen 100 to 200; budget 1 minute, 2 minutes" in said


def test_a_training_that_was_stopped_early_is_named():
    whole, stopped = some_info(history=[{"progress": 1.0}]), some_info(history=[{"progress": 0.25}])
    found = comparison.differences([whole, stopped])
    assert found == {"budget": ("100 steps", "100 steps (25% of it spent)")}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"steps": 200}, "budget"),
        ({"steps": None, "minutes": 100}, "budget"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"batch_size": 3}, "batch"),
        ({"sequence_length": 9}, "BPTT length"),
        ({"clip": None}, "clip"),
    ],
)
def test_every_part_of_the_recipe_counts(config, name):
    assert list(comparison.differences([some_info(), some_info("b", config)])) == [name]


def test_a_run_without_records_has_empty_cells_and_no_curve():
    info = some_info()
    row = comparison.row(info, comparison.Measures(None, None))
    empty = ("tokens seen", "seconds", "tokens/s", "validation, nats", "perplexity")
    assert all(row[name] is None for name in (*empty, "bits/character"))
    assert learning_curves.curves([info], "steps", "loss") == []
    assert curve_figures([info], "steps", dark=False) == []
    imported = replace(info, config={})
    assert comparison.differences([info, imported])["learning rate"] == ("0.01", "not recorded")


def test_a_row_has_the_perplexity_and_for_characters_bits():
    words = Vocab(("<unk>", "<eos>"), "word")
    none = comparison.Measures(None, None)
    history = records([20], [1.0])
    row = comparison.row(some_info(vocab=words, valid_loss=2.0, history=history), none)
    assert row["perplexity"] == pytest.approx(7.389056)
    assert row["bits/character"] is None
    assert (row["tokens seen"], row["seconds"], row["tokens/s"]) == (200, 10, 20)
    row = comparison.row(some_info(valid_loss=2.0), none)
    assert row["bits/character"] == pytest.approx(2.885390)
    assert row["perplexity"] == pytest.approx(7.389056)
    for nats in (97.0, 176.7):
        found = comparison.losses(some_info(valid_loss=nats))["perplexity"]
        assert found == pytest.approx(math.exp(nats))
    assert comparison.losses(some_info(valid_loss=1e6))["perplexity"] is None


def test_seeds_are_one_curve_within_the_range_that_they_share():
    one = some_info("a", {"seed": 0}, history=records([10, 20, 40], [4.0, 3.0, 1.0]))
    two = some_info("b", {"seed": 1}, history=records([20, 30, 60], [2.0, 2.0, 0.5]))
    wide = some_info("c", model={"hidden_size": 9}, history=records([10, 20], [5.0, 5.0]))
    curves = learning_curves.curves([one, wide, two], "steps", "loss")
    seeds, alone = sorted(curves, key=lambda curve: -curve.seeds)
    assert (seeds.seeds, alone.seeds) == (2, 1)
    assert seeds.x.tolist() == [20, 30, 40]
    assert seeds.mean == pytest.approx([2.5, 2.0, (1 + 1.5) / 2])
    assert seeds.low == pytest.approx([2.0, 2.0, 1.0])
    assert seeds.high == pytest.approx([3.0, 2.0, 1.5])
    assert alone.x.tolist() == [10, 20]
    assert learning_curves.curves([one, two], "tokens", "loss")[0].x.tolist() == [200, 300, 400]
    assert learning_curves.curves([one, two], "seconds", "loss")[0].x.tolist() == [10, 15, 20]
    assert learning_curves.curves([one, two], "steps", "valid_loss") == []  # none was evaluated


def test_seeds_of_equal_minutes_meet_at_equal_shares_of_them():
    def seed(name, number, steps, losses):
        history = records(steps, losses)
        for record, share in zip(history, (0.5, 1.0), strict=True):
            record["progress"] = share
        return some_info(name, {"seed": number}, history=history)

    fast, slow = seed("a", 0, [100, 200], [3.0, 2.0]), seed("b", 1, [30, 60], [4.0, 3.0])
    (curve,) = learning_curves.curves([fast, slow], "steps", "loss")
    assert curve.seeds == 2
    assert curve.x.tolist() == [65, 130]
    assert curve.low.tolist() == [3.0, 2.0]
    assert curve.high.tolist() == [4.0, 3.0]


def test_seeds_without_a_common_range_stay_apart():
    one = some_info("a", {"seed": 0}, history=records([10, 20], [4.0, 3.0]))
    two = some_info("b", {"seed": 1}, history=records([30, 40], [2.0, 2.0]))
    curves = learning_curves.curves([one, two], "steps", "loss")
    assert [(c.info.name, c.seeds, c.x.tolist()) for c in curves] == [
        ("a", 1, [10, 20]),
        ("b", 1, [30, 40]),
    ]


def test_curves_of_different_texts_never_share_a_figure():
    here = some_info("a", history=records([1, 2], [1.0, 0.5], 1.0))
    there = some_info("b", history=records([1, 2], [2.0, 1.5], 2.0), fingerprint="g", corpus="<b>")
    figures = curve_figures([here, there], "steps", dark=False)
    assert len(figures) == 4
    assert {len(figure.data) for figure in figures} == {1}
    assert "&lt;b&gt;" in figures[2].layout.title.text


@pytest.mark.parametrize("first", [[4.0], [4e6], [4e6] * 30, [1e30], []])
def test_losses_of_any_size_leave_the_others_to_be_seen(first):
    loss = np.array([*first, 3.0, 2.0][: 32 if first else 0])
    run = training.Learning("x", "#000000", "solid", np.arange(len(loss)), loss, loss)
    figure = training.learning([run], "Loss")
    low, high = figure.layout.yaxis.range
    assert low < 2.0 < 3.0 < high <= 90
    assert figure.layout.yaxis2.range == (low / np.log(10), high / np.log(10))
    assert ("cut" in figure.layout.title.text) == (max(loss, default=0) > 12)


@pytest.mark.parametrize("low", [1e-5, 0.02, 1.0, 1.05, 500.0])
@pytest.mark.parametrize("ratio", [1.0, 1.2, 3.0, 1e4])
def test_a_log_axis_has_some_round_numbers(low, ratio):
    axis = style.log_axis(*style.log_range(np.array([0, low, low * ratio])), "~g")
    left, right = (10**end for end in axis["range"])
    assert 3 <= len(axis["tickvals"]) <= 14
    assert left < low <= low * ratio < right < low * ratio * 1.7
    assert all(left <= tick <= right * 1.0001 for tick in axis["tickvals"])


@pytest.mark.parametrize("name", ["python-source-gru", "python-docs-lstm"])
def test_log_probabilities_are_those_of_a_model_that_reads_token_by_token(name):
    run = load_run(name)
    found = token_scores.log_probs(run, TEXT)
    ids, hidden = run.ids(TEXT), run.model.init_hidden(1)
    assert len(found) == len(ids)
    assert math.isnan(found[0])
    for t in range(1, len(ids)):
        with torch.no_grad():
            log_p, hidden = run.model(ids[None, t - 1 : t], hidden)
        assert found[t] == pytest.approx(log_p[0, 0, ids[t]].item(), abs=1e-4)
    assert np.isnan(token_scores.log_probs(run, "x")).all()


def test_a_margin_is_over_the_best_of_the_others():
    rng = np.random.default_rng(0)
    log_p = np.log(rng.random((4, 50)))
    log_p[1, :5] = log_p[2, :5]  # draws
    margins = token_scores.margins(log_p)
    for m in range(4):
        for t in range(50):
            others = [log_p[k, t] for k in range(4) if k != m]
            assert margins[m, t] == pytest.approx(log_p[m, t] - max(others))


def test_samples_of_one_noise_differ_only_by_the_model():
    lstm = load_run("python-source-lstm")
    assert time_lapse.write(lstm, TEXT, 0.8, 1) == time_lapse.write(lstm, TEXT, 0.8, 1)
    assert time_lapse.write(lstm, TEXT, 0.8, 1) != time_lapse.write(lstm, TEXT, 0.8, 2)
    assert len(time_lapse.write(lstm, TEXT, 0.8, 1).text) >= time_lapse.SAMPLE_TOKENS


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.09372, "1.094"),
        (1234.5, "1,234.500"),
        (0.00217, "0.00217"),
        (0.0, "0.000"),
        (3e8, "3.0e+08"),
    ],
)
def test_the_table_of_a_report_shows_three_digits_of_small_numbers_too(value, shown):
    rows = pd.DataFrame({"run": ["a"], "n": [value]})
    assert f"<td>{shown}</td>" in report.document("t", {"s": [rows]})


@pytest.mark.parametrize(("low", "high"), [(-18.2, 0.0), (-25.0, 25.0), (-0.4, 0.1), (-5.5, -4.5)])
def test_powers_of_ten_on_an_axis_are_numbers_without_raised_digits(low, high):
    axis = style.power_ticks(np.array([low, high]))
    ticks = dict(zip(axis["tickvals"], axis["ticktext"], strict=True))
    for log10, text in ticks.items():
        assert float(text.replace("\u2212", "-")) == pytest.approx(10.0**log10)
    assert 2 <= sum(low <= log10 <= high for log10 in ticks) <= 9


def test_a_loss_of_nearly_0_in_a_report_is_told_as_on_the_pages():
    rows = pd.DataFrame({"run": ["a", "b"], "test, nats": [1e-7, None]})
    page = report.document("t", {"s": [rows]})
    assert re.findall("<td>(.*?)</td>", page) == ["a", "&lt; 0.001", "b", "–"]


def test_a_report_is_one_page_with_every_name_escaped_and_plotly_once():
    bad = "</script><script>alert(1)</script>"
    figure = go.Figure(go.Scatter(y=[1, 2], name=bad), {"title": {"text": bad}})
    parts = [bad, report.Text(bad, bad), pd.DataFrame({bad: [bad, None], "n": [1.5, 2.0]}), figure]
    frames = report.Frames(bad, {bad: [bad, report.Heatmaps(b"message")], "2": []}, chosen="2")
    page = report.document(bad, {bad: [*parts, figure]})
    moving = report.document("t", {"s": [frames]})
    assert bad not in page + moving
    assert 'max="1" value="1"' in moving
    assert moving.count('<section data-label="') == moving.count("</section>") == 2
    assert f'data-message="{base64.b64encode(b"message").decode()}"' in moving
    assert page.count("&lt;/script&gt;&lt;script&gt;") == 8  # twice the title, and each of six
    without = report.document("t", {"s": [figure, figure]})
    assert len(without) < 1.2 * len(report.document("t", {}))
    assert without.count("Plotly.newPlot(") >= 2
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="http', page)
