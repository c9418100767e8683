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
from rnnviz.files import write
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
AVERAGES = ("exp_avg", "exp_avg_sq")  # that AdamW keeps of each parameter, beside its step
TEXTS = {"corpus": 200, "fingerprint": 200, "spec": 5_000, "command": 100_000}  # longest of each
WHOLE = ("batch_size", "sequence_length", "steps", "epochs", "seed", "log_every", "eval_every")
CONFIG = dict.fromkeys(WHOLE, (int,)) | dict.fromkeys(("lr", "clip", "minutes"), (int, float))
CONFIG |= {"optimizer": (str,)}
# Controls of terminals, of lines and of the direction of writing, and half characters of UTF-16.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


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
            f"{name!r} is no name for a run: "
            "use up to 80 letters, digits, spaces, '-', '_', '.', '+'"
        )
    return name


def run_name(corpus: str, rnn_type: str) -> str:
    """A plain folder name: python-source-rnn-tanh."""
    name = re.sub(r"[^\w.+-]+", "-", corpus)[:60].strip(".+-") or "run"
    return f"{name}-{rnn_type}".lower().replace("_", "-")


def list_runs(folders: Sequence[Path | str] | None = None) -> list[RunInfo]:
    """Runs below the folders (default: those that ship, then the user's), without weights.

    A folder that is no run, that cannot be read or whose name no page could show, is left out.
    """
    if folders is None:
        folders = (ASSETS, runs_folder())
    found: dict[str, RunInfo] = {}
    for folder in map(Path, folders):
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted(folder.iterdir())
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
    check_sizes(model)
    _check(model["rnn_type"] in rnnviz.RNN_TYPES, "rnn_type")
    _check(type(model["tie_weights"]) is bool, "tie_weights")
    tied = model["tie_weights"]
    _check(not tied or model["embedding_size"] == model["hidden_size"], "tie_weights")
    _check(_is_number(model["dropout"]) and 0 <= model["dropout"] <= 1, "dropout")
    tokens = raw["vocab"]["tokens"]
    _check(type(tokens) is list and all(type(token) is str for token in tokens), "vocab")
    _check(model["vocab_size"] == len(tokens), "vocab_size")
    "".join((path.name, *tokens)).encode()  # half a character breaks every page and file
    for key in ("valid_loss", "test_loss", "probe_loss", "accuracy"):
        _check(raw[key] is None or _is_number(raw[key]), key)
    for key, longest in TEXTS.items():
        _check(_is_text(raw[key], longest), key)
    for key, value in raw["versions"].items():
        _check(_is_text(key) and _is_text(value), "versions")
    for record in raw["history"]:
        _check(all(v is None or _is_number(v) for v in record.values()), "history")
        _check(None not in map(record.get, RECORD_KEYS), "history")
        _check(type(record["step"]) is int and record["step"] >= 0, "history")
    for key, value in raw["config"].items():
        kinds = CONFIG.get(key, (str, bool, int, float))
        _check(value is None or type(value) in kinds, "config")
        _check(_is_text(value) if type(value) is str else math.isfinite(value or 0), "config")
        _check(key not in WHOLE or key == "seed" or (value or 0) >= 0, "config")
    cue = raw["cue"]
    _check(cue is None or (type(cue) is int and 0 <= cue < len(tokens)), "cue")
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
        versions=dict(raw["versions"]),
        path=path,
    )


def check_sizes(model: dict[str, Any]) -> None:
    """Raises ValueError for sizes, among the arguments of RNNModel, that no run may have."""
    for key in SIZES:
        most = MAX_LAYERS if key == "num_hidden_layers" else MAX_SIZE
        if key in model and not (type(model[key]) is int and 0 < model[key] <= most):
            raise ValueError(f"{key} must be a whole number from 1 to {most:,}")


def _check(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"{what} is out of range")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_text(value: Any, longest: int = 200) -> bool:
    return type(value) is str and len(value) <= longest and not UNPRINTABLE.search(value)


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
    batch_size = run.info.config.get("batch_size") or 0
    hidden = hidden_shapes(run.model, batch_size)
    best = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    more = 4 * sum(map(math.prod, hidden))
    tensors, metadata = read_tensors(path, run.model, copies=4, more=more)
    groups: dict[str, dict[str, Any]] = {"model": {}, "moments": {}, "hidden": {}, "rng": {}}
    try:
        for name, tensor in tensors.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = tensor.clone()  # aligned as torch aligns: sums stay bitwise equal
        scalars = json.loads(metadata["state"])
        _check_state(run.model, groups, scalars, hidden)
        fill(run.model, groups["model"], run.info.path)
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
    """Of h, and of c where there is one."""
    shape = (model.rnn.num_layers, batch_size, model.rnn.hidden_size)
    return [shape] * (2 if model.rnn_type == "LSTM" else 1)


