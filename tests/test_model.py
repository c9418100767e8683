import pytest
import torch
from torch.nn import functional as F

from rnnviz import RNN_TYPES, RNNModel, count_parameters, trace_model


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("tied", [False, True])
def test_forward_is_embedding_rnn_projection_log_softmax(rnn_type, layers, tied):
    torch.manual_seed(0)
    model = RNNModel(rnn_type, 11, 6, 6, layers, dropout=0.4, tie_weights=tied).eval()
    ids, hidden = torch.randint(11, (3, 5)), model.init_hidden(3)
    log_prob, last = model(ids, hidden)
    output, expected_last = model.rnn(F.embedding(ids, model.embedding.weight), hidden)
    expected = F.log_softmax(output @ model.projection.weight.T + model.projection.bias, -1)
    assert torch.allclose(log_prob, expected, atol=1e-6)
    pairs = zip(last, expected_last, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert tied == (model.projection.weight is model.embedding.weight)
    assert sum(count_parameters(model).values()) == sum(p.numel() for p in model.parameters())


def test_dropout_acts_before_and_after_the_rnn_in_training_alone():
    torch.manual_seed(0)
    model = RNNModel("GRU", 7, 5, 5, 1, dropout=0.5)
    ids, hidden = torch.zeros(1, 4, dtype=torch.int64), model.init_hidden(1)
    assert not torch.equal(model(ids, hidden)[0], model(ids, hidden)[0])
    model.eval()
    assert torch.equal(model(ids, hidden)[0], model(ids, hidden)[0])


@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_init_hidden_is_zero_and_has_a_c_for_the_lstm_alone(rnn_type):
    hidden = RNNModel(rnn_type, 4, 3, 5, 2).init_hidden(6)
    assert isinstance(hidden, tuple) == (rnn_type == "LSTM")
    for state in hidden if isinstance(hidden, tuple) else (hidden,):
        assert state.shape == (2, 6, 5)
        assert not state.any()


def test_the_formulas_count_the_rnn():
    h = 16
    weights = {"LSTM": 8, "GRU": 6, "RNN_TANH": 2, "RNN_RELU": 2}
    for rnn_type, per_square in weights.items():
        counts = count_parameters(RNNModel(rnn_type, 9, h, h, 1))
        assert counts["rnn"] == per_square * h * h + per_square * h  # two biases


def test_errors_name_what_is_accepted():
    with pytest.raises(ValueError, match="LSTM, GRU, RNN_TANH, RNN_RELU"):
        RNNModel("lstm", 5)
    with pytest.raises(ValueError, match="100 and 200"):
        RNNModel("LSTM", 5, embedding_size=100, tie_weights=True)


@pytest.mark.parametrize(("rnn_type", "gate"), [("LSTM", 1), ("GRU", 1)])
def test_a_forget_bias_is_the_sum_of_both_biases_of_the_gate_that_keeps(rnn_type, gate):
    torch.manual_seed(0)
    usual = RNNModel(rnn_type, 7, 5, 6, 2)
    torch.manual_seed(0)
    model = RNNModel(rnn_type, 7, 5, 6, 2, forget_bias=3)
    assert model.config["forget_bias"] == 3.0
    assert usual.config["forget_bias"] is None
    of_gate = torch.arange(6) + 6 * gate
    for name, weight in usual.named_parameters():
        mine, its = model.get_parameter(name).detach().clone(), weight.detach().clone()
        if "bias" in name and name.startswith("rnn"):
            assert mine[of_gate].tolist() == [3.0 if "bias_ih" in name else 0.0] * 6
            its[of_gate] = mine[of_gate]
        assert torch.equal(mine, its)
    keep = trace_model(model, [1, 2, 3]).layers[1].gates["f" if rnn_type == "LSTM" else "z"]
    assert keep.mean() > 0.9


@pytest.mark.parametrize("rnn_type", ["RNN_TANH", "RNN_RELU"])
def test_a_type_without_a_gate_that_keeps_takes_no_forget_bias(rnn_type):
    with pytest.raises(ValueError, match=f"{rnn_type} has no gate"):
        RNNModel(rnn_type, 7, 5, 6, 2, forget_bias=1.0)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e39])
def test_a_forget_bias_that_is_not_finite_is_refused(wrong):
    with pytest.raises(ValueError, match="finite"):
        RNNModel("LSTM", 7, 5, 6, 2, forget_bias=wrong)
