"""All T x T gradient norms of an LSTM: `influence` beside autograd on one unrolled graph.

The baseline is an honest one: one unrolled forward, then one `autograd.grad` a target on its
retained graph, without gradients of weights.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch

from rnnviz import RNNModel, influence

HIDDEN, VOCAB = 256, 100


def rows() -> Iterator[tuple[str, str, str]]:
    torch.manual_seed(0)
    model = RNNModel("LSTM", VOCAB, HIDDEN, HIDDEN, 1).eval()
    for steps, rounds in ((256, 3), (512, 2)):
        ids = torch.randint(VOCAB, (steps + 1,))
        ours, theirs = influence(model, ids), unrolled(model, ids)
        gap = ((ours - theirs).norm() / theirs.norm()).item()
        times: dict[Callable, list[float]] = {influence: [], unrolled: []}
        for _ in range(rounds):
            for function, taken in times.items():
                began = time.perf_counter()
                function(model, ids)
                taken.append(time.perf_counter() - began)
        one, other = (statistics.median(taken) for taken in times.values())
        yield f"influence, T={steps}, H={HIDDEN}", f"{one * 1000:.0f} ms", f"(gap {gap:.0e})"
        yield f"    one autograd.grad a target, T={steps}", f"{other * 1000:.0f} ms", ""
        yield "    ratio", f"{other / one:.1f}", "at least 25"


def unrolled(model: RNNModel, ids: torch.Tensor) -> torch.Tensor:
    """||dL_t/dh_s|| (T,T) by autograd through the unrolled equations."""
    cell, steps = model.rnn, len(ids) - 1
    inputs = model.embedding(ids[:-1]).detach()
    from_x = inputs @ cell.weight_ih_l0.detach().T + cell.bias_ih_l0.detach()
    w_hh, b_hh = cell.weight_hh_l0.detach(), cell.bias_hh_l0.detach()
    h, c = torch.zeros(HIDDEN, requires_grad=True), torch.zeros(HIDDEN)
    states = []
    for t in range(steps):
        i, f, g, o = (from_x[t] + h @ w_hh.T + b_hh).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    weight, bias = (p.detach() for p in model.projection.parameters())
    losses = [-(h @ weight.T + bias).log_softmax(-1)[ids[t + 1]] for t, h in enumerate(states)]
    norms = torch.zeros(steps, steps)
    for t, loss in enumerate(losses):
        found = torch.autograd.grad(loss, states[: t + 1], retain_graph=True)
        norms[t, : t + 1] = torch.stack(found).norm(dim=-1)
    return norms
