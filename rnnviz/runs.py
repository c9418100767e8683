"""Trained runs on disk: a folder with weights, what is needed to go on, and run.json.

Nothing here unpickles, and every file is written to a temporary name and renamed, so a
reader sees the old file or the new one, never half of one. torch is imported only where
weights are touched: listing runs does not wait for it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rnnviz
from rnnviz.data import Vocab
from rnnviz.sizes import parameters

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.model import RNNModel
    from rnnviz.training import TrainState

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "runs"
MAX_JSON = 20 * 2**20  # bytes
MAX_SIZE, MAX_LAYERS = 65_536, 64
SIZES = ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers")
MODEL_KEYS = ("rnn_type", *SIZES, "dropout", "tie_weights")
RECORD_KEYS = ("step", "loss", "grad_norm", "clipped")  # of a history, what figures need


class RunError(ValueError):
    """A run that cannot be read or written; the message is one sentence."""


@dataclass(frozen=True)
class RunInfo:
    """What run.json says: everything about a run but its weights.

    `model`: the arguments of RNNModel. `config`: those of TrainConfig. `history`: a dict a
    StepRecord. Losses are in nats a token; `accuracy` is there where a cue is counted.
    """

    name: str
    model: dict[str, Any]
    vocab: Vocab
    corpus: str
    fingerprint: str
    spec: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    cue: int | None = None
    valid_loss: float | None = None
    test_loss: float | None = None
    probe_loss: float | None = None
    accuracy: float | None = None
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    path: Path | None = None

    @property
    def rnn_type(self) -> str:
        return self.model["rnn_type"]

    @property
    def parameters(self) -> int:
        """How many weights the model has; a tied matrix counts once."""
        return parameters(self.model).total


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model with all that is known about it."""

    info: RunInfo
    model: RNNModel

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def vocab(self) -> Vocab:
        return self.info.vocab

    def ids(self, text: str) -> Tensor:
        """Ids of a text (T,), int64."""
        import torch

        return torch.from_numpy(self.vocab.encode(text))


