"""The laboratory: untrained cells whose gradient vanishes, is kept or explodes."""

import json

import numpy as np
import pytest
import torch

from rnnviz import RNN_TYPES
from rnnviz.analysis import laboratory
from rnnviz.analysis.laboratory import PYTORCH_GAIN, untrained_decay
from rnnviz.app import laboratory as presets
from rnnviz.nn.model import make_rnn
from tests.test_app import is_fine, opened

PAGE = "pages/gradients.py"


def at_the_far_end(kind: str, preset: presets.Preset) -> float:
    return untrained_decay(kind, preset.gain, preset.gate_bias, 64, 60, clip=False)[0]


def test_each_preset_makes_its_point():
    start, own, high = presets.PRESETS.values()
    ends = {
        (preset, kind): at_the_far_end(kind, preset)
        for preset in (start, own, high)
        for kind in RNN_TYPES
    }
    for gated in ("LSTM", "GRU"):
        assert ends[start, gated] > -2  # decades
        assert ends[own, gated] < -8
        assert abs(ends[high, gated]) < 3
    for rnn in ("RNN_TANH", "RNN_RELU"):
        assert ends[start, rnn] < -15
        assert ends[own, rnn] < -15
        assert ends[high, rnn] > 4


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_gain_means_the_same_for_every_block_of_every_cell(kind):
    """A random vector is multiplied by it on average; PyTorch's own module has PYTORCH_GAIN."""
    torch.manual_seed(0)
    size = 128
    vectors = torch.nn.functional.normalize(torch.randn(200, size, dtype=torch.float64), dim=1)

    def gains(weight):
        blocks = weight.detach().double().view(-1, size, size)
        return [(vectors @ block.T).square().sum(1).mean().sqrt().item() for block in blocks]

    rng = torch.Generator().manual_seed(0)
    model = laboratory._untrained(kind, 1.7, 0.0, size, rng)
    assert gains(model.rnn.weight_hh_l0) == pytest.approx(
        [1.7] * len(gains(model.rnn.weight_hh_l0)), rel=0.03
    )
    own = gains(make_rnn(kind, size, size, 1).weight_hh_l0)
    assert own == pytest.approx([PYTORCH_GAIN] * len(own), rel=0.03)


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_curves_begin_at_1_and_clipping_lowers_all_of_one_alike(kind):
    free = untrained_decay(kind, 3.0, 0.0, 16, 40, clip=False)
    shift = free - untrained_decay(kind, 3.0, 0.0, 16, 40, clip=True)
    assert free.shape == (40,)
    assert np.isfinite(free).all()
    assert free[-1] == 0
    assert shift == pytest.approx(np.full(40, shift[0]), abs=1e-9)
    assert shift[0] >= 0


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_the_bias_opens_the_gate_that_keeps_where_there_is_one(kind):
    low, high = (untrained_decay(kind, 1.0, bias, 16, 100, clip=False) for bias in (-2.0, 4.0))
    if kind in ("LSTM", "GRU"):
        assert high[0] > low[0] + 5  # decades, at the far end
    else:
        assert high.tolist() == low.tolist()


def figure(app) -> dict:
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return next(c for c in charts if "untrained" in c["layout"]["title"]["text"])


def said(app) -> str:
    return "\n".join(element.value for element in (*app.markdown, *app.caption))


def test_the_page_opens_on_the_lectures_point_and_its_axis_stays():
    app = opened(PAGE, runs=["recall-lstm"])
    assert app.button_group(key="lab_preset").value == presets.START
    ranges = set()
    for name, preset in presets.PRESETS.items():
        app.button_group(key="lab_preset").set_value(name).run()
        assert is_fine(app)
        assert app.session_state["gain"] == app.slider(key="gain").value == preset.gain
        assert app.session_state["forget_bias"] == preset.gate_bias
        assert preset.point in said(app)
        ranges.add(tuple(figure(app)["layout"]["yaxis"]["range"]))
    assert len(ranges) == 1
    assert "PyTorch's own is 0: near one half" in said(app)


def test_a_setting_of_ones_own_is_no_preset_and_the_highest_gain_holds():
    app = opened(PAGE, runs=["recall-lstm"])
    app.slider(key="gain").set_value(4.0)
    app.slider(key="lab_steps").set_value(300).run()
    assert is_fine(app)
    assert app.button_group(key="lab_preset").value is None
    assert presets.OWN_SETTINGS in said(app)
    app.button_group(key="lab_preset").set_value(presets.START).run()
    assert app.session_state["gain"] == presets.PRESETS[presets.START].gain
