"""How gradients change weights: AdamW on a schedule, or plain steps as in the lecture notes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

WARMUP_STEPS = 100
AVERAGES = ("exp_avg", "exp_avg_sq")  # of each gradient and of its square
BETAS = 0.9, 0.99
WEIGHT_DECAY = 0.01
LAST_LR = 0.02  # share of the learning rate with which the cosine ends


def sgd_step(parameters: list[nn.Parameter], lr: float | Tensor) -> None:
    """param -= lr * grad, for all parameters in one call."""
    weights, gradients = _with_gradients(parameters)
    with torch.no_grad():
        if isinstance(lr, Tensor):  # a tensor is no `alpha` for torch
            torch._foreach_sub_(weights, torch._foreach_mul(gradients, lr))
        else:
            torch._foreach_add_(weights, gradients, alpha=-lr)


def _with_gradients(parameters: list[nn.Parameter]) -> tuple[list[Tensor], list[Tensor]]:
    return list(parameters), [p.grad for p in parameters if p.grad is not None]  # all have one


def schedule(step: int, progress: float) -> float:
    """Factor on the learning rate: a warm-up over WARMUP_STEPS, times a cosine over the budget.

    `step`: how many steps AdamW's averages have seen, since the warm-up is there to let them
    form. `progress`: the share of the budget that is spent. When a training goes on with another
    budget, the rate goes on at the share of that one, and so it may rise.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return min(1.0, (step + 1) / WARMUP_STEPS) * (LAST_LR + (1 - LAST_LR) * cosine)


class AdamW:
    """AdamW (Loshchilov and Hutter 2019), in one call of the kernel that torch.optim.AdamW calls.

    That class itself loads torch's compiler: a second, and 70 MB, in each process that trains.
    `moments`: for each parameter the averages exp_avg.NAME and exp_avg_sq.NAME, of its shape, and
    how many gradients are in them, step.NAME (); changed in place. They begin as those given, or
    at 0.
    """

    def __init__(self, model: nn.Module, moments: dict[str, Tensor]) -> None:
        parameters = dict(model.named_parameters())

        def begun(key: str, zeros: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
            return {
                f"{key}.{name}": moments.get(f"{key}.{name}", zeros(p)).to(p.device)
                for name, p in parameters.items()
            }

        averages, squares = (begun(key, torch.zeros_like) for key in AVERAGES)
        steps = begun("step", lambda p: torch.zeros((), device=p.device))
        self.parameters = list(parameters.values())
        self.moments = averages | squares | steps
        self.lists = [list(one.values()) for one in (averages, squares, steps)]

    def step(self, lr: float | Tensor) -> None:
        """Change the weights by the gradients of now."""
        averages, squares, steps = self.lists
        weights, gradients = _with_gradients(self.parameters)
        torch._foreach_add_(steps, 1)
        with torch.no_grad():
            torch._fused_adamw_(
                weights,
                gradients,
                averages,
                squares,
                [],
                steps,
                lr=lr,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=WEIGHT_DECAY,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )


def steps_seen(moments: dict[str, Tensor]) -> int:
    """How many steps the averages in `moments` (see AdamW) have seen; 0 for {}."""
    steps = [int(value) for name, value in moments.items() if name.startswith("step.")]
    return max(steps, default=0)
