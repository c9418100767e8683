"""What is known of a run beside its weights, and run.json that says it, checked field by field."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import rnnviz
from rnnviz.data.corpus import Vocab
from rnnviz.nn.parameter_count import parameters

MAX_JSON = 20 * 2**20  # bytes
MAX_SIZE, MAX_LAYERS = 65_536, 64
SIZES = ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers")
MODEL_KEYS = ("rnn_type", *SIZES, "dropout", "tie_weights")
RECORD_KEYS = ("step", "loss", "grad_norm", "clipped")  # of a history, what figures need
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
    check(model["rnn_type"] in rnnviz.RNN_TYPES, "rnn_type")
    check(type(model["tie_weights"]) is bool, "tie_weights")
    tied = model["tie_weights"]
    check(not tied or model["embedding_size"] == model["hidden_size"], "tie_weights")
    check(is_number(model["dropout"]) and 0 <= model["dropout"] <= 1, "dropout")
    tokens = raw["vocab"]["tokens"]
    check(type(tokens) is list and all(type(token) is str for token in tokens), "vocab")
    check(model["vocab_size"] == len(tokens), "vocab_size")
    "".join((path.name, *tokens)).encode()  # half a character breaks every page and file
    for key in ("valid_loss", "test_loss", "probe_loss", "accuracy"):
        check(raw[key] is None or is_number(raw[key]), key)
    for key, longest in TEXTS.items():
        check(_is_text(raw[key], longest), key)
    for key, value in raw["versions"].items():
        check(_is_text(key) and _is_text(value), "versions")
    for record in raw["history"]:
        check(all(v is None or is_number(v) for v in record.values()), "history")
        check(None not in map(record.get, RECORD_KEYS), "history")
        check(type(record["step"]) is int and record["step"] >= 0, "history")
    for key, value in raw["config"].items():
        kinds = CONFIG.get(key, (str, bool, int, float))
        check(value is None or type(value) in kinds, "config")
        check(_is_text(value) if type(value) is str else math.isfinite(value or 0), "config")
        check(key not in WHOLE or key == "seed" or (value or 0) >= 0, "config")
    cue = raw["cue"]
    check(cue is None or (type(cue) is int and 0 <= cue < len(tokens)), "cue")
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


def check(right: bool, what: str) -> None:
    """Raises ValueError with what is wrong."""
    if not right:
        raise ValueError(f"{what} is out of range")


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_text(value: Any, longest: int = 200) -> bool:
    return type(value) is str and len(value) <= longest and not UNPRINTABLE.search(value)


def described(info: RunInfo) -> tuple[RunInfo, str]:
    """run.json's content, and the run that it describes: a history too long for it is thinned,
    texts are made such as `read_info` takes. Raises RunError."""
    texts = {key: UNPRINTABLE.sub("?", getattr(info, key))[:most] for key, most in TEXTS.items()}
    info = replace(info, **texts)
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
