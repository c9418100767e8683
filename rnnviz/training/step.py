"""One step of training: the loss of a window, its gradients, clipping, new weights.

On a GPU the two halves of a step are CUDA graphs, and nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnnviz.nn.loss import has_bfloat16, total_nats
from rnnviz.nn.model import Hidden, LanguageModel, as_hidden, cast_hidden, hidden_tensors
from rnnviz.training import distributed
from rnnviz.training.cuda_graph import CudaGraph
from rnnviz.training.optimizers import AdamW, sgd_step

WIDE = 256  # of `width`, from which on bfloat16 is faster


class WindowLoss(nn.Module):
    """Sum of the nats of a window, divided by a count of tokens.

    One module, because DDP must see the whole computation. The matrix products of wide
    layers are in bfloat16 where the processor has it: for an LSTM 1.4 times the tokens a second.
    Weights, the state between windows and the optimizer stay float32.
    """

    def __init__(self, model: LanguageModel, all_count: bool) -> None:
        super().__init__()
        self.model, self.all_count = model, all_count

    def forward(
        self, input: Tensor, target: Tensor, hidden: Hidden, count: float | Tensor
    ) -> tuple[Tensor, Hidden]:
        """Ids (B,T), next ids (B,T) -> loss (), hidden. Unless all count, those below 0 do not."""
        weight, bias = self.model.projection.weight, self.model.projection.bias
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16(self.model)):
            output, hidden = self.model.states(input, hidden)  # (B,T,H)
        output, hidden = output.to(weight.dtype), cast_hidden(hidden, weight.dtype)
        if not self.all_count:
            counted = target >= 0
            output, target = output[counted], target[counted]  # (N,H), (N,)
        return total_nats(output.flatten(0, -2), weight, bias, target.flatten()) / count, hidden


def in_bfloat16(model: LanguageModel) -> bool:
    """Whether training computes the products before the projection in bfloat16."""
    weight = model.projection.weight
    return (
        model.width >= WIDE and weight.is_cpu and weight.dtype == torch.float32 and has_bfloat16()
    )


class TrainStep:
    """Steps that carry the hidden state from window to window (truncated BPTT).

    `hidden`: h (L,B,H), for the LSTM h and c; changed in place. `adamw`: None for plain SGD.
    """

    def __init__(
        self,
        model: LanguageModel,
        batch_size: int,
        clip: float,
        adamw: AdamW | None,
        all_count: bool,
    ) -> None:
        self.model, self.clip, self.adamw = model, clip, adamw
        self.parameters = list(model.parameters())
        self.hidden = hidden_tensors(model.init_hidden(batch_size))
        self.window_loss = distributed.wrap_ddp(WindowLoss(model, all_count))
        model.zero_grad(set_to_none=True)
        self.gradients: Callable[..., Tensor] = self._gradients
        self.update: Callable[..., Tensor] = self._update
        if model.device.type == "cuda" and all_count and distributed.size() == 1:
            # Tokens that count may differ in number from batch to batch, and DDP cannot be
            # captured: both take eager steps.
            self.gradients = CudaGraph(self._gradients, model.device)
            self.update = CudaGraph(self._update, model.device)

    def reset_hidden(self) -> None:
        """Zero the hidden state."""
        for h in self.hidden:
            h.zero_()

    def _gradients(self, input: Tensor, target: Tensor, count: float | Tensor) -> Tensor:
        """Ids (B,T), next ids (B,T) -> nats a token (); fills the gradients of the parameters."""
        loss, after = self.window_loss(input, target, as_hidden(self.hidden), count)
        loss.backward()
        for h, new in zip(self.hidden, hidden_tensors(after), strict=True):
            h.copy_(new.detach())
        return loss.detach()

    def _update(self, lr: float | Tensor) -> Tensor:
        """Clip the gradients, change the weights -> norm of the gradients before clipping ()."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        if self.adamw is None:
            sgd_step(self.parameters, lr)
        else:
            self.adamw.step(lr)
        self.model.zero_grad(set_to_none=True)
        return norm
