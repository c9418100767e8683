"""The parts of a model against the modules of a real one, and one window in both modes."""

import pytest
import torch
from torch.nn import functional as F

from rnnviz import RNN_TYPES, RNNModel
from rnnviz.analysis import model_parts, small_training
from rnnviz.nn.model_config import ModelConfig
from tests.test_background import LINE
from tests.test_train_page import pasted

BATCH, STEPS = 3, 7
SHAPES = {
    "plain": {"num_hidden_layers": 1, "dropout": 0.0, "tie_weights": False},
    "deep": {"num_hidden_layers": 2, "dropout": 0.5, "tie_weights": False},
    "tied": {"num_hidden_layers": 1, "dropout": 0.2, "tie_weights": True, "embedding_size": 12},
}


def config_of(kind: str, name: str) -> ModelConfig:
    usual = {"vocab_size": 17, "embedding_size": 5, "hidden_size": 12, "forget_bias": None}
    return ModelConfig(**usual | SHAPES[name] | {"rnn_type": kind})


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kind", RNN_TYPES)
def test_shapes_and_parameters_are_those_of_the_modules(kind, name):
    config = config_of(kind, name)
    model, shapes = RNNModel(**config), []

    def note(module, inputs, output):
        shapes.append(tuple((output[0] if isinstance(output, tuple) else output).shape))

    for module in (model.embedding, model.dropout, model.rnn, model.projection):
        module.register_forward_hook(note)
    ids = torch.zeros(BATCH, STEPS, dtype=torch.long)
    log_probs, _ = model(ids, model.init_hidden(BATCH))
    tokens, *found = model_parts.parts(config, BATCH, STEPS)
    assert tokens.shape == tuple(ids.shape)
    assert [part.shape for part in found] == [*shapes, tuple(log_probs.shape)]
    assert found[2].name == kind
    assert sum(part.parameters for part in found) == sum(p.numel() for p in model.parameters())
    sizes = {"B": BATCH, "T": STEPS, "V": 17, "E": config["embedding_size"], "H": 12}
    for part in (tokens, *found):
        letters = part.letters.strip("()").split(", ")
        assert tuple(sizes[letter] for letter in letters) == part.shape
    off = [part.name for part in found if part.is_off_in_evaluation]
    assert off == (["Dropout"] * 2 if config["dropout"] else [])


@pytest.mark.parametrize("kind", RNN_TYPES)
def test_a_loss_differs_by_dropout_alone(kind):
    first, again, evaluated, once_more = model_parts.readings(kind, 0.3)
    assert first.loss != again.loss
    assert evaluated == once_more
    assert evaluated.loss not in (first.loss, again.loss)
    assert [one.has_graph for one in (first, evaluated)] == [True, False]
    assert len({one.loss for one in model_parts.readings(kind, 0.0)[:2]}) == 1
    without = model_parts.readings(kind, 0.0)
    assert without[0].loss == pytest.approx(evaluated.loss, rel=1e-6)
    windows, model = small_training.windows(), small_training.begun(kind)
    log_probs, _ = model.eval()(windows.inputs, model.init_hidden(1))
    wanted = F.nll_loss(log_probs[0], windows.targets[0])
    assert evaluated.loss == pytest.approx(wanted.item(), rel=1e-6)
    before = torch.get_rng_state()
    assert model_parts.readings(kind, 0.3) == (first, again, evaluated, once_more)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_train_page_shows_the_parts_of_the_models_that_it_would_train():
    closed = pasted(LINE * 400)
    assert "model-parts" not in " ".join(element.proto.body for element in closed.get("html"))
    app = pasted(LINE * 400, train_parts=True, train_types=["GRU"], train_dropout=0.25)
    (drawn,) = [e.proto.body for e in app.get("html") if "model-parts" in e.proto.body]
    # A batch of 2 rows of 8 tokens, 8 numbers and 8 units, a vocabulary of 4
    for shape in ("2 × 8</code>", "2 × 8 × 8</code>", "2 × 8 × 4</code>", "432 parameters"):
        assert shape in drawn
    assert "<b>GRU</b>" in drawn
    assert drawn.count('class="off"') == 2
    losses = losses_of(app)
    assert losses["Training"].nunique() == 2
    assert losses["Evaluation"].nunique() == 1
    app.number_input(key="train_dropout").set_value(0.0).run()
    losses = losses_of(app)
    assert losses["Training"].tolist() == losses["Evaluation"].tolist()


def losses_of(app):
    (table,) = [one.value for one in app.table if "Evaluation" in one.value]
    return table.iloc[3:]
