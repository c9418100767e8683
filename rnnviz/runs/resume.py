"""resume.safetensors: what a training needs to go on, beside the run; checked before it is used."""

from __future__ import annotations

import json
import math
from typing import Any

import torch
from safetensors.torch import save

from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model import RNNModel
from rnnviz.runs.info import RunError, check, is_number
from rnnviz.runs.run import Run
from rnnviz.runs.weights import fill, flat, read_tensors
from rnnviz.training.config import TrainState
from rnnviz.training.optimizers import AVERAGES


def load(run: Run) -> TrainState:
    """The state with which training goes on; the run's model gets its last weights. Raises
    RunError."""
    path = run.info.folder / "resume.safetensors"
    if not path.exists():
        raise RunError(f"{run.info.folder} cannot go on: its training is complete")
    batch_size = run.info.config.get("batch_size") or 0
    hidden = hidden_shapes(run.model, batch_size)
    best = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    more = 4 * sum(map(math.prod, hidden))
    tensors, metadata = read_tensors(path, run.model, copies=4, more=more)
    groups: dict[str, dict[str, Any]] = {"model": {}, "moments": {}, "hidden": {}, "rng": {}}
    try:
        for name, tensor in tensors.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = (
                tensor.clone()
            )  # torch's own alignment: sums stay equal to the bit
        scalars = json.loads(metadata["state"])
        _check_state(run.model, groups, scalars, hidden)
        fill(run.model, groups["model"], run.info.folder)
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise RunError(f"{path} is not what training left ({error})") from None
    return TrainState(
        step=scalars["step"],
        seconds=float(scalars["seconds"]),
        anneal=float(scalars["anneal"]),
        best_valid=math.inf if scalars["best_valid"] is None else float(scalars["best_valid"]),
        best=best,
        moments=groups["moments"],
        hidden=tuple(groups["hidden"][key] for key in sorted(groups["hidden"])),
        rng=groups["rng"]["state"],
    )


def hidden_shapes(model: RNNModel, batch_size: int) -> list[tuple[int, int, int]]:
    """Shapes (L,B,H) of h, and of c where there is one."""
    shape = (model.rnn.num_layers, batch_size, model.rnn.hidden_size)
    return [shape] * (2 if CELL_TYPES[model.rnn_type].has_cell_state else 1)


def _check_state(model: RNNModel, groups: dict, scalars: dict, hidden: list) -> None:
    """Raises ValueError or KeyError. Everything is checked: torch's kernels do not check."""
    parameters = {name: tuple(p.shape) for name, p in model.named_parameters()}
    moments = {f"{key}.{name}": shape for name, shape in parameters.items() for key in AVERAGES}
    moments |= {f"step.{name}": () for name in parameters}
    states = {str(n): shape for n, shape in enumerate(hidden)}
    for group, wanted in (("moments", moments), ("hidden", states)):
        given = {name: tuple(tensor.shape) for name, tensor in groups[group].items()}
        check(given == wanted or (group == "moments" and not given), f"the shape of {group}")
        floats = all(tensor.dtype == torch.float32 for tensor in groups[group].values())
        check(floats, f"the type of {group}")
    check(all(tensor.isfinite().all() for tensor in groups["hidden"].values()), "hidden")
    seen = [tensor for name, tensor in groups["moments"].items() if name.startswith("step.")]
    check(all(0 <= steps < 2**53 for steps in seen), "the steps of moments")
    rng = groups["rng"]["state"]
    check(rng.dtype == torch.uint8 and rng.dim() == 1, "rng")
    check(type(scalars["step"]) is int and 0 <= scalars["step"] < 2**53, "step")
    check(is_number(scalars["seconds"]) and scalars["seconds"] >= 0, "seconds")
    check(is_number(scalars["anneal"]) and scalars["anneal"] > 0, "anneal")
    check(scalars["best_valid"] is None or is_number(scalars["best_valid"]), "best_valid")


def pack(model: RNNModel, state: TrainState) -> bytes:
    """resume.safetensors of a training, as `load` takes it."""
    hidden = {str(i): h for i, h in enumerate(state.hidden)}
    groups = {
        "model/": state.last,
        "moments/": state.moments,
        "hidden/": hidden,
        "rng/": {"state": state.rng},
    }
    best_valid = None if state.best_valid == math.inf else state.best_valid
    scalars = {"step": state.step, "seconds": state.seconds, "anneal": state.anneal}
    metadata = {"state": json.dumps(scalars | {"best_valid": best_valid})}
    return save(flat(groups, model), metadata)
