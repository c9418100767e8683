"""All T x T gradient norms of an LSTM: `influence` beside autograd on one unrolled graph.

The baseline is an honest one: one unrolled forward, then one `autograd.grad` a target on its
retained graph, without gradients of weights.

What remains is arithmetic: one product a step in float64, 2 T^2 H^2 flops in all, timed
alone as the floor, in turns and on one thread, as `influence` takes them at these sizes. In float32
the scan takes half the time, but on trained models single entries are then wrong by 1e-5 to 2e-4
of themselves, and a sample of rows proved in float64 does not find them: beside rows that passed at
1e-6 others were wrong by 2e-5.

Memory is the peak of a fresh process above what it held before (Linux). It grows with T*H and T*T;
of the logits (T,V) a block is held at a time, beside the projection (V,H) in float64.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import torch

from rnnviz import RNNModel, gradient_flow, influence
from rnnviz._process import threads
from rnnviz.analysis.derivatives import BLOCK

HIDDEN, VOCAB = 256, 100
MEMORY = ((256, 100), (512, 100), (1024, 100), (256, 30_000), (1024, 30_000))  # T, V


def rows() -> Iterator[tuple[str, str, str]]:
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for steps, rounds, most in ((256, 5, 1.6), (512, 3, 1.2)):
            yield from _rows(steps, rounds, most, device)
    yield from _beside_others()
    for steps, vocab in MEMORY:
        megabytes = _growth(steps, vocab)
        # (T,T) norms and a turned copy; (T,H) slopes, gates, states, adjoints; logits; projection
        held = 3 * steps**2 + 48 * steps * HIDDEN + 3 * min(steps * vocab, BLOCK) + vocab * HIDDEN
        bound = 8 * held / 1e6
        everything = 8 * steps**2 * HIDDEN / 1e6
        yield (
            f"memory of influence, T={steps}, V={vocab}",
            f"{megabytes:.0f} MB",
            f"at most {bound:.0f} MB (T*T*H: {everything:.0f} MB)",
        )


def _rows(steps: int, rounds: int, most: float, device: str) -> Iterator[tuple[str, str, str]]:
    torch.manual_seed(0)
    model = RNNModel("LSTM", VOCAB, HIDDEN, HIDDEN, 1).eval().to(device)
    ids = torch.randint(VOCAB, (steps + 1,), device=device)
    ours, theirs = influence(model, ids), unrolled(model, ids)
    gap = ((ours - theirs).norm() / theirs.norm()).item()
    work = (
        lambda: influence(model, ids),
        lambda: unrolled(model, ids),
        lambda: _products(steps, device),
    )
    rounds_of = [[_seconds(one) for one in work] for _ in range(rounds)]
    one, other, least = map(statistics.median, zip(*rounds_of, strict=True))
    what = f"influence, T={steps}, H={HIDDEN}, {device}"
    on_cpu = device == "cpu"
    yield what, f"{one * 1000:.0f} ms", f"(gap {gap:.0e})"
    yield "    one autograd.grad a target", f"{other * 1000:.0f} ms", ""
    yield "    ratio", f"{other / one:.1f}", "at least 25" if on_cpu else ""
    yield "    floor: its products alone", f"{least * 1000:.0f} ms", ""
    yield "    times the floor", f"{one / least:.2f}", f"at most {most}" if on_cpu else ""
    yield "    ratio of the floor", f"{other / least:.1f}", ""


def _seconds(work: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    work().cpu()  # which waits for a GPU
    return time.perf_counter() - began


def _beside_others() -> Iterator[tuple[str, str, str]]:
    """`gradient_flow` alone, and while two other processes, or as many as cores, are busy: how long
    its threads wait for each other. A fair share of two cores takes twice as long."""
    busy_processes = max(2, os.cpu_count() or 1)
    model = RNNModel("LSTM", VOCAB, HIDDEN, HIDDEN, 1).eval()
    ids = torch.randint(VOCAB, (2001,))
    alone = _median(lambda: gradient_flow(model, ids))
    with contextlib.ExitStack() as stack:
        for _ in range(busy_processes):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(busy.kill)
        beside = _median(lambda: gradient_flow(model, ids))
    yield "gradient_flow, T=2000, H=256", f"{alone * 1000:.0f} ms", ""
    yield f"    beside {busy_processes} busy processes", f"{beside * 1000:.0f} ms", ""
    yield "    ratio", f"{beside / alone:.1f}", "at most 4"


def _median(work: Callable[[], object], rounds: int = 5) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@threads(1)
def _products(steps: int, device: str) -> torch.Tensor:
    """The products of all steps, R rows of [dh, dc] with one (2H,H) in float64; the last one."""
    adjoint = torch.randn(steps, 2 * HIDDEN, device=device).double()
    w = torch.randn(HIDDEN, 2 * HIDDEN, device=device).double()
    for rows in range(1, steps + 1):
        last = torch.nn.functional.linear(adjoint[:rows], w)
    return last


def _growth(steps: int, vocab: int) -> float:
    """MB of a fresh process at its peak, above what it held before, having read two tokens."""
    code = (
        "import torch; from pathlib import Path; from rnnviz import RNNModel, influence\n"
        "def held(name):\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith(name))\n"
        f"model = RNNModel('LSTM', {vocab}, {HIDDEN}, {HIDDEN}, 1).eval()\n"
        "influence(model, [0, 1, 2])\n"
        "before = held('VmRSS')\n"
        "Path('/proc/self/clear_refs').write_text('5')  # the peak counts from here\n"
        f"influence(model, torch.randint({vocab}, ({steps + 1},)))\n"
        "print(held('VmHWM') - before)"
    )
    command = [sys.executable, "-c", code]
    kilobytes = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return int(kilobytes) * 1024 / 1e6


def unrolled(model: RNNModel, ids: torch.Tensor) -> torch.Tensor:
    """||dL_t/dh_s|| (T,T) by autograd through the unrolled equations."""
    cell, steps = model.rnn, len(ids) - 1
    inputs = model.embedding(ids[:-1]).detach()
    from_x = inputs @ cell.weight_ih_l0.detach().T + cell.bias_ih_l0.detach()
    w_hh, b_hh = cell.weight_hh_l0.detach(), cell.bias_hh_l0.detach()
    h, c = (from_x.new_zeros(HIDDEN) for _ in range(2))
    h.requires_grad_()
    states = []
    for t in range(steps):
        i, f, g, o = (from_x[t] + h @ w_hh.T + b_hh).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    weight, bias = (p.detach() for p in model.projection.parameters())
    losses = [-(h @ weight.T + bias).log_softmax(-1)[ids[t + 1]] for t, h in enumerate(states)]
    norms = from_x.new_zeros(steps, steps)
    for t, loss in enumerate(losses):
        found = torch.autograd.grad(loss, states[: t + 1], retain_graph=True)
        norms[t, : t + 1] = torch.stack(found).norm(dim=-1)
    return norms
