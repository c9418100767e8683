"""Work on a GPU as one CUDA graph: a hundred small kernels launched at once.

To launch the kernels of a training step one by one takes longer than to run them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3  # eager calls, in which libraries allocate the memory that they keep


class CudaGraph:
    """Runs eagerly WARM_UP times, captures a CUDA graph, then replays it on new arguments.

    Takes tensors, of the same shapes at each call, and numbers, which `work` gets as tensors ();
    the answer is a copy. Random numbers are new at each call.
    """

    def __init__(self, work: Callable[..., Tensor], device: torch.device) -> None:
        self.work, self.device, self.stream = work, device, torch.cuda.Stream(device)
        self.arguments: list[Tensor] = []
        self.graph: torch.cuda.CUDAGraph | None = None
        self.calls = 0

    def __call__(self, *arguments: Tensor | float) -> Tensor:
        if not self.arguments:
            self.arguments = [torch.as_tensor(a, device=self.device).clone() for a in arguments]
        for kept, value in zip(self.arguments, arguments, strict=True):
            kept.copy_(value) if isinstance(value, Tensor) else kept.fill_(value)
        self.calls += 1
        if self.calls <= WARM_UP:
            return self._eagerly()
        if self.graph is None:
            gc.collect()  # freeing an old graph during capture would abort the capture
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.answer = self.work(*self.arguments)
        self.graph.replay()
        return self.answer.clone()

    def _eagerly(self) -> Tensor:
        """On the stream of the capture, since autograd remembers on which stream it ran."""
        here = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(here)
        with torch.cuda.stream(self.stream):
            answer = self.work(*self.arguments)
        here.wait_stream(self.stream)
        return answer
