"""The parts of a language model: what comes out of each, and what evaluation switches off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnviz.nn.model_config import ModelConfig
from rnnviz.nn.parameter_count import parameters

if TYPE_CHECKING:
    from rnnviz.nn.model import RNNModel

SEEDS = (0, 1)


@dataclass(frozen=True)
class Part:
    """One part of RNNModel, in the order in which it is applied: what it does to a batch of B rows
    of T tokens, the shape of what comes out in letters and in numbers, and its parameters."""

    name: str
    does: str
    letters: str
    shape: tuple[int, ...]
    parameters: int
    is_off_in_evaluation: bool = False


def parts(model: ModelConfig, batch: int, steps: int) -> tuple[Part, ...]:
    """The parts of a model for batches (B,T); V tokens, embeddings of E, layers of H units."""
    v, e, h = model["vocab_size"], model["embedding_size"], model["hidden_size"]
    layers, p, count = model["num_hidden_layers"], model["dropout"], parameters(model)
    read, seen, given = (batch, steps, e), (batch, steps, h), (batch, steps, v)
    drops = f"in training each number is 0 with probability {p:g}"
    recurrent = "carries its state from token to token"
    if layers > 1:
        recurrent = f"{layers} layers, with dropout between them; each carries its state on"
    tied = ", with the embedding's weights" if model["tie_weights"] else ""
    return (
        Part("Tokens", "a window of the text, as numbers", "(B, T)", (batch, steps), 0),
        Part("Embedding", "a row of weights for each token", "(B, T, E)", read, count.embedding),
        Part("Dropout", drops, "(B, T, E)", read, 0, p > 0),
        Part(model["rnn_type"], recurrent, "(B, T, H)", seen, count.recurrent),
        Part("Dropout", drops, "(B, T, H)", seen, 0, p > 0),
        Part("Projection", f"a score for each token{tied}", "(B, T, V)", given, count.projection),
        Part("Log-softmax", "log-probabilities of the next token", "(B, T, V)", given, 0),
    )


@dataclass(frozen=True)
class Reading:
    """One window that was read: its mean loss in nats, and whether the loss has a graph, which
    backward needs."""

    loss: float
    has_graph: bool


def readings(rnn_type: str, dropout: float) -> tuple[Reading, ...]:
    """The window of `small_training`, read by its model with dropout added: twice in training, then
    twice in evaluation. Nothing else differs."""
    import torch

    from rnnviz.analysis import one_step, small_training
    from rnnviz.nn.evaluation import evaluating

    windows = small_training.windows()

    def read(model: RNNModel, seed: int) -> Reading:
        torch.manual_seed(seed)
        log_probs, _ = model(windows.inputs, model.init_hidden(1))  # (B,T,V)
        loss = one_step.nats(log_probs, windows.targets).mean()
        return Reading(loss.item(), loss.requires_grad)

    with torch.random.fork_rng(devices=[]):
        model = small_training.begun(rnn_type)
        model.dropout.p = dropout
        found = [read(model.train(), seed) for seed in SEEDS]
        with evaluating(model):
            found += [read(model, seed) for seed in SEEDS]
    return tuple(found)