def _check_state(model: RNNModel, groups: dict, scalars: dict, hidden: list) -> None:
    """Raises ValueError or KeyError: the kernels of torch trust what training hands them."""
    import torch

    parameters = {name: tuple(p.shape) for name, p in model.named_parameters()}
    moments = {f"{key}.{name}": shape for name, shape in parameters.items() for key in AVERAGES}
    moments |= {f"step.{name}": () for name in parameters}
    states = {str(n): shape for n, shape in enumerate(hidden)}
    for group, wanted in (("moments", moments), ("hidden", states)):
        given = {name: tuple(tensor.shape) for name, tensor in groups[group].items()}
        _check(given == wanted or (group == "moments" and not given), f"the shape of {group}")
        floats = all(tensor.dtype == torch.float32 for tensor in groups[group].values())
        _check(floats, f"the type of {group}")
    _check(all(tensor.isfinite().all() for tensor in groups["hidden"].values()), "hidden")
    rng = groups["rng"]["state"]
    _check(rng.dtype == torch.uint8 and rng.dim() == 1, "rng")
    _check(type(scalars["step"]) is int and 0 <= scalars["step"] < 2**53, "step")
    _check(_is_number(scalars["seconds"]) and scalars["seconds"] >= 0, "seconds")
    _check(_is_number(scalars["anneal"]) and scalars["anneal"] > 0, "anneal")
    _check(scalars["best_valid"] is None or _is_number(scalars["best_valid"]), "best_valid")


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
    stores float16 where it holds every weight. Raises RunError when the disk or the folder refuses.
    """
    from safetensors.torch import save

    info = replace(run.info, path=Path(folder) / safe_name(run.info.name))
    going_on = state is not None and not state.done
    weights = state.best if going_on else run.model.state_dict()
    texts = {key: UNPRINTABLE.sub("?", getattr(info, key))[:most] for key, most in TEXTS.items()}
    info = replace(info, **texts)
    info, text = _described(info)
    try:
        info.path.mkdir(parents=True, exist_ok=True)
        weights = flat({"": weights}, run.model)
        weights = halved(weights) if half else weights
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


def _described(info: RunInfo) -> tuple[RunInfo, str]:
    """run.json's content, and the run that it describes: a history too long for it is thinned."""
    while True:
        raw = {k: v for k, v in asdict(info).items() if k not in ("name", "path", "vocab")}
        raw["vocab"] = {"split": info.vocab.split, "tokens": info.vocab.id2token}
        try:
            text = json.dumps(raw, allow_nan=False, indent=1)
        except ValueError:
            raise RunError(f"{info.name} has a loss that is not finite") from None
        if len(text) <= MAX_JSON:
            return info, text
        if len(info.history) < 3:
            raise RunError(f"{info.name} has a description of more than {MAX_JSON >> 20} MB")
        info = replace(info, history=_thinned(info.history))


def _thinned(history: tuple[dict, ...]) -> tuple[dict, ...]:
    """Without every second record; those of evaluations stay while they are the fewer."""
    places = [n for n, record in enumerate(history) if record.get("valid_loss") is None]
    if 2 * len(places) < len(history):
        places = list(range(len(history) - 1))  # the last stays
    gone = set(places[1::2])
    return tuple(record for n, record in enumerate(history) if n not in gone)


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in float16, or as they are where that would not hold them all."""
    half = {name: tensor.half() for name, tensor in weights.items()}
    return half if all(tensor.isfinite().all() for tensor in half.values()) else weights


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


def read_tensors(path: Path, model: RNNModel, copies: int = 1, more: int = 0) -> tuple[dict, dict]:
    """Tensors and metadata of a safetensors file no larger than `copies` of the model and `more`
    bytes."""
    from safetensors import SafetensorError, safe_open

    expected = copies * 4 * sum(p.numel() for p in model.parameters()) + 2**20 + more
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
