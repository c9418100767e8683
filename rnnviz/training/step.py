"""One step of training: the nats of a window, their gradients, clipping, new weights.

On a GPU a step is some hundred small kernels, and to launch them one by one takes longer than to
run them. There the first steps are plain, then a step is recorded as two CUDA graphs, and each
further one launches those; nothing waits for the device.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnnviz.nn.loss import has_bfloat16, total_nats
from rnnviz.nn.model import Hidden, RNNModel, parts, to
from rnnviz.training import distributed
from rnnviz.training.optimizers import sgd_step

WIDE = 256  # hidden units, from which on bfloat16 pays
WARM_UP = 3  # plain calls, in which libraries and AdamW take the memory that they keep


class WindowLoss(nn.Module):
    """Nats of a window over a count of tokens; one module, so that DDP sees all of it.

    The products of a wide LSTM are in bfloat16 where the processor has it: 1.4 times the tokens a
    second. Weights, the state between windows and the optimizer are float32.
    """

    def __init__(self, model: RNNModel, cue: int | None) -> None:
        super().__init__()
        self.model, self.cue = model, cue

    def forward(
        self, input: Tensor, target: Tensor, hidden: Hidden, count: float | Tensor
    ) -> tuple[Tensor, Hidden]:
        """Ids (B,T), next ids (B,T) -> loss, hidden; with a cue, what follows it counts alone."""
        weight, bias = self.model.projection.weight, self.model.projection.bias
        with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16(self.model)):
            output, hidden = self.model.states(input, hidden)  # (B,T,H)
        output, hidden = output.to(weight.dtype), to(hidden, weight.dtype)
        if self.cue is not None:
            counted = input == self.cue
            output, target = output[counted], target[counted]  # (N,H), (N,)
        return total_nats(output.flatten(0, -2), weight, bias, target.flatten()) / count, hidden


def in_bfloat16(model: RNNModel) -> bool:
    """Whether training takes the recurrent layers' products in bfloat16."""
    wide = model.rnn_type == "LSTM" and model.rnn.hidden_size >= WIDE  # the others have no kernel
    weight = model.projection.weight
    return wide and weight.is_cpu and weight.dtype == torch.float32 and has_bfloat16()


class Steps:
    """Steps of a model, which carry the hidden state from window to window (truncated BPTT).

    `hidden`: h (L,B,H), for the LSTM h and c; changed in place. `adamw`: None for plain steps.
    """

    def __init__(
        self,
        model: RNNModel,
        batch_size: int,
        clip: float,
        cue: int | None,
        adamw: torch.optim.AdamW | None,
    ) -> None:
        self.model, self.clip, self.adamw = model, clip, adamw
        self.parameters = list(model.parameters())
        self.hidden = parts(model.init_hidden(batch_size))
        self.window_loss = distributed.averaged(WindowLoss(model, cue))
        model.zero_grad(set_to_none=True)
        if model.device.type == "cuda" and cue is None and distributed.size() == 1:
            # What a cue selects differs in size, and DDP is not made to be recorded.
            self.gradients = Recorded(self.gradients, model.device)
            self.update = Recorded(self.update, model.device)

    def forget(self) -> None:
        """Go on from a hidden state of zeros."""
        for h in self.hidden:
            h.zero_()

    def gradients(self, input: Tensor, target: Tensor, count: float | Tensor) -> Tensor:
        """Ids (B,T), next ids (B,T) -> nats a token (); their gradients are then in the model."""
        before = self.hidden if len(self.hidden) == 2 else self.hidden[0]
        loss, after = self.window_loss(input, target, before, count)
        loss.backward()
        for h, new in zip(self.hidden, parts(after), strict=True):
            h.copy_(new.detach())
        return loss.detach()

    def update(self, lr: float | Tensor) -> Tensor:
        """Clip the gradients, change the weights -> the norm of the gradients before ()."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip)
        if self.adamw is None:
            sgd_step(self.parameters, lr)
        else:
            self.adamw.param_groups[0]["lr"] = lr
            self.adamw.step()
        self.model.zero_grad(set_to_none=True)
        return norm


class Recorded:
    """Work on a GPU as a CUDA graph: the same kernels at each call, on what is given then.

    Takes tensors, always of the same shapes, and numbers, which `work` gets as tensors (); the
    answer is a copy. Noise is new at each call.
    """

    def __init__(self, work: Callable[..., Tensor], device: torch.device) -> None:
        self.work, self.device, self.stream = work, device, torch.cuda.Stream(device)
        self.given: list[Tensor] = []
        self.graph: torch.cuda.CUDAGraph | None = None
        self.calls = 0

    def __call__(self, *given: Tensor | float) -> Tensor:
        if not self.given:
            self.given = [torch.as_tensor(value, device=self.device).clone() for value in given]
        for kept, value in zip(self.given, given, strict=True):
            kept.copy_(value) if isinstance(value, Tensor) else kept.fill_(value)
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._plainly()
        if self.graph is None:
            gc.collect()  # an older graph that were freed while this one is recorded would end both
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.answer = self.work(*self.given)
        self.graph.replay()
        return self.answer.clone()

    def _plainly(self) -> Tensor:
        """On the stream that the graph is recorded on, as autograd remembers streams."""
        here = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            answer = self.work(*self.given)
        here.wait_stream(self.stream)
        return answer
