"""A step of training on a GPU: how much of its time its kernels work, and how long cuDNN's do.

The recipe is that of `words`. `recorded` is the step as it is trained with, `plain` the same
without CUDA graphs. Kernels may run side by side: what counts is the time in which any does.
The last rows are the LSTM alone, forward and backward, as one graph: the floor of any program
that leaves it to cuDNN.
"""

import statistics
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rnnviz import RNNModel
from rnnviz.training.cuda_graph import WARM_UP, CudaGraph
from rnnviz.training.step import TrainStep

VOCAB, SIZE, BATCH, LENGTH = 18_328, 200, 20, 35
STEPS, ROUNDS = 50, 5


def rows() -> Iterator[tuple[str, str, str]]:
    if not torch.cuda.is_available():
        yield "a training step on a GPU", "no GPU here", ""
        return
    torch.manual_seed(0)
    model = RNNModel("LSTM", VOCAB, SIZE, SIZE, 2, 0.2).cuda().train()
    ids = torch.randint(VOCAB, (BATCH, LENGTH + 1), device="cuda")
    recorded, plain = (TrainStep(model, BATCH, 0.25, None, all_count=True) for _ in range(2))
    plain.gradients, plain.update = plain._gradients, plain._update

    def step(steps: TrainStep) -> None:
        steps.gradients(ids[:, :-1], ids[:, 1:], float(BATCH * LENGTH))
        steps.update(1e-3)

    x = torch.randn(BATCH, LENGTH, SIZE, device="cuda")

    def lstm(x: Tensor) -> Tensor:
        output = model.rnn(x.detach().requires_grad_())[0]  # (B,T,H)
        output.sum().backward()
        model.zero_grad(set_to_none=True)
        return output.detach()

    alone = CudaGraph(lstm, x.device)
    runs = {
        "recorded": lambda: step(recorded),
        "plain": lambda: step(plain),
        "the LSTM alone": lambda: alone(x),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        _milliseconds(run, WARM_UP + 2)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(_milliseconds(run, STEPS))
    for name, run in runs.items():
        whole, busy = statistics.median(times[name]), _busy(run)
        yield f"a step on words, {name}", f"{whole:.3f} ms", ""
        yield "    its kernels", f"{busy:.3f} ms", f"{busy / whole:.0%} of the time"


def _milliseconds(run: Callable[[], object], steps: int) -> float:
    """Of one call, over so many in a row."""
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    began.record()
    for _ in range(steps):
        run()
    ended.record()
    torch.cuda.synchronize()
    return began.elapsed_time(ended) / steps


def _busy(run: Callable[[], object], steps: int = 20) -> float:
    """Milliseconds of a call in which any kernel works."""
    activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(steps):
            run()
        torch.cuda.synchronize()
    on_gpu = torch.autograd.DeviceType.CUDA
    spans = sorted(
        (event.time_range.start, event.time_range.end)
        for event in profile.events()
        if event.device_type == on_gpu
    )
    total, until = 0.0, -1.0
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total / 1000 / steps
