# The public names, and where each is defined. `__init__.py` reads this file.
from .analysis.context import ContextLoss, context_loss
from .analysis.gradients import (
    GradientFlow,
    fit_half_life,
    gradient_flow,
    influence,
    memory_half_life,
    recurrent_jacobian,
)
from .analysis.holding import hold
from .analysis.recording import Untraced, record
from .analysis.sampling import Sweep, generate, next_token, temperature_sweep
from .analysis.traces import LayerTrace, Trace
from .analysis.tracing import trace, trace_model
from .data.corpus import Corpus, bptt_batchify, load_corpus
from .data.source import CorpusError
from .data.vocab import Vocab
from .nn.cell_types import RNN_TYPES
from .nn.evaluation import evaluate
from .nn.model import RNNModel, count_parameters
from .runs.info import RunError, RunInfo
from .runs.run import Run
from .runs.store import list_runs, load_run, save_run
from .training.config import StepRecord, TrainConfig, TrainingError, TrainState
from .training.loop import train

__version__: str
__all__ = [
    "RNN_TYPES",
    "ContextLoss",
    "Corpus",
    "CorpusError",
    "GradientFlow",
    "LayerTrace",
    "RNNModel",
    "Run",
    "RunError",
    "RunInfo",
    "StepRecord",
    "Sweep",
    "Trace",
    "TrainConfig",
    "TrainState",
    "TrainingError",
    "Untraced",
    "Vocab",
    "bptt_batchify",
    "context_loss",
    "count_parameters",
    "evaluate",
    "fit_half_life",
    "generate",
    "gradient_flow",
    "hold",
    "influence",
    "list_runs",
    "load_corpus",
    "load_run",
    "memory_half_life",
    "next_token",
    "record",
    "recurrent_jacobian",
    "save_run",
    "temperature_sweep",
    "trace",
    "trace_model",
    "train",
]
