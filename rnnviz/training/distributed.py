"""Several processes that train one model: torchrun starts them, DDP averages their gradients.

Each process (rank) owns some rows of every batch and their hidden state. Only rank 0 evaluates,
writes files and prints; what it decides is sent to the others. Without torchrun there is one
process, and every function here returns what it was given.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")
ENDED = "rnnviz/ended"  # key in the store shared by all ranks: rank 0 has printed everything
PATIENCE = timedelta(seconds=60)  # how long a rank that failed waits for rank 0 to report it


def rank() -> int:
    return dist.get_rank() if size() > 1 else 0


def size() -> int:
    """Number of processes; 1 in a plain run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def run_on_all_ranks(command: Callable[[], int]) -> int:
    """Exit code of a command that every process of torchrun runs; only rank 0 prints.

    The other ranks end after rank 0, because torchrun ends all processes when one ends and would
    cut off rank 0's last lines. A rank that fails while rank 0 goes on raises its own error.
    """
    store, number, count = next(dist.rendezvous("env://"))
    local = int(os.environ["LOCAL_RANK"])
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=count)
    try:
        if number == 0:
            atexit.register(store.set, ENDED, "")
            return command()
        failure, code = None, 2
        try:
            with (
                open(os.devnull, "w", encoding="utf-8", errors="replace") as null,
                redirect_stdout(null),
                redirect_stderr(null),
            ):
                code = command()
        except (Exception, SystemExit) as error:
            failure = error
        try:
            store.wait([ENDED], PATIENCE)
        except RuntimeError:
            if failure is not None:
                raise failure from None
        return code
    finally:
        dist.destroy_process_group()


def rows(batch_size: int) -> slice:
    """The rows of a batch that this process owns. Raises ValueError if they do not divide."""
    if batch_size % size():
        raise ValueError(
            f"batch_size must be a multiple of {size()}, the number of processes, not {batch_size}"
        )
    share = batch_size // size()
    return slice(rank() * share, (rank() + 1) * share)


def wrap_ddp(module: nn.Module) -> nn.Module:
    """The module, its gradients averaged over all processes. Raises ValueError."""
    if size() == 1:
        return module
    here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if next(module.parameters()).is_cuda and here > gpus:
        raise ValueError(f"{here} processes need as many GPUs, not {gpus}: take --device cpu")
    # torch keeps the last DDP's group alive. Threads of a gloo group that outlives
    # `run_on_all_ranks` abort when they free a tensor while Python ends (pytorch/pytorch#190489),
    # so DDP gets a group of its own.
    return nn.parallel.DistributedDataParallel(module, process_group=dist.new_group())


def on_rank_zero(work: Callable[..., T], *arguments) -> T:
    """Do this work on rank 0 alone; the result, which must be picklable, in all processes."""
    if size() == 1:
        return work(*arguments)
    result: list[Any] = [work(*arguments) if rank() == 0 else None]
    dist.broadcast_object_list(result)
    return result[0]


def broadcast_decision(progress: float, stop: bool, record: bool) -> tuple[float, bool, bool]:
    """Rank 0's values in all processes; cheap enough for every step."""
    if size() == 1:
        return progress, stop, record
    values = torch.tensor([progress, stop, record], dtype=torch.float64)
    dist.broadcast(values, 0)
    return values[0].item(), bool(values[1]), bool(values[2])


def mean(values: Tensor) -> Tensor:
    """Mean over all processes, in place."""
    if size() > 1:
        dist.all_reduce(values)
        values /= size()
    return values


def gather(part: Tensor, dim: int) -> Tensor:
    """The parts of all processes, concatenated along a dimension."""
    if size() == 1:
        return part
    part = part.detach().contiguous()
    parts = [torch.empty_like(part) for _ in range(size())]
    dist.all_gather(parts, part)
    return torch.cat(parts, dim)
