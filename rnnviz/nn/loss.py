"""Cross entropy after a projection onto a vocabulary; its gradient is computed in the forward pass.

The derivative of -log softmax(logits)[target] by the logits is softmax(logits) - onehot(target): it
is known as soon as the softmax is. So rows are taken in blocks: each block is projected, turned
into probabilities in place and multiplied back at once, and no (N,V) array outlives its block.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnnviz.nn.cells import product

BLOCK = 8_000_000  # logits held at once
LARGE_VOCABULARY = 2_000  # tokens from which on the projection dominates a training step


def total_nats(h: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """Sum of -log p(target): states h (N,H), weight (V,H), bias (V,), next ids (N,) -> ().

    Only one backward pass is possible. With a large vocabulary, float32 and a processor that has
    bfloat16, the three products are computed in bfloat16 and summed in float32: the loss is then
    within 0.1% of float32's, gradients within 1%.
    """
    return _TotalNats.apply(h, weight, bias, target)


def nats_(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """-log p(target) of logits (N,V) and ids (N,), and how far each target's logit is below the
    highest: (N,) each, in float32 or more. Turns the logits into probabilities, in place."""
    exact = torch.promote_types(logits.dtype, torch.float32)
    below = (logits.amax(-1) - logits.gather(-1, target[:, None])[:, 0]).to(exact)  # (N,)
    p = torch.softmax(logits, -1, out=logits)
    # Not log p(target): that is -inf where p(target) underflows.
    return below - p.amax(-1).to(exact).log(), below


class _TotalNats(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
        low = _product_type(h, len(weight))
        low_h, low_weight, low_bias = h.to(low), weight.to(low), bias.to(low)
        total = torch.zeros((), dtype=h.dtype, device=h.device)
        d_h, d_weight, d_bias = (torch.zeros_like(x) for x in (h, weight, bias))
        blocks = 1 + target.numel() * len(weight) // BLOCK
        parts = (x.tensor_split(blocks) for x in (low_h, target, d_h))
        for x, at, d_x in zip(*parts, strict=True):  # (n,H), (n,), (n,H)
            p = product(x, low_weight, low_bias)  # (n,V): logits so far
            total += nats_(p, at)[0].sum()
            p[torch.arange(len(at), device=p.device), at] -= 1  # dL/dlogits
            d_x.copy_(product(p, low_weight.t()))
            d_weight += p.T @ x
            d_bias += (x.new_ones(1, len(x)) @ p)[0]  # the sum over rows, as a product
        ctx.gradients = d_h, d_weight, d_bias
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor):
        gradients, ctx.gradients = ctx.gradients, ()
        return *(gradient.mul_(slope) for gradient in gradients), None


def _product_type(h: Tensor, vocab_size: int) -> torch.dtype:
    pays = vocab_size >= LARGE_VOCABULARY and h.device.type == "cpu" and h.dtype == torch.float32
    return torch.bfloat16 if pays and has_bfloat16() else h.dtype


@cache
def has_bfloat16() -> bool:
    """Whether this processor has instructions for products in bfloat16."""
    return torch.cpu._is_avx512_bf16_supported()
