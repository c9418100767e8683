"""Which states each loss of a text depends on, asked of autograd without any rule of its own."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rnnviz.runs.run import Run


def loss_reach(run: Run, text: str) -> np.ndarray:
    """Norms (T,T), in float64: row t, column s is ||dL_t/dh_s||, with h of all layers; exactly 0
    where L_t is not computed from h_s. Takes T backward passes: for short texts."""
    import torch

    from rnnviz.nn.model import hidden_tensors

    model, ids = run.model, run.ids(text)
    hidden, states, losses = model.init_hidden(1), [], []
    with torch.enable_grad():
        for now, following in pairwise(ids):
            _, hidden = model.rnn(model.embedding(now[None, None]), hidden)
            h = hidden_tensors(hidden)[0]  # (L,1,H)
            states.append(h)
            losses.append(-model.projection(h[-1, 0]).log_softmax(-1)[following])
        rows = [
            torch.autograd.grad(loss, states, retain_graph=True, materialize_grads=True)
            for loss in losses
        ]
    return np.array([[float(g.double().norm()) for g in row] for row in rows])
