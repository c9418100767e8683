"""The language model of the lecture notes: embedding, recurrent layers, projection."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnviz.nn.cell_types import CELL_TYPES, RNN_TYPES, required
from rnnviz.nn.cells import keep_block, kind_of
from rnnviz.nn.cpu_recurrence import GRU, RNN
from rnnviz.nn.dropout import Dropout
from rnnviz.nn.model_config import LARGEST, ModelConfig

Hidden = Tensor | tuple[Tensor, Tensor]  # h (L,B,H), for the LSTM (h, c)

MODULES: dict[str, Callable[..., nn.RNNBase]] = {
    "LSTM": nn.LSTM,
    "GRU": GRU,
    "RNN_TANH": partial(RNN, nonlinearity="tanh"),
    "RNN_RELU": partial(RNN, nonlinearity="relu"),
}


def make_rnn(
    rnn_type: str, input_size: int, hidden_size: int, layers: int, dropout: float = 0.0
) -> nn.RNNBase:
    """The torch module of a cell type, batch first. Raises ValueError for an unknown one."""
    if rnn_type not in CELL_TYPES:
        raise ValueError(f"rnn_type must be one of {', '.join(RNN_TYPES)}, not {rnn_type!r}")
    module = required(MODULES, rnn_type, "nn/model")
    dropout = dropout if layers > 1 else 0.0  # torch applies it between layers
    return module(input_size, hidden_size, layers, batch_first=True, dropout=dropout)


def set_forget_bias(rnn: nn.RNNBase, value: float) -> None:
    """Set the biases of the gate that keeps, in every layer: b_ih to the value, b_hh to 0. Raises
    ValueError for a cell type without such a gate and for a value that float32 does not hold."""
    kind = kind_of(rnn)
    if not abs(value) <= LARGEST:
        raise ValueError(f"forget_bias must be a finite number, not {value}")
    with torch.no_grad():
        for _, _, b_ih, b_hh in rnn.all_weights:
            keep_block(kind, b_ih).fill_(value)
            keep_block(kind, b_hh).zero_()


class LanguageModel(nn.Module):
    """What training, evaluation and `context_loss` ask of a model of a language.

    `rnn_type` is the name of its learning rates. What it hands on from window to window is one or
    two tensors with the batch in the second dimension; zeros at the start of a text.
    """

    rnn_type: str
    embedding: nn.Embedding
    dropout: nn.Dropout
    projection: nn.Linear

    @property
    def device(self) -> torch.device:
        return self.projection.weight.device

    @property
    def width(self) -> int:
        """The longer side of the largest product before the projection's."""
        return self.projection.in_features

    def init_hidden(self, batch_size: int) -> Hidden:
        """The state at the start of a text, of so many rows."""
        raise NotImplementedError

    def states(self, input: Tensor, prev_hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Ids (B,T) -> what the projection sees (B,T,H), and the last hidden."""
        raise NotImplementedError

    def forward(self, input: Tensor, prev_hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Ids (B,T) -> log-probabilities of each next token (B,T,V), and the last hidden."""
        output, hidden = self.states(input, prev_hidden)
        return F.log_softmax(self.projection(output), dim=-1), hidden  # (B,T,V)


class RNNModel(LanguageModel):
    """Embedding, dropout, LSTM/GRU/RNN, dropout, projection, log-softmax.

    `rnn_type`: LSTM, GRU, RNN_TANH or RNN_RELU. `tie_weights` shares one matrix (V, H)
    between embedding and projection (Press and Wolf 2017) and needs equal sizes.
    `forget_bias`: the sum of both initial biases of the LSTM's forget gate, or of the GRU's update
    gate, in every layer (Gers et al. 2000; Jozefowicz et al. 2015; Tallec and Ollivier 2018); None
    leaves PyTorch's, which are random near 0. An untrained gate with bias b halves what it keeps in
    ln 2 / -ln sigmoid(b) tokens: 1 at 0, 14 at 3. Raises ValueError for an unknown type, for sizes
    that cannot be tied and for a forget bias of a type that has no such gate.
    """

    def __init__(
        self,
        rnn_type: str,
        vocab_size: int,
        embedding_size: int = 200,
        hidden_size: int = 200,
        num_hidden_layers: int = 2,
        dropout: float = 0.5,
        tie_weights: bool = False,
        forget_bias: float | None = None,
    ) -> None:
        super().__init__()
        # torch and run.json take no integer of numpy
        sizes = map(operator.index, (vocab_size, embedding_size, hidden_size, num_hidden_layers))
        vocab_size, embedding_size, hidden_size, num_hidden_layers = sizes
        dropout = float(dropout)
        if tie_weights and embedding_size != hidden_size:
            raise ValueError(
                "tied weights need equal sizes, not an embedding of "
                f"{embedding_size} and {hidden_size} hidden units"
            )
        self.rnn_type = rnn_type
        self.tie_weights = tie_weights
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.dropout = Dropout(dropout)
        self.rnn = make_rnn(rnn_type, embedding_size, hidden_size, num_hidden_layers, dropout)
        self.forget_bias = None if forget_bias is None else float(forget_bias)
        if self.forget_bias is not None:
            set_forget_bias(self.rnn, self.forget_bias)
        self.projection = nn.Linear(hidden_size, vocab_size)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.projection.bias)
        if tie_weights:
            self.projection.weight = self.embedding.weight
        else:
            nn.init.uniform_(self.projection.weight, -0.1, 0.1)

    @property
    def config(self) -> ModelConfig:
        """The arguments that build such a model."""
        return ModelConfig(
            rnn_type=self.rnn_type,
            vocab_size=self.embedding.num_embeddings,
            embedding_size=self.embedding.embedding_dim,
            hidden_size=self.rnn.hidden_size,
            num_hidden_layers=self.rnn.num_layers,
            dropout=self.dropout.p,
            tie_weights=self.tie_weights,
            forget_bias=self.forget_bias,
        )

    def init_hidden(self, batch_size: int) -> Hidden:
        """Zeros (L,B,H) for h, and for the LSTM as many for c."""
        shape = (self.rnn.num_layers, batch_size, self.rnn.hidden_size)
        h = torch.zeros(shape, device=self.device, dtype=self.projection.weight.dtype)
        return (h, h.clone()) if CELL_TYPES[self.rnn_type].has_cell_state else h

    def states(self, input: Tensor, prev_hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Ids (B,T) -> what the projection sees: top states (B,T,H), and the last hidden."""
        embedded = self.dropout(self.embedding(input))  # (B,T,D)
        output, hidden = self.rnn(embedded, prev_hidden)  # (B,T,H)
        return self.dropout(output), hidden


def checked_ids(ids: Tensor | Sequence[int], vocab_size: int, least: int = 0) -> Tensor:
    """Ids (T,) as int64, on their own device.

    Raises ValueError for anything but a sequence of ids of the vocabulary, and for fewer than
    `least` of them.
    """
    wanted = f"ids must be one sequence of whole numbers from 0 to {vocab_size - 1}"
    try:
        ids = torch.as_tensor(ids)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{wanted}, not {type(ids).__name__} of something else") from None
    if ids.dim() != 1:
        raise ValueError(f"{wanted}, not of shape {tuple(ids.shape)}")
    if len(ids) < least:
        raise ValueError(f"ids must be at least {least} token{'s' * (least > 1)}, not {len(ids)}")
    if not len(ids):
        return ids.long()
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise ValueError(f"{wanted}, not {str(ids.dtype).removeprefix('torch.')}")
    ids = ids.long()
    low, high = (int(end) for end in ids.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(f"{wanted}, the vocabulary of the model, not {low if low < 0 else high}")
    return ids


def hidden_tensors(hidden: Hidden) -> tuple[Tensor, ...]:
    """(h,), of an LSTM (h, c)."""
    return hidden if isinstance(hidden, tuple) else (hidden,)


def as_hidden(tensors: Sequence[Tensor]) -> Hidden:
    """What torch's modules take, of (h,) or (h, c)."""
    return (tensors[0], tensors[1]) if len(tensors) == 2 else tensors[0]


def cast_hidden(hidden: Hidden, dtype: torch.dtype) -> Hidden:
    """The same state in another precision."""
    return as_hidden([h.to(dtype) for h in hidden_tensors(hidden)])


def count_parameters(model: RNNModel) -> dict[str, int]:
    """Parameters of embedding, rnn and projection; a tied matrix counts in the embedding."""
    counts = {
        part: sum(p.numel() for p in getattr(model, part).parameters())
        for part in ("embedding", "rnn", "projection")
    }
    if model.tie_weights:
        counts["projection"] -= model.projection.weight.numel()
    return counts
