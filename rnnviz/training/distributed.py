"""Several processes that train one model: torchrun starts them, DDP averages their gradients.

Each process (rank) owns some rows of every batch and their hidden state. Rank 0 alone evaluates,
writes and is heard; what it decides is sent to the others. A plain run is a team of one.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")
ENDED = "rnnviz/ended"  # in the store that all ranks share: rank 0 has said all it had to say
PATIENCE = timedelta(seconds=10)  # of a rank that failed, before it speaks for itself


def rank() -> int:
    return dist.get_rank() if size() > 1 else 0


def size() -> int:
    """Number of processes; 1 in a plain run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def together(command: Callable[[], int]) -> int:
    """Exit code of a command that every process of torchrun runs, and of which rank 0 is heard.

    The others end after rank 0, so that nothing cuts its last words off; one that fails while
    rank 0 goes on raises its own error.
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
            with open(os.devnull, "w") as null, redirect_stdout(null), redirect_stderr(null):
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
    """The rows of a batch that this process owns. Raises ValueError when they cannot be shared."""
    if batch_size % size():
        raise ValueError(f"a batch of {batch_size} rows cannot be divided among {size()} processes")
    share = batch_size // size()
    return slice(rank() * share, (rank() + 1) * share)


def averaged(module: nn.Module) -> nn.Module:
    """The module whose gradients are means over all processes. Raises ValueError."""
    if size() == 1:
        return module
    here, gpus = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if next(module.parameters()).is_cuda and here > gpus:
        raise ValueError(f"{here} processes need as many GPUs, not {gpus}: take --device cpu")
    # A group of its own, as torch keeps that of the last DDP: threads of a gloo group that outlives
    # `together` abort if they drop a tensor of ours while Python ends (pytorch/pytorch#190489).
    return nn.parallel.DistributedDataParallel(module, process_group=dist.new_group())


def first(work: Callable[..., T], *arguments) -> T:
    """What rank 0 gets of this work, in all processes; the others do not do it."""
    if size() == 1:
        return work(*arguments)
    result = [work(*arguments) if rank() == 0 else None]
    dist.broadcast_object_list(result)
    return result[0]


def agree(progress: float, *flags: bool) -> tuple[float, *tuple[bool, ...]]:
    """What rank 0 says; cheap enough for every step."""
    if size() == 1:
        return progress, *flags
    said = torch.tensor([progress, *flags], dtype=torch.float64)
    dist.broadcast(said, 0)
    return said[0].item(), *map(bool, said[1:])


def mean(values: Tensor) -> Tensor:
    """Mean over all processes, in place."""
    if size() > 1:
        dist.all_reduce(values)
        values /= size()
    return values


def gather(part: Tensor, dim: int) -> Tensor:
    """The parts of all processes, one after the other along a dimension."""
    if size() == 1:
        return part
    part = part.detach().contiguous()
    parts = [torch.empty_like(part) for _ in range(size())]
    dist.all_gather(parts, part)
    return torch.cat(parts, dim)
