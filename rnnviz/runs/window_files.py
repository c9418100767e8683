"""Trained models of a window as files: arrays with what is known of them. They are no runs, since
nothing in them is recurrent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz import _paths
from rnnviz.runs import fact_files

if TYPE_CHECKING:
    from rnnviz.nn.window_model import WindowModel

SIZES = ("window", "embedding_size", "hidden_size")


@dataclass(frozen=True)
class WindowFacts:
    """What a model of a window was trained on and how.

    `fingerprint`: of the corpus, see `Corpus`. `tokens`: its vocabulary, by id. `tried`: the
    validation loss that each learning rate reached in a part of the budget. `valid_loss`: in nats,
    after all of it.
    """

    corpus: str
    fingerprint: str
    tokens: tuple[str, ...]
    window: int
    embedding_size: int
    hidden_size: int
    lr: float
    tried: dict[str, float]
    steps: int
    seed: int
    seconds: float
    valid_loss: float


def save_window(folder: Path, model: WindowModel, facts: WindowFacts) -> Path:
    """Write a model, in float16, into a folder. Raises OSError."""
    path = folder / f"{facts.corpus}-{facts.window}.safetensors"
    fact_files.save(path, model, vars(facts))
    return path


def window_facts(path: Path) -> WindowFacts:
    """What is known of a model, without reading its weights. Raises OSError where it is gone."""
    facts = fact_files.facts_of(path)
    facts["tokens"] = tuple(facts["tokens"])
    return WindowFacts(**facts)


def load_window(path: Path) -> WindowModel:
    """The model of a file, in float32 and eval mode. Raises OSError where it is gone."""
    from rnnviz.nn.window_model import WindowModel

    facts = window_facts(path)
    model = WindowModel(len(facts.tokens), *(getattr(facts, name) for name in SIZES))
    model.load_state_dict(fact_files.weights_of(path))
    return model.eval()


def windows_of(fingerprint: str, folder: Path = _paths.WINDOWS) -> dict[Path, WindowFacts]:
    """The models of a corpus, by file, the shortest window first; by default those that ship."""
    files = sorted(folder.glob("*.safetensors"))
    found = {path: window_facts(path) for path in files}
    ours = {path: facts for path, facts in found.items() if facts.fingerprint == fingerprint}
    return dict(sorted(ours.items(), key=lambda of: of[1].window))
