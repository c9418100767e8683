"""A network that sees a window of tokens and has no state: what a recurrent one is held against."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnviz.nn.dropout import Dropout
from rnnviz.nn.model import Hidden, LanguageModel


class WindowModel(LanguageModel):
    """The embeddings of the last `window` tokens side by side, one hidden layer (tanh), projection
    (Bengio et al. 2003). With a window of 1 it sees the current token alone.

    What is handed on from window to window of a text is no state that it made, but the tokens
    themselves. Raises ValueError for a window below 1.
    """

    rnn_type = "WINDOW"

    def __init__(
        self,
        vocab_size: int,
        window: int,
        embedding_size: int = 128,
        hidden_size: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if window < 1:
            raise ValueError(f"a window must be at least 1 token, not {window}")
        self.window = window
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        self.dropout = Dropout(dropout)
        self.hidden_layer = nn.Linear(window * embedding_size, hidden_size)
        self.projection = nn.Linear(hidden_size, vocab_size)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.uniform_(self.projection.weight, -0.1, 0.1)
        nn.init.zeros_(self.projection.bias)

    @property
    def width(self) -> int:
        """The longer side of the hidden layer's product."""
        return max(self.hidden_layer.weight.shape)

    def init_hidden(self, batch_size: int) -> Tensor:
        """No token yet (1,B,window-1): where there is one, its id + 1."""
        shape = (1, batch_size, self.window - 1)
        return torch.zeros(shape, device=self.device, dtype=self.projection.weight.dtype)

    def states(self, input: Tensor, prev_hidden: Hidden) -> tuple[Tensor, Hidden]:
        """Ids (B,T) -> the hidden layer (B,T,H), and the last tokens (1,B,window-1)."""
        assert isinstance(prev_hidden, Tensor)
        numbers = torch.cat((prev_hidden[0].long(), input + 1), 1)  # (B,window-1+T)
        embedded = self.dropout(self.embedding((numbers - 1).clamp(min=0)))
        embedded = embedded * (numbers > 0)[..., None]  # zeros where there is no token
        side_by_side = embedded.unfold(1, self.window, 1)  # (B,T,D,window)
        output = self.hidden_layer(side_by_side.flatten(2)).tanh()  # (B,T,H)
        last = numbers[None, :, input.shape[1] :].to(prev_hidden.dtype)
        return self.dropout(output), last


def hidden_size_for(parameters: int, vocab_size: int, window: int, embedding_size: int) -> int:
    """The hidden units with which a WindowModel has about so many parameters."""
    rest = parameters - vocab_size * (embedding_size + 1)
    return max(1, round(rest / (window * embedding_size + 1 + vocab_size)))
