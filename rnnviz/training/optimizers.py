"""How gradients change weights: AdamW on a schedule, or plain steps as in the lecture notes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

WARMUP_STEPS = 100
AVERAGES = ("exp_avg", "exp_avg_sq")  # what AdamW keeps of each parameter, beside its step
LAST_LR = 0.02  # share of the learning rate with which the cosine ends


def sgd_step(parameters: list[nn.Parameter], lr: float | Tensor) -> None:
    """param -= lr * grad, for all parameters in one call."""
    weights: list[Tensor] = list(parameters)
    gradients = [p.grad for p in parameters if p.grad is not None]  # all have one
    with torch.no_grad():
        if isinstance(lr, Tensor):  # a tensor is no `alpha` for torch
            torch._foreach_sub_(weights, torch._foreach_mul(gradients, lr))
        else:
            torch._foreach_add_(weights, gradients, alpha=-lr)


def schedule(step: int, progress: float) -> float:
    """Factor on the learning rate: a warm-up over WARMUP_STEPS, times a cosine over the budget.

    `step`: how many steps AdamW's averages have seen, since the warm-up is there to let them
    form. `progress`: the share of the budget that is spent. When a training goes on with another
    budget, the rate goes on at the share of that one, and so it may rise.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return min(1.0, (step + 1) / WARMUP_STEPS) * (LAST_LR + (1 - LAST_LR) * cosine)


def adamw_of(model: nn.Module, moments: dict[str, Tensor]) -> torch.optim.AdamW:
    """AdamW in one fused kernel; it goes on from `moments` (see `moments_of`), {} at first."""
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=1.0,
        betas=(0.9, 0.99),
        weight_decay=0.01,
        fused=True,
        capturable=next(model.parameters()).is_cuda,
    )
    for name, parameter in model.named_parameters():
        entry = {
            key: moments[f"{key}.{name}"].to(parameter.device)
            for key in ("step", *AVERAGES)
            if f"{key}.{name}" in moments
        }
        if entry:
            optimizer.state[parameter] = entry
    return optimizer


def steps_seen(moments: dict[str, Tensor]) -> int:
    """How many steps the averages in `moments` (see `moments_of`) have seen; 0 for {}."""
    steps = [int(value) for name, value in moments.items() if name.startswith("step.")]
    return max(steps, default=0)


def moments_of(model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """AdamW's state by parameter name; the tensors are the optimizer's own, not copies."""
    return {
        f"{key}.{name}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }
