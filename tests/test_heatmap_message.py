"""The binary message of the heatmaps, read by a decoder of its own."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st

from rnnviz.analysis.text_view import ORDERS, unit_order
from rnnviz.figures.heatmap_message import Model, Panel, Text, encode, pack


def unpack(message: bytes) -> tuple[dict, list[list[np.ndarray]]]:
    """Header, and for each model its panels (units, tokens), as heatmaps.js reads them."""
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4 : 4 + length].decode("utf-8"))
    body = message[4 + length :]
    codes = [body[i] + 256 * body[i + 1] for i in range(0, len(body), 2)]
    panels = []
    for model in header["models"]:
        steps, units = len(header["texts"][model["text"]]["tokens"]), len(model["units"])
        panels.append([])
        for panel in model["panels"]:
            cells = codes[panel["offset"] : panel["offset"] + steps * units]
            values = np.array([value_of(code, panel["lowest"]) for code in cells])
            panels[-1].append(values.reshape(units, steps))
    assert 2 * sum(p.size for model in panels for p in model) == len(body)
    return header, panels


def value_of(code: int, lowest: int) -> float:
    """By listing what the codes on one side of 0 stand for, one after the other."""
    if code == 2**15:
        return 0.0
    exponent, digits = divmod(abs(code - 2**15) - 1, 900)
    sign = "-" if code < 2**15 else ""
    return float(f"{sign}{100 + digits}e{lowest + exponent - 2}")


def some_text(steps: int) -> Text:
    spans = np.stack([np.arange(steps), np.arange(1, steps + 1)], 1).reshape(steps, 2)
    return Text([chr(0x5D0 + t) for t in range(steps)], spans)


@cases(max_examples=40)
@given(st.data())
def test_a_message_decodes_to_the_values_in_the_order_of_the_units(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    texts = [some_text(n) for n in data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3))]
    models = []
    for number in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(texts) - 1))
        shape = (len(texts[place].tokens), data.draw(st.integers(1, 6)))
        panels = []
        for symbol in data.draw(st.sampled_from(["", "i", "ifgo"])):
            lo, width = data.draw(st.floats(-50, 50)), data.draw(st.floats(0.01, 100))
            values = rng.uniform(lo, lo + width, shape).astype(np.float32)
            panels.append(Panel(symbol, values, "sequential", lo, lo + width))
        order = rng.permutation(shape[1])
        models.append(Model(f"m{number}", "t", "#123456", place, order, panels))
    header, decoded = unpack(pack(texts, models, columns=2))
    assert header["columns"] == 2
    for text, got in zip(texts, header["texts"], strict=True):
        assert got["tokens"] == list(text.tokens)
        assert [*zip(got["starts"], got["ends"], strict=True)] == [*map(tuple, text.spans.tolist())]
    for model, got, panels in zip(models, header["models"], decoded, strict=True):
        assert (got["label"], got["text"]) == (model.label, model.text)
        assert got["units"] == model.units.tolist()
        for panel, described, values in zip(model.panels, got["panels"], panels, strict=True):
            assert (described["symbol"], described["scale"]) == (panel.symbol, panel.scale)
            for row, unit in enumerate(model.units):
                wanted = panel.values[:, unit]
                np.testing.assert_allclose(values[row], wanted, rtol=0.00501, atol=1e-30)


@pytest.mark.parametrize(
    "token", ["<script>alert(1)</script>", "\0", "\ud800", "e\u0301", "😀", '"', "\u2028", "x" * 9]
)
def test_any_token_survives_the_header_and_values_begin_at_an_even_place(token):
    text = Text([token], np.array([[0, 1]]), np.array([0.25]))
    message = pack([text], [])
    header, _ = unpack(message)
    assert header["texts"][0]["tokens"] == [token]
    assert header["texts"][0]["values"] == [0.25]
    assert len(message) % 2 == 0


def test_every_scale_of_a_panel_has_colours():
    header, _ = unpack(pack([some_text(1)], []))
    for name in ("sequential", "diverging", "diverging_dark", "log"):
        stops = header["scales"][name]
        assert len(stops) > 2
        assert all(len(rgb) == 3 and 0 <= min(rgb) <= max(rgb) <= 255 for rgb in stops)


@pytest.mark.parametrize("shape", [(3, 4), (2, 5), (4, 2), (0, 4), (2,)])
def test_values_that_do_not_fit_their_text_and_units_are_refused_with_the_sizes(shape):
    panel = Panel("f", np.zeros(shape, np.float32), "sequential", 0, 1)
    model = Model("mine", "t", "#000000", 0, np.arange(4), [panel])
    with pytest.raises(ValueError, match=r"mine f.*2 tokens and 4 units"):
        pack([some_text(2)], [model])


def test_a_log_scale_tells_small_norms_and_leaves_zeros_out():
    """Colours end six decades below the top; what is told goes on below."""
    values = np.array([[-2.0], [-9.5], [-30.0], [-99.0], [-np.inf]])
    panel = Panel("d", values, "log", -8.0, -2.0)
    model = Model("m", "t", "#000000", 0, np.arange(1), [panel])
    _, [[decoded]] = unpack(pack([some_text(5)], [model]))
    assert [f"{v:.3g}" for v in decoded[0]] == ["0.01", "3.16e-10", "1e-30", "0", "0"]


@pytest.mark.parametrize("scale", ["diverging", "log"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(scale, value):
    panel = Panel("c", np.full((2, 1), value), scale, -np.nan, np.nan)
    with pytest.raises(ValueError, match="NaN or infinite"):
        pack([some_text(2)], [Model("m", "t", "#000000", 0, np.arange(1), [panel])])


@cases(max_examples=200)
@example([1.264989905614985e30])  # its third digit was once rounded beside a step of 27,900
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), max_size=20))
def test_a_code_holds_three_significant_digits_and_codes_are_in_the_order_of_the_values(values):
    codes, lowest = encode(np.array(values, np.float32))
    for value, code in zip(values, codes.tolist(), strict=True):
        told = value_of(code, lowest)
        unit = 10.0 ** max(np.floor(np.log10(abs(value))) - 2, lowest - 2) if value else 0
        assert abs(told - value) <= unit * 0.5001 or abs(value) < 10.0**lowest
        assert told * value >= 0
    assert (np.diff(codes[np.argsort(values)].astype(int)) >= 0).all()


@pytest.mark.parametrize("largest", [1.0, 50.0, 1e29])
def test_values_of_any_size_are_told_to_three_digits_beside_one_large_value(largest):
    values = np.array([largest, 0.119, -0.0412, 2.17e-4, -3.5e-6, 0.0])
    panel = Panel("c", values[:, None], "diverging", -1.0, 1.0, by_tanh=True)
    header, [[decoded]] = unpack(
        pack([some_text(6)], [Model("m", "t", "#000000", 0, np.arange(1), [panel])])
    )
    assert [f"{v:.3g}" for v in decoded[0, 1:5]] == ["0.119", "-0.0412", "0.000217", "-3.5e-06"]
    np.testing.assert_allclose(decoded[0], values, rtol=0.005)
    assert header["models"][0]["panels"][0]["by_tanh"]


@cases(max_examples=60)
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(ORDERS), st.integers(0, 99))
def test_units_are_ordered_by_what_they_do(steps, units, by, seed):
    values = np.random.default_rng(seed).integers(0, 3, (steps, units)).astype(np.float64)
    order = unit_order(values, by).tolist()
    columns = values.T.tolist()

    def key(unit):
        column, mean = columns[unit], sum(columns[unit]) / steps
        return {
            "index": unit,
            "mean": -round(mean, 9),
            "variance": -round(sum((v - mean) ** 2 for v in column) / steps, 9),
            "time of peak": column.index(max(column)),
        }[by]

    assert sorted(order) == list(range(units))
    keys = [key(unit) for unit in order]
    assert keys == sorted(keys)


def test_an_unknown_order_is_refused():
    with pytest.raises((KeyError, ValueError)):
        unit_order(np.zeros((2, 2)), "colour")
