"""Which run a command of training means: the one that its text and its settings made.

The budget is no part of it, nor are the device and the folder: more of the same training is still
the same run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnviz.data.printable import printable
from rnnviz.nn.model_config import ModelConfig
from rnnviz.runs.info import RunError, RunInfo, read_info
from rnnviz.runs.names import is_numbered
from rnnviz.training.config import DEFAULT_LR

SHAPE = ("--rnn-type", "--embedding-size", "--hidden-size", "--layers", "--tie-weights")


def settings(info: RunInfo) -> dict[str, Any]:
    """What made a run beside its text, by the options of the command `train`."""
    config = ("optimizer", "lr", "clip", "batch_size", "sequence_length", "seed")
    return {
        "--level": info.vocab.level,
        "--min-count": info.vocab,
        "--from": info.origin,
        **_model_settings(info.model),
        **{f"--{name.replace('_', '-')}": info.config.get(name) for name in config},
    }


def _model_settings(model: ModelConfig) -> dict[str, Any]:
    return {
        "--rnn-type": model["rnn_type"],
        "--embedding-size": model["embedding_size"],
        "--hidden-size": model["hidden_size"],
        "--layers": model["num_hidden_layers"],
        "--dropout": model["dropout"],
        "--tie-weights": model["tie_weights"],
        "--forget-bias": model["forget_bias"],
    }


def usual_embedding(hidden_size: int) -> int:
    """The embedding size where none is given."""
    return min(hidden_size, 128)


def differences(info: RunInfo, wanted: RunInfo, among: Sequence[str] = ()) -> list[str]:
    """The settings of a run that are not the wanted ones, like "--hidden-size 16 (not 32)"; of all
    settings or `among` some.

    Left out is what only follows from another setting: the vocabulary from the level and the text,
    a usual embedding size from the hidden size, a usual learning rate from optimizer and cell type.
    """
    theirs, ours = settings(info), settings(wanted)
    differ = {name for name in among or theirs if theirs[name] != ours[name]}
    if "--level" in differ or info.fingerprint != wanted.fingerprint:
        differ.discard("--min-count")
    for name, is_usual in (("--embedding-size", _usual_embedding), ("--lr", _usual_lr)):
        if is_usual(info) and is_usual(wanted):
            differ.discard(name)
    return [_said(name, theirs[name], ours[name]) for name in theirs if name in differ]


def _usual_embedding(info: RunInfo) -> bool:
    return info.model["embedding_size"] == usual_embedding(info.model["hidden_size"])


def _usual_lr(info: RunInfo) -> bool:
    usual = DEFAULT_LR.get(info.config.get("optimizer", ""), {}).get(info.rnn_type)
    return info.config.get("lr") == usual


def _said(name: str, theirs: Any, ours: Any) -> str:
    """One setting of a run that is not the wanted one."""
    if name == "--min-count":
        return f"another --min-count, of {len(theirs)} tokens (not {len(ours)})"
    if type(theirs) is bool or "" in (theirs, ours):
        shown = f"{name} {theirs}" if type(theirs) is str else name
        return shown if theirs else f"no {name}"
    if theirs is None:
        return f"no {name}"
    return f"{name} {theirs}" + (f" (not {ours})" if ours is not None else "")


def find_begun(wanted: RunInfo, folder: Path, any_name: bool = False) -> RunInfo | None:
    """The run below a folder that the text and the settings of `wanted` made: of those with its
    name or, with `any_name`, of all.

    Of several, one that was interrupted before one that is complete, then one with its name, then
    the newest. None where no run is near: none has its name nor, with `any_name`, its text and cell
    type. Raises RunError where runs are near, but none has these settings.
    """
    paths = [file.parent for file in folder.glob("*/run.json")]
    named = [path for path in paths if is_numbered(path.name, wanted.name)]
    known = []
    for path in paths if any_name else named:
        with contextlib.suppress(RunError):
            known.append(read_info(path))
    fitting = [info for info in known if not _why_another(info, wanted)]
    if fitting:
        return max(fitting, key=lambda i: (is_interrupted(i), i.path in named, _saved_at(i)))
    near = [info for info in known if info.path in named or _is_akin(info, wanted)]
    if near:
        nearest = min(near, key=lambda info: _distance(info, wanted))
        raise RunError(_why_another(nearest, wanted))
    return read_info(named[0]) if named else None  # which raises what is wrong with it


def _is_akin(info: RunInfo, wanted: RunInfo) -> bool:
    """Whether a run was trained on the same text, with the same cell type."""
    same_text = bool(info.config) and info.fingerprint == wanted.fingerprint
    return same_text and info.rnn_type == wanted.rnn_type


def is_interrupted(info: RunInfo) -> bool:
    """Whether a run has what its training needs to go on exactly where it was."""
    return (info.folder / "resume.safetensors").exists()


def _saved_at(info: RunInfo) -> float:
    return (info.folder / "run.json").stat().st_mtime


def _distance(info: RunInfo, wanted: RunInfo) -> tuple:
    """Runs of the same text are nearest, among them those with the fewest other settings."""
    other_text = info.fingerprint != wanted.fingerprint
    return not info.config, other_text, len(differences(info, wanted)), -_saved_at(info)


def _why_another(info: RunInfo, wanted: RunInfo) -> str:
    """How a run is not the wanted one, and what to do; "" if it is."""
    if not info.config:
        return f"{info.path} was imported: --from {info.name} begins a new run with its weights"
    given, parts = differences(info, wanted), []
    advice = f"give {'that' if len(given) == 1 else 'these'} to go on with it, or "
    if info.fingerprint != wanted.fingerprint:
        place = "" if info.spec in ("", wanted.spec) else f" ({printable(info.spec)})"
        text = printable(wanted.spec or wanted.corpus)
        parts, advice = [f"on another text{place} than {text} is now"], ""
    parts += [f"with {', '.join(given)}"] if given else []
    advice += "leave --resume out to begin a new run"
    return f"{info.path} was trained {' and '.join(parts)}: {advice}" if parts else ""