def versions() -> dict[str, str]:
    import torch

    return {
        "rnnviz": rnnviz.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def runs_folder() -> Path:
    """Where runs of this user are kept: RNNVIZ_RUNS, else runs/ in the current folder."""
    return Path(os.environ.get("RNNVIZ_RUNS") or "runs")


def safe_name(name: str) -> str:
    """A name that is one plain folder. Raises RunError for anything else."""
    if not re.fullmatch(r"\w[\w.+ -]{0,79}", name) or name.endswith((".", " ")):
        raise RunError(
            f"{name!r} is no name for a run: use up to 80 letters, digits, '-', '_', '.', '+'"
        )
    return name


def run_name(corpus: str, rnn_type: str) -> str:
    """A plain folder name: python-source-rnn-tanh."""
    name = re.sub(r"[^\w.+-]+", "-", corpus)[:60].strip(".+-") or "run"
    return f"{name}-{rnn_type}".lower().replace("_", "-")


def list_runs(folders: Sequence[Path | str] | None = None) -> list[RunInfo]:
    """Runs below the folders (default: those that ship, then the user's), without weights.

    A folder that is no run, or that cannot be read, is left out.
    """
    if folders is None:
        folders = (ASSETS, runs_folder())
    found: dict[str, RunInfo] = {}
    for folder in map(Path, folders):
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in paths:
            with contextlib.suppress(RunError):
                found.setdefault(path.name, read_info(path))
    return list(found.values())


def find_run(name: str) -> Path:
    """Folder of a run by its path or its name. Raises RunError when there is none."""
    candidates = [Path(name)]
    if re.fullmatch(r"[^/\\]+", name) and name not in (".", ".."):
        candidates += [runs_folder() / name, ASSETS / name]
    for path in candidates:
        with contextlib.suppress(OSError):  # a name too long for the file system
            if (path / "run.json").is_file():
                return path
    raise RunError(f"there is no run {name!r}; `python -m rnnviz runs` lists those there are")


def read_info(path: Path | str) -> RunInfo:
    """Read and check a run.json. Raises RunError with one sentence."""
    path = Path(path)
    file = path / "run.json"
    try:
        if file.stat().st_size > MAX_JSON:
            raise RunError(f"{file} is larger than {MAX_JSON >> 20} MB")
        return _info(json.loads(file.read_bytes()), path)
    except RunError:
        raise
    except FileNotFoundError:
        raise RunError(f"{path} is not a run: it has no run.json") from None
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise RunError(f"{file} does not describe a run ({error})") from None


def _info(raw: Any, path: Path) -> RunInfo:
    """run.json's content as a RunInfo; raises ValueError, KeyError or TypeError."""
    model = raw["model"]
    _check(model["rnn_type"] in rnnviz.RNN_TYPES, "rnn_type")
    _check(all(type(model[k]) is int and 0 < model[k] <= MAX_SIZE for k in SIZES), "sizes")
    _check(model["num_hidden_layers"] <= MAX_LAYERS, "num_hidden_layers")
    _check(type(model["tie_weights"]) is bool, "tie_weights")
    _check(type(model["dropout"]) in (int, float) and 0 <= model["dropout"] <= 1, "dropout")
    tokens = raw["vocab"]["tokens"]
    _check(all(type(token) is str for token in tokens), "vocab")
    _check(model["vocab_size"] == len(tokens), "vocab_size")
    for key in ("valid_loss", "test_loss", "probe_loss", "accuracy"):
        _check(raw.get(key) is None or math.isfinite(raw[key]), key)
    for key in ("corpus", "fingerprint", "spec", "command"):
        _check(type(raw[key]) is str, key)
    for record in raw["history"]:
        _check(all(v is None or math.isfinite(v) for v in record.values()), "history")
        _check(None not in map(record.get, RECORD_KEYS), "history")
    clip = raw["config"].get("clip")
    _check(clip is None or math.isfinite(clip), "clip")
    _check(raw["cue"] is None or 0 <= raw["cue"] < len(tokens), "cue")
    return RunInfo(
        name=path.name,
        model={key: model[key] for key in MODEL_KEYS},
        vocab=Vocab(tuple(tokens), raw["vocab"]["split"]),
        corpus=raw["corpus"],
        fingerprint=raw["fingerprint"],
        spec=raw["spec"],
        config=dict(raw["config"]),
        history=tuple(map(dict, raw["history"])),
        cue=raw["cue"],
        valid_loss=raw["valid_loss"],
        test_loss=raw["test_loss"],
        probe_loss=raw["probe_loss"],
        accuracy=raw["accuracy"],
        command=raw["command"],
        versions={str(k): str(v) for k, v in raw["versions"].items()},
        path=path,
    )


def _check(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"{what} is out of range")


def load_run(path: Path | str) -> Run:
    """Load a run by its folder or its name, its model on the CPU, in float32 and eval mode.

    Raises RunError for files that are missing, truncated, oversized or of another model.
    """
    info = read_info(find_run(str(path)))
    file = info.path / "weights.safetensors"
    model = new_model(info, file)
    tensors, _ = read_tensors(file, model)
    fill(model, tensors, info.path)
    return Run(info, model.eval())


def load_resume(run: Run) -> TrainState:
    """What training needs to go on; the run's model gets the last weights. Raises RunError."""
    from rnnviz.training import TrainState

    path = run.info.path / "resume.safetensors"
    if not path.exists():
        raise RunError(f"{run.info.path} cannot go on: its training is complete")
    best = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    tensors, metadata = read_tensors(path, run.model, copies=4)
    groups: dict[str, dict[str, Any]] = {"model": {}, "moments": {}, "hidden": {}, "rng": {}}
    try:
        for name, tensor in tensors.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = tensor.clone()  # aligned as torch aligns: sums stay bitwise equal
        scalars = json.loads(metadata["state"])
        fill(run.model, groups["model"], run.info.path)
        return TrainState(
            step=int(scalars["step"]),
            seconds=float(scalars["seconds"]),
            anneal=float(scalars["anneal"]),
            best_valid=math.inf if scalars["best_valid"] is None else float(scalars["best_valid"]),
            best=best,
            moments=groups["moments"],
            hidden=tuple(groups["hidden"][key] for key in sorted(groups["hidden"])),
            rng=groups["rng"]["state"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is not what training left ({error})") from None


def new_model(info: RunInfo, file: Path) -> RNNModel:
    """The model of a run; no memory is taken for sizes that its weight file does not hold."""
    from rnnviz.model import RNNModel

    try:
        size = file.stat().st_size
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}") from None
    if size < 2 * info.parameters:  # float16
        raise RunError(f"{file} is damaged or of another model: {size:,} bytes are too few")
    return RNNModel(**info.model)


def save_run(run: Run, folder: Path | str, state: TrainState | None = None, half=False) -> Run:
    """Write a run to `folder`/name and return it with its path.

    With the `state` of a training that can go on, the weights written are its best ones,
    and what is needed to resume stands beside them; without, the model's own. `half`
    stores float16. Raises RunError when the disk or the folder refuses.
    """
    from safetensors.torch import save

    info = replace(run.info, path=Path(folder) / safe_name(run.info.name))
    going_on = state is not None and not state.done
    weights = state.best if going_on else run.model.state_dict()
    raw = {k: v for k, v in asdict(info).items() if k not in ("name", "path", "vocab")}
    raw["vocab"] = {"split": info.vocab.split, "tokens": info.vocab.id2token}
    try:
        text = json.dumps(raw, allow_nan=False, indent=1)
    except ValueError:
        raise RunError(f"{info.name} has a loss that is not finite") from None
    try:
        info.path.mkdir(parents=True, exist_ok=True)
        weights = flat({"": weights}, run.model)
        if half:
            weights = {name: tensor.half() for name, tensor in weights.items()}
        write(info.path / "weights.safetensors", save(weights))
        write(info.path / "run.json", text.encode())
        resume = info.path / "resume.safetensors"
        if going_on:
            write(resume, _resume_bytes(run.model, state))
        else:
            resume.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{info.path} cannot be written: {error.strerror}") from None
    return Run(info, run.model)


def _resume_bytes(model: RNNModel, state: TrainState) -> bytes:
    from safetensors.torch import save

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


def flat(groups: dict[str, dict[str, Any]], model: RNNModel) -> dict[str, Any]:
    """Tensors by prefixed name, a tied matrix once."""
    return {
        prefix + name: tensor.detach().cpu().contiguous()
        for prefix, tensors in groups.items()
        for name, tensor in tensors.items()
        if not (model.tie_weights and name == "projection.weight")
    }


def write(path: Path, content: bytes) -> None:
    """All of a file or nothing: a temporary name in the same folder, then a rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tensors(path: Path, model: RNNModel, copies: int = 1) -> tuple[dict, dict]:
    """Tensors and metadata of a safetensors file no larger than `copies` of the model."""
    from safetensors import SafetensorError, safe_open

    expected = copies * 4 * sum(p.numel() for p in model.parameters()) + 2**20
    if copies > 1:  # the hidden state of a training has a batch of its own
        expected += 64 * 2**20
    try:
        size = path.stat().st_size
        if size > expected:
            raise RunError(f"{path} is too large for this model: {size:,} bytes")
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} is damaged or is no safetensors file ({error})") from None


def fill(model: RNNModel, tensors: dict[str, Any], path: Path) -> None:
    """Put weights into a model; they must be its own by name, shape and be finite."""
    if model.tie_weights and "embedding.weight" in tensors:
        tensors = {**tensors, "projection.weight": tensors["embedding.weight"]}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if given != wanted:
        odd = sorted(set(wanted.items()) ^ set(given.items()))[0][0]
        raise RunError(f"{path} holds the weights of another model ({odd} does not fit)")
    if not all(
        tensor.dtype.is_floating_point and tensor.itemsize > 1 for tensor in tensors.values()
    ):
        raise RunError(f"{path} holds weights that are no float16, float32 or float64")
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise RunError(f"{path} holds weights that are not finite")
    model.load_state_dict(tensors)
