"""Packed sequences: each row is traced as it would be alone."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from rnnviz import RNN_TYPES, memory_half_life, record, recurrent_jacobian, trace
from tests.test_tracing import make

CLOSE = {"rtol": 0, "atol": 1e-9}
DOUBLE = {"input_size": 3, "hidden_size": 4, "dtype": torch.float64}


def row_of(state, b: int):
    """The state of one row alone, without a batch."""
    if state is None:
        return None
    return tuple(s[:, b] for s in state) if isinstance(state, tuple) else state[:, b]


@st.composite
def packed_calls(draw):
    kind = draw(st.sampled_from(RNN_TYPES))
    options = DOUBLE | {
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
    }
    if kind == "LSTM" and draw(st.booleans()):
        options["proj_size"] = 2
    lengths = draw(st.lists(st.integers(1, 18), min_size=1, max_size=4))
    return kind, options, lengths, draw(st.booleans())


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@cases(max_examples=60)
@given(packed_calls())
@example(("LSTM", DOUBLE | {"num_layers": 2, "bidirectional": True, "proj_size": 2}, [1, 17], True))
@example(("GRU", DOUBLE | {"num_layers": 2, "bidirectional": True}, [2, 5, 3, 5], True))
def test_each_row_is_traced_as_it_is_alone(call):
    kind, options, lengths, with_state = call
    torch.manual_seed(len(lengths))
    rnn = make(kind, **options)
    rows = [torch.randn(n, 3, dtype=torch.float64) for n in lengths]
    count, state = rnn.num_layers * (2 if rnn.bidirectional else 1), None
    if with_state:
        h = torch.randn(count, len(rows), rnn.proj_size or 4, dtype=torch.float64)
        c = torch.randn(count, len(rows), 4, dtype=torch.float64)
        state = (h, c) if kind == "LSTM" else h
    packed = pack_sequence(rows, enforce_sorted=lengths == sorted(lengths, reverse=True))
    seen = trace(rnn, packed, state)

    assert seen.lengths.tolist() == lengths
    assert seen.residual < 1e-12
    _, last = rnn(packed, state)
    for b, (row, n) in enumerate(zip(rows, lengths, strict=True)):
        for k, (layer, alone) in enumerate(
            zip(seen.layers, trace(rnn, row, row_of(state, b)).layers, strict=True)
        ):
            arrays = {"x": (layer.x, alone.x), "h": (layer.h, alone.h)}
            arrays |= {name: (gate, alone.gates[name]) for name, gate in layer.gates.items()}
            if kind == "LSTM":
                arrays["c"] = layer.c, alone.c
            for mine, its in arrays.values():
                torch.testing.assert_close(mine[: len(its), b], its[:, 0], **CLOSE)
                assert mine[len(its) :, b].isnan().all()
            ends = (layer.h, last[0] if kind == "LSTM" else last), (layer.c, last[-1])
            for states, end in ends[: 2 if kind == "LSTM" else 1]:
                torch.testing.assert_close(states[0 if layer.reverse else n, b], end[k, b], **CLOSE)


@pytest.fixture
def of_two_rows():
    torch.manual_seed(0)
    rnn = make("LSTM", **DOUBLE)
    rows = [torch.randn(2, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)]
    return rnn, rows, trace(rnn, pack_sequence(rows, enforce_sorted=False))


def test_what_is_made_of_a_trace_leaves_the_padding_out(of_two_rows, tmp_path):
    rnn, rows, seen = of_two_rows
    frame = seen.to_frame(0, [list("ab???"), list("abcde")])
    assert frame.value.notna().all()
    assert frame.groupby("batch").step.nunique().tolist() == [2, 5]
    assert set(frame.token) == set("abcde")
    seen.save(tmp_path / "packed.npz")
    with np.load(tmp_path / "packed.npz") as file:
        assert file["lengths"].tolist() == [2, 5]
    forget = torch.cat([trace(rnn, row).layers[0].gates["f"] for row in rows])  # (7,1,H)
    wanted = np.log(2) / -forget.log().mean((0, 1))
    torch.testing.assert_close(memory_half_life(seen, 0), wanted, **CLOSE)


def test_a_jacobian_is_that_of_the_row_alone_and_refused_after_its_end(of_two_rows):
    rnn, rows, seen = of_two_rows
    alone = recurrent_jacobian(rnn, trace(rnn, rows[0]), 0, 1)
    torch.testing.assert_close(recurrent_jacobian(rnn, seen, 0, 1, batch=0), alone, **CLOSE)
    with pytest.raises(ValueError, match="step must be a number from -2 to 1, not 2"):
        recurrent_jacobian(rnn, seen, 0, 2, batch=0)


def test_the_residual_of_packed_rows_shows_what_is_wrong_and_what_is_not_finite(monkeypatch):
    rnn = make("GRU", input_size=3, hidden_size=4, num_layers=2)
    packed = pack_sequence([torch.randn(5, 3), torch.randn(2, 3)])
    assert trace(rnn, packed).residual < 1e-6
    true = torch.gru
    with monkeypatch.context() as patched:
        moved = lambda *a: tuple(part + 0.01 for part in true(*a))  # noqa: E731
        patched.setitem(trace.__globals__["KERNELS"], "GRU", moved)
        assert trace(rnn, packed).residual > 1e-3
    nn.init.constant_(rnn.weight_hh_l0, float("nan"))
    assert not np.isfinite(trace(rnn, packed).residual)


def test_an_encoder_of_packed_sentences_is_recorded():
    encoder = nn.ModuleDict({"rnn": make("LSTM", input_size=3, hidden_size=4, bidirectional=True)})
    packed = pack_sequence([torch.randn(5, 3), torch.randn(2, 3)])
    wanted = encoder["rnn"](packed)[0].data
    with record(encoder) as traces:
        assert torch.equal(encoder["rnn"](packed)[0].data, wanted)
    (seen,) = traces["rnn"]
    assert seen.lengths.tolist() == [5, 2]
    assert seen.residual < 1e-6
