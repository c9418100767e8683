"""The smallest models of the five shapes, in plain torch modules."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.cells import kind_of
from rnnviz.nn.model import Hidden, as_hidden, make_rnn, set_forget_bias
from rnnviz.tasks.task import END, NOT_COUNTED, ONE_TO_MANY, ONE_TO_ONE, Examples, Task


class TaskModel(nn.Module):
    """What training and scores ask of a model of a task. `head` reads its outputs off."""

    head: nn.Linear

    def logits(self, inputs: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Inputs, their lengths (N,) and targets (N,S) as in `Examples` -> (N,S,K). What is written
        is fed the true tokens so far (teacher forcing)."""
        raise NotImplementedError

    def answers(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """The likeliest outputs (N,S): of each step, or what is written without the truth."""
        raise NotImplementedError

    def loss(self, examples: Examples) -> Tensor:
        """Mean nats of the targets that count, ()."""
        targets = torch.from_numpy(examples.targets)  # (N,S)
        logits = self.logits(*input_tensors(examples), targets)  # (N,S,K)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=NOT_COUNTED)


def input_tensors(examples: Examples) -> tuple[Tensor, Tensor]:
    """Inputs and lengths."""
    return torch.from_numpy(examples.inputs), torch.from_numpy(examples.lengths)


class OneStep(TaskModel):
    """One-to-one: values (N,F) through one hidden layer to K outputs. Nothing here has a time."""

    def __init__(self, features: int, hidden_size: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden_size)
        self.head = nn.Linear(hidden_size, outputs)

    def logits(self, inputs: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        return self.head(self.hidden(inputs).relu())[:, None]  # (N,1,K)

    def answers(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.logits(inputs, lengths, lengths).argmax(-1)  # (N,1)


class EachStep(TaskModel):
    """Many-to-one and many-to-many: one recurrent layer, read off after each step. Where the
    loss sits, at the last step or at each, is all that sets the two apart."""

    def __init__(self, read: nn.Module, rnn: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.read, self.rnn = read, rnn
        self.head = nn.Linear(rnn.hidden_size, outputs)

    def logits(self, inputs: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        states, _ = self.rnn(self.read(inputs), self.begin(len(inputs)))  # (N,T,H)
        return self.head(states)  # (N,T,K); what lies after an end changes nothing before it

    def begin(self, rows: int) -> Hidden:
        """The state before the first step: zeros (1,N,H). To be given them makes training fast."""
        zeros = self.head.weight.new_zeros(1, rows, self.rnn.hidden_size)
        return as_hidden([zeros] * len(CELL_TYPES[kind_of(self.rnn)].feeds))

    def answers(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return self.logits(inputs, lengths, lengths).argmax(-1)  # (N,T)


class PictureEncoder(nn.Module):
    """Values (N,F) -> the state (1,N,H) with which a decoder begins."""

    def __init__(self, features: int, hidden_size: int, states: int) -> None:
        super().__init__()
        self.states = states
        self.hidden = nn.Linear(features, hidden_size)
        self.state = nn.Linear(hidden_size, states * hidden_size)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Hidden:
        state = self.state(self.hidden(inputs).relu()).tanh()  # (N,S*H)
        return as_hidden([part[None].contiguous() for part in state.chunk(self.states, -1)])


class SequenceEncoder(nn.Module):
    """Ids (N,T) -> the state (1,N,H) of one recurrent layer at each input's own end."""

    def __init__(self, read: nn.Module, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.read, self.rnn = read, rnn

    def forward(self, inputs: Tensor, lengths: Tensor) -> Hidden:
        read = self.read(inputs)  # (N,T,D)
        packed = pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
        return self.rnn(packed)[1]


class EncoderDecoder(TaskModel):
    """One-to-many and sequence-to-sequence: an encoder gives a state, from which a recurrent layer
    writes one token after the other and reads back what it wrote (Sutskever et al. 2014)."""

    def __init__(
        self, encoder: nn.Module, rnn: nn.RNNBase, embedding: int, outputs: int, longest: int
    ) -> None:
        super().__init__()
        self.encoder, self.rnn, self.longest = encoder, rnn, longest
        self.written = nn.Embedding(outputs, embedding)  # END stands for the start too
        self.head = nn.Linear(rnn.hidden_size, outputs)

    def logits(self, inputs: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        before = F.pad(targets, (1, -1), value=END).clamp(min=END)  # (N,S): the token before each
        states, _ = self.rnn(self.written(before), self.encoder(inputs, lengths))  # (N,S,H)
        return self.head(states)  # (N,S,K)

    def answers(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        hidden = self.encoder(inputs, lengths)
        token = lengths.new_full((len(inputs), 1), END)  # (N,1)
        written = []
        for _ in range(self.longest):
            state, hidden = self.rnn(self.written(token), hidden)
            token = self.head(state).argmax(-1)  # (N,1)
            written.append(token)
        return torch.cat(written, 1)  # (N,S)


def build(task: Task, rnn_type: str | None = None, width: int | None = None) -> TaskModel:
    """A model of a task with fresh weights; by default that of the task's own type and width.
    Raises ValueError for an unknown cell type."""
    recipe, outputs = task.recipe, len(task.outputs)
    size = width or recipe.width
    if task.shape == ONE_TO_ONE:
        return OneStep(task.features, size, outputs)
    kind = rnn_type or task.rnn_type or ""

    def layer() -> nn.RNNBase:
        rnn = make_rnn(kind, recipe.embedding, size, 1)
        if recipe.forget_bias is not None and CELL_TYPES[kind].keep_gate:
            set_forget_bias(rnn, recipe.forget_bias)
        return rnn

    if task.symbols:
        read: nn.Module = nn.Embedding(len(task.symbols), recipe.embedding)
        nn.init.normal_(read.weight, std=recipe.symbol_std)
    else:
        read = nn.Linear(task.features, recipe.embedding)
    if not task.writes:
        return EachStep(read, layer(), outputs)
    if task.shape == ONE_TO_MANY:
        encoder: nn.Module = PictureEncoder(task.features, size, len(CELL_TYPES[kind].feeds))
    else:
        encoder = SequenceEncoder(read, layer())
    return EncoderDecoder(encoder, layer(), recipe.embedding, outputs, task.longest)
