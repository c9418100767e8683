"""One step of training as the lecture writes it, without an optimizer: what each line of it does.

    log_probs = model(window); loss = nats.mean(); zero_grad; backward; clip; p -= lr * grad

`small_training` has a model and a text for it.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import Hidden, RNNModel

CLIP = 0.25  # the lecture's norm
BLOCK = 3  # rows and columns of weights that are shown


@dataclass(frozen=True, eq=False)
class Windows:
    """Ids (B,T) of the window before, of the one that is trained on, and of the token after each of
    the latter's."""

    before: Tensor
    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Way:
    """How a window is read. `reset`: from a state of zeros instead of the one that the window
    before ends with. `crossing`: that state is not detached, so gradients go on into the window
    before. `clip`: the largest norm of a gradient."""

    reset: bool = False
    crossing: bool = False
    clip: float = CLIP


@dataclass(frozen=True, eq=False)
class Block:
    """Weights of the projection with a large gradient, those of BLOCK tokens (ids `rows`) and BLOCK
    units (`columns`): before the update, their clipped gradients, and after it."""

    rows: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    gradients: np.ndarray
    updated: np.ndarray


@dataclass(frozen=True, eq=False)
class OneStep:
    """What each line of a step did. Norms are over all parameters.

    forward: `shape` (B,T,V) of the log-probabilities, `nats` (B,T) minus those of the tokens that
    came. zero_grad: `left`, the norm of the gradients that the step before had left; `added`, what
    the norm after backward would be with them. backward: `norm`; `input_norms` (S,), the norm of
    the gradient at the embedding of each token that was read, 0 where it does not arrive. clip:
    `clipped`, the norm after it. update: `block`, a few weights; `nats_after`, the window's losses
    with the new weights.
    """

    shape: tuple[int, ...]
    nats: np.ndarray
    left: float
    added: float
    norm: float
    input_norms: np.ndarray
    clipped: float
    block: Block
    nats_after: np.ndarray

    @property
    def loss(self) -> float:
        return float(self.nats.mean())

    @property
    def loss_after(self) -> float:
        return float(self.nats_after.mean())

    @property
    def reach(self) -> int:
        """How many tokens the gradient reaches, counted back from the window's last."""
        (reached,) = self.input_norms.nonzero()
        return len(self.input_norms) - int(reached[0]) if len(reached) else 0


def clip_and_update(model: RNNModel, clip: float, lr: float) -> float:
    """Clip the gradients, then p -= lr * grad -> their norm after clipping."""
    from torch.nn.utils import clip_grad_norm_

    from rnnviz.training.optimizers import sgd_step

    parameters = list(model.parameters())
    clip_grad_norm_(parameters, clip)
    sgd_step(parameters, lr)
    return _norm(_gradients(model))


def one_step(model: RNNModel, windows: Windows, way: Way, lr: float) -> OneStep:
    """One step on a window; the model that is given stays as it is. Afterwards the window is read
    from the same state, or, with `way.crossing`, after the window before it with new weights."""
    model, left = _copy(model), _gradients(model)
    with _embedded(model) as embedded:
        state, found = _backward(model, windows, way)
    gradients, weights = _gradients(model), model.projection.weight.detach().clone()
    clipped = clip_and_update(model, way.clip, lr)
    return OneStep(
        shape=tuple(found.shape),
        nats=nats(found, windows.targets).numpy(),
        left=_norm(left),
        added=_norm([a + b for a, b in zip(left, gradients, strict=True)]),
        norm=_norm(gradients),
        input_norms=np.concatenate([_norms(one.grad, len(one[0])) for one in embedded]),
        clipped=clipped,
        block=_block(weights, model),
        nats_after=_losses(model, windows, way, state),
    )


def losses_by_rate(
    model: RNNModel, windows: Windows, way: Way, rates: Sequence[float]
) -> np.ndarray:
    """The mean loss of a window in nats (R,) after one step on it at each rate, as in `one_step`;
    inf or nan where it overflows."""
    model = _copy(model)
    state, _ = _backward(model, windows, way)
    losses = []
    for lr in rates:
        stepped = _copy(model)
        clip_and_update(stepped, way.clip, lr)
        losses.append(float(_losses(stepped, windows, way, state).mean()))
    return np.array(losses)


def _backward(model: RNNModel, windows: Windows, way: Way) -> tuple[Hidden, Tensor]:
    """forward, loss, zero_grad, backward -> the state that the window began with, and its
    log-probabilities (B,T,V)."""
    state = _state(model, windows, way)
    found, _ = model(windows.inputs, state)  # (B,T,V)
    model.zero_grad()
    nats(found, windows.targets).mean().backward()
    return state, found.detach()


def _state(model: RNNModel, windows: Windows, way: Way) -> Hidden:
    """The state that a window begins with."""
    from rnnviz.nn.model import as_hidden, hidden_tensors

    hidden = model.init_hidden(len(windows.inputs))
    if way.reset:
        return hidden
    _, hidden = model(windows.before, hidden)
    return hidden if way.crossing else as_hidden([h.detach() for h in hidden_tensors(hidden)])


def _losses(model: RNNModel, windows: Windows, way: Way, state: Hidden) -> np.ndarray:
    """Nats (B,T) of the window, from `state` or, where gradients cross, from the state anew."""
    import torch

    with torch.no_grad():
        if way.crossing:
            state = _state(model, windows, way)
        return nats(model(windows.inputs, state)[0], windows.targets).numpy()


def nats(log_probs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log-probability of each token: (B,T,V), ids (B,T) -> (B,T)."""
    return -log_probs.gather(-1, targets[..., None])[..., 0]


@contextmanager
def _embedded(model: RNNModel) -> Generator[list[Tensor]]:
    """The embeddings (B,T,D) of each text that the model reads inside; they keep their gradients
    in backward."""
    found: list[Tensor] = []

    def keep(module: object, ids: object, output: Tensor) -> None:
        output.retain_grad()
        found.append(output)

    hook = model.embedding.register_forward_hook(keep)
    try:
        yield found
    finally:
        hook.remove()


def _norms(gradient: Tensor | None, steps: int) -> np.ndarray:
    """The norm of a gradient (B,T,D) at each step (T,); 0 where nothing arrived."""
    return np.zeros(steps) if gradient is None else gradient.norm(dim=(0, 2)).numpy()


def _copy(model: RNNModel) -> RNNModel:
    """The same weights and gradients."""
    made = copy.deepcopy(model)
    for parameter, gradient in zip(made.parameters(), _gradients(model), strict=True):
        parameter.grad = gradient
    return made


def _gradients(model: RNNModel) -> list[Tensor]:
    """A copy of each parameter's gradient; zeros where it has none."""
    return [p.new_zeros(p.shape) if p.grad is None else p.grad.clone() for p in model.parameters()]


def _norm(tensors: Sequence[Tensor]) -> float:
    from torch.nn.utils import get_total_norm

    return float(get_total_norm(tensors))


def _block(weights: Tensor, model: RNNModel) -> Block:
    """The rows and the columns of the projection whose gradients are largest, in their order;
    `weights` (V,H): before the update."""
    after = model.projection.weight
    gradients = _array(after.grad)  # (V,H)
    rows, columns = (
        np.sort(np.argsort(-np.linalg.norm(gradients, axis=axis), kind="stable")[:BLOCK])
        for axis in (1, 0)
    )
    at = np.ix_(rows, columns)
    return Block(rows, columns, _array(weights)[at], gradients[at], _array(after)[at])


def _array(values: Tensor | None) -> np.ndarray:
    assert values is not None
    return values.detach().numpy()
