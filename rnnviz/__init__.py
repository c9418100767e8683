"""rnnviz: train small recurrent language models and see inside them.

Every public name is imported on first use, so that `import rnnviz` (and the app's
first screen) does not wait for torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
RNN_TYPES = ("LSTM", "GRU", "RNN_TANH", "RNN_RELU")

_HOME = {
    "data.corpus": ("Corpus", "CorpusError", "Vocab", "bptt_batchify", "load_corpus"),
    "nn.model": ("RNNModel", "count_parameters"),
    "training.loop": ("StepRecord", "TrainConfig", "TrainState", "TrainingError", "train"),
    "nn.evaluation": ("evaluate",),
    "analysis.tracing": ("LayerTrace", "Trace", "record", "trace", "trace_model"),
    "analysis.gradients": (
        "GradientFlow",
        "fit_half_life",
        "gradient_flow",
        "influence",
        "memory_half_life",
        "recurrent_jacobian",
    ),
    "analysis.sampling": ("Sweep", "generate", "next_token", "temperature_sweep"),
    "runs.info": ("RunError", "RunInfo"),
    "runs.store": ("Run", "list_runs", "load_run", "save_run"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted([*_MODULE_OF, "RNN_TYPES"])


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'rnnviz' has no attribute {name!r}")
    return getattr(import_module(f"rnnviz.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
