"""Gates and states of every step: `trace` beside the fused forward and a loop that keeps them.

Each round runs all in turns, in an order that changes; a pair is two runs of one round.
A ratio is the median over pairs; beside it in brackets stands the ratio of the medians.
PyTorch's own cells do not return their gates. So there are two loops: nn.LSTMCell (GRUCell,
RNNCell) for the states with the gates computed beside it, and the cell written out, which
needs one product for x and one for h and is the harder one to beat.

What remains is the floor: the forward, and W_ih x and W_hh h of all steps, which the kernel
computes but does not give. On a CPU PyTorch fuses the LSTM alone. Its own forward of a GRU or an
RNN takes half the time of the loop at B=1, about all of it for a batch, so that no trace that
runs it reaches the bounds beside a loop. Each table says how far the floor is from the loop.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from rnnviz import trace
from rnnviz.nn import cells

SIZES = ((512, 1, 256), (256, 1, 128), (1000, 1, 512), (128, 32, 256))  # T, B, H
LIMITS = {  # on a CPU: times the forward at most, as fast as a loop at least
    (512, 1, 256): ("at most 1.8", "at least 4.5"),
    (256, 1, 128): ("at most 1.8", "at least 4.5"),
    (1000, 1, 512): ("at most 1.8", "at least 4.5"),
    (128, 32, 256): ("", "at least 1.2"),
}
ROUNDS, SECONDS = 25, 12


def rows() -> Iterator[tuple[str, str, str]]:
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for kind in ("LSTM", "GRU", "RNN"):
            for size in SIZES:
                yield from _rows(kind, size, device)


@torch.no_grad()
def _rows(kind: str, size: tuple[int, int, int], device: str) -> Iterator[tuple[str, str, str]]:
    steps, batch, hidden = size
    torch.manual_seed(0)
    rnn = getattr(nn, kind)(hidden, hidden).eval().to(device)
    x = torch.randn(steps, batch, hidden, device=device)
    cell = getattr(nn, f"{kind}Cell")(hidden, hidden).to(device)
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in rnn.state_dict().items()})
    runs = [
        lambda: rnn(x),
        lambda: trace(rnn, x),
        lambda: loop(kind, rnn, x),
        lambda: loop(kind, rnn, x, cell),
        lambda: floor(rnn, x),
    ]
    forward, traced, looped, celled, least = _times(runs, device)
    what = f"{kind} T={steps} H={hidden} B={batch} {device}"
    limits = LIMITS[size] if device == "cpu" else ("", "")
    named = {"forward": forward, "trace": traced, "loop": looped, f"loop of {kind}Cell": celled}
    named["floor: forward and products"] = least
    for name, times in named.items():
        yield f"{what}, {name}", f"{statistics.median(times) * 1000:.2f} ms", ""
    yield "    trace, times the forward", _ratio(traced, forward), limits[0]
    yield "    trace, times as fast as the loop", _ratio(looped, traced), limits[1]
    yield f"    trace, times as fast as the loop of {kind}Cell", _ratio(celled, traced), limits[1]
    yield "    the floor, times as fast as the loop", _ratio(looped, least), ""


def floor(rnn: nn.RNNBase, x: Tensor) -> None:
    """The least that any trace does which runs the module itself: its forward, all products."""
    h, _ = rnn(x)  # (T,B,H)
    w_ih, w_hh, b_ih, b_hh = rnn.all_weights[0]
    cells.product(x, w_ih, b_ih)
    cells.product(h, w_hh, b_hh)


def loop(kind: str, rnn: nn.RNNBase, x: Tensor, cell: nn.Module | None = None) -> list[Tensor]:
    """Gates and states (T,B,H) of a one-layer LSTM, GRU or tanh-RNN, step by step.

    With `cell`, that module gives the states, and the rest of a step its gates alone.
    """
    w_ih, w_hh, b_ih, b_hh = rnn.all_weights[0]
    h = c = x.new_zeros(x.shape[1], rnn.hidden_size)  # (B,H)
    kept = []
    for x_t in x:
        from_x, from_h = nn.functional.linear(x_t, w_ih, b_ih), nn.functional.linear(h, w_hh, b_hh)
        if kind == "LSTM":
            i, f, g, o = (from_x + from_h).chunk(4, -1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            if cell is None:
                c = f * c + i * g
                h = o * c.tanh()
            else:
                h, c = cell(x_t, (h, c))
            kept.append((i, f, g, o, c, h))
        elif kind == "GRU":
            (x_r, x_z, x_n), (h_r, h_z, h_n) = from_x.chunk(3, -1), from_h.chunk(3, -1)
            r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
            n = (x_n + r * h_n).tanh()
            h = torch.lerp(n, h, z) if cell is None else cell(x_t, h)
            kept.append((r, z, n, h))
        else:
            a = from_x + from_h
            h = a.tanh() if cell is None else cell(x_t, h)
            kept.append((a, h))
    return [torch.stack(values) for values in zip(*kept, strict=True)]


def _times(runs: list[Callable[[], object]], device: str) -> list[list[float]]:
    """Seconds of each run, ROUNDS times or as often as fit into SECONDS, after one unmeasured."""
    times: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run()
    end = time.perf_counter() + SECONDS
    for n in range(ROUNDS):
        for k in range(len(runs)):
            at = (k + n) % len(runs)
            _wait(device)
            began = time.perf_counter()
            runs[at]()
            _wait(device)
            times[at].append(time.perf_counter() - began)
        if n >= 4 and time.perf_counter() > end:
            break
    return times


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _ratio(above: list[float], below: list[float]) -> str:
    pairs = statistics.median(a / b for a, b in zip(above, below, strict=True))
    return f"{pairs:.2f} ({statistics.median(above) / statistics.median(below):.2f})"
