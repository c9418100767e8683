"""RunInfo, all that is known of a run but its weights, and run.json, checked field by field."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from rnnviz.data.printable import printable
from rnnviz.data.vocab import Vocab
from rnnviz.nn.cell_types import RNN_TYPES
from rnnviz.nn.model_config import LARGEST, SIZES, ModelConfig, check_sizes, usable_forget_bias
from rnnviz.nn.parameter_count import parameters
from rnnviz.training.config import NUMBERS, WHOLE

MAX_JSON = 20 * 2**20  # bytes
MODEL_KEYS = ("rnn_type", *SIZES, "dropout", "tie_weights", "forget_bias")
RECORD_KEYS = ("step", "loss", "grad_norm", "clipped")  # what figures need of each record
LOSSES = ("valid_loss", "test_loss", "probe_loss", "accuracy")  # numbers or None
# Texts that are shown, and the longest of each.
TEXTS = {"corpus": 200, "fingerprint": 200, "command": 100_000, "origin": 200}
MAX_SPEC = 5_000  # characters
CONFIG: dict[str, tuple[type, ...]] = {"optimizer": (str,)}  # settings and their types
CONFIG |= dict.fromkeys(WHOLE, (int,)) | dict.fromkeys(NUMBERS, (int, float))


class RunError(ValueError):
    """A run that cannot be read or written; the message is one sentence."""


@dataclass(frozen=True)
class RunInfo:
    """The content of run.json.

    `model`: the arguments of RNNModel. `config`: those of TrainConfig. `history`: one dict a
    StepRecord. Losses are in nats a token; `accuracy` is known for tasks with a cue. `spec`: where
    the text was, a whole path or the name of a corpus; a path may have characters that cannot be
    shown (`printable`). `command`: what made the run; of a run that
    went on with another budget, both commands. `origin`: the run whose weights it began with, "" if
    they were random.
    """

    name: str
    model: ModelConfig
    vocab: Vocab
    corpus: str
    fingerprint: str
    spec: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    cue: int | None = None
    valid_loss: float | None = None
    test_loss: float | None = None
    probe_loss: float | None = None
    accuracy: float | None = None
    command: str = field(default="", repr=False)
    origin: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    path: Path | None = None

    @property
    def folder(self) -> Path:
        """Where the run lies. Raises RunError for one that was never saved."""
        if self.path is None:
            raise RunError(f"{self.name} has not been saved")
        return self.path

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
    raw = dict({"origin": ""} | raw)  # older runs have none
    model = dict({"forget_bias": None} | raw["model"])  # older runs have none
    tokens = raw["vocab"]["tokens"]
    _check_model(model)
    check(type(tokens) is list and all(type(token) is str for token in tokens), "vocab")
    check(model["vocab_size"] == len(tokens), "vocab_size")
    check(printable(path.name) == path.name, "the name of the folder")
    "".join((path.name, *tokens)).encode()  # half a UTF-16 pair would break every page and file
    for key in LOSSES:
        check(raw[key] is None or is_number(raw[key]), key)
    for key, longest in TEXTS.items():
        check(_is_text(raw[key], longest), key)
    check(type(raw["spec"]) is str and len(raw["spec"]) <= MAX_SPEC, "spec")
    for key, value in raw["versions"].items():
        check(_is_text(key) and _is_text(value), "versions")
    for record in raw["history"]:
        _check_record(record)
    for key, value in raw["config"].items():
        _check_setting(key, value)
    cue = raw["cue"]
    check(cue is None or (type(cue) is int and 0 <= cue < len(tokens)), "cue")
    return RunInfo(
        name=path.name,
        path=path,
        model=cast(ModelConfig, {key: model[key] for key in MODEL_KEYS}),
        vocab=Vocab(tuple(tokens), raw["vocab"]["split"]),
        config=dict(raw["config"]),
        history=tuple(map(dict, raw["history"])),
        versions=dict(raw["versions"]),
        cue=cue,
        **{key: raw[key] for key in (*LOSSES, *TEXTS, "spec")},
    )


def _check_model(model: dict[str, Any]) -> None:
    check_sizes(model)
    check(model["rnn_type"] in RNN_TYPES, "rnn_type")
    check(type(model["tie_weights"]) is bool, "tie_weights")
    tied = model["tie_weights"]
    check(not tied or model["embedding_size"] == model["hidden_size"], "tie_weights")
    bias = model["forget_bias"]
    check(bias is None or (is_number(bias) and abs(bias) <= LARGEST), "forget_bias")
    check(usable_forget_bias(model["rnn_type"], bias) == bias, "forget_bias")
    check(is_number(model["dropout"]) and 0 <= model["dropout"] <= 1, "dropout")


def _check_record(record: dict[str, Any]) -> None:
    check(all(v is None or is_number(v) for v in record.values()), "history")
    check(None not in map(record.get, RECORD_KEYS), "history")
    check(type(record["step"]) is int and 0 <= record["step"] < 2**53, "history")


def _check_setting(key: str, value: Any) -> None:
    kinds = CONFIG.get(key, (str, bool, int, float))
    check(value is None or type(value) in kinds, "config")
    check(_is_text(value) if type(value) is str else math.isfinite(value or 0), "config")
    check(key not in WHOLE or key == "seed" or (value or 0) >= 0, "config")


def check(right: bool, what: str) -> None:
    """Raises ValueError, which names what is wrong, unless it is right."""
    if not right:
        raise ValueError(f"{what} is out of range")


def is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_text(value: Any, longest: int = 200) -> bool:
    return type(value) is str and len(value) <= longest and printable(value) == value


def described(info: RunInfo) -> tuple[RunInfo, str]:
    """The run as run.json can hold it, and run.json's content: a long history is thinned, and
    texts are cut and cleaned until `read_info` takes them. Raises RunError."""
    texts = {key: printable(getattr(info, key))[:most] for key, most in TEXTS.items()}
    info = replace(info, spec=info.spec[:MAX_SPEC], **texts)
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
            raise RunError(
                f"{info.name} has a description of more than {MAX_JSON >> 20} MB, for a vocabulary "
                f"of {len(info.vocab):,} tokens: raise --min-count or train on characters"
            )
        info = replace(info, history=_thinned(info.history))


def _thinned(history: tuple[dict, ...]) -> tuple[dict, ...]:
    """Without every second record; records of evaluations stay as long as they are the fewer."""
    places = [n for n, record in enumerate(history) if record.get("valid_loss") is None]
    if 2 * len(places) < len(history):
        places = list(range(len(history) - 1))  # the last stays
    gone = set(places[1::2])
    return tuple(record for n, record in enumerate(history) if n not in gone)
