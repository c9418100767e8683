"""The commands other than `train`, one function each; each may return an exit code."""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz import _paths
from rnnviz.cli.terminal import STDERR
from rnnviz.nn.perplexity import perplexity_text

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnviz import RNNModel, Run
    from rnnviz.data.source import Source
    from rnnviz.data.task import Task


def import_file(options: argparse.Namespace) -> None:
    from rnnviz.data.corpus import read, whole_spec
    from rnnviz.runs.importing import doubt, import_file
    from rnnviz.runs.names import runs_folder

    if options.file.is_dir():
        raise ValueError(f"{options.file} is a folder: give the file of the model in it")
    info = import_file(
        options.file.read_bytes(),
        options.file.name,
        options.out or runs_folder(),
        read(options.corpus) if options.corpus else None,
        spec=whole_spec(options.corpus) if options.corpus else "",
        rnn_type=options.rnn_type,
        parts=options.map,
        name=options.name,
        command=options.command_line,
    )
    loss = "" if info.valid_loss is None else f", valid {info.valid_loss:.4f} nats"
    print(f"{info.rnn_type}, {info.parameters:,} parameters{loss}")
    print(f"saved: {info.path}")
    if said := doubt(info, options.file.name):
        print(f"rnnviz: {said}", file=STDERR)


def evaluate(options: argparse.Namespace) -> None:
    from rnnviz import load_run
    from rnnviz.data.corpus import fingerprint

    run = load_run(options.name)
    source = _text_of(run, options.corpus)
    parts = [run.ids(text) for text in source.texts[1:]]  # to read them all takes longer
    if max(map(len, parts)) < 2:
        raise ValueError(
            f"{source.name} is too short: tokens for validation: {len(parts[0])}, for the test: "
            f"{len(parts[1])}; at least 2 of either are needed"
        )
    is_other = fingerprint(source) != run.info.fingerprint
    for part, ids in zip(("valid", "test"), parts, strict=True):
        if len(ids) > 1:
            other = _other_text(run, ids) if is_other else ""
            print(f"{part}: {_measured(run, ids, source.task)}{other}")
        elif part == "valid" or len(ids):
            print(f"{part}: too short to be evaluated, tokens: {len(ids)}")


def _text_of(run: Run, spec: str | None) -> Source:
    """The text given, or that of the run, where it was. Raises ValueError."""
    from rnnviz.data.corpus import read
    from rnnviz.data.source import CorpusError

    if spec:
        return read(spec)
    if not run.info.spec:
        raise ValueError(f"{run.name} does not say where its corpus is: give --corpus")
    try:
        return read(run.info.spec)
    except CorpusError as error:
        raise ValueError(f"the text of {run.name} is not there ({error}): give --corpus") from None


def _measured(run: Run, ids: Tensor, task: Task | None) -> str:
    """A model of a made task reads each item from a state of zeros, as in its training."""
    from rnnviz.data import made
    from rnnviz.data.items import Items
    from rnnviz.nn.evaluation import score, score_rows

    knows = task is not None and run.vocab.token2id.keys() >= set(task.alphabet)
    if task is not None and knows and made.find(run.info.spec):
        loss, accuracy = score_rows(run.model, *Items(task, run.vocab).of_text(ids))
    else:
        loss, accuracy = score(run.model, ids, run.info.cue)
    return f"{loss:.4f} nats a token, perplexity {perplexity_text(loss)}, accuracy {accuracy:.3f}"


def _other_text(run: Run, ids: Tensor) -> str:
    """What is said beside a number that is not of the run's own text."""
    from rnnviz.data.vocab import UNK

    unknown = (ids == run.vocab.token2id[UNK]).double().mean().item()
    return f" (another text than it was trained on; {unknown:.1%} of it is <unk>)"


def sample(options: argparse.Namespace) -> None:
    """Write a text; what is said of it goes to stderr, after it."""
    from rnnviz import generate, load_run
    from rnnviz._files import write
    from rnnviz.analysis import sweeps

    run = load_run(options.name)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    cuts = options.top_k, options.top_p
    if options.tokens is None:
        words = 1000 if options.words is None else options.words
        sampling = sweeps.SamplingOptions(seed, *cuts)
        text = sweeps.words(run, options.prompt, words, options.temperature, sampling)
    else:
        ids = run.ids(options.prompt)
        tokens = generate(run.model, ids, options.tokens, options.temperature, *cuts, seed)
        text = run.vocab.decode(tokens.tolist())
    if options.output:
        write(options.output, f"{text}\n".encode())
    else:
        print(text)
    print(f"seed {seed}", file=STDERR)
    _say_unknown(run, options.prompt)


def _say_unknown(run: Run, text: str) -> None:
    """Say which tokens of a text the run reads as `<unk>`."""
    if unknown := run.vocab.unknown(text):
        some = ", ".join(repr(token[:20]) for token in unknown[:8])
        more = f" and {len(unknown) - 8:,} more" if len(unknown) > 8 else ""
        print(f"not in the vocabulary, read as <unk>: {some}{more}", file=STDERR)


def trace(options: argparse.Namespace) -> None:
    from rnnviz import load_run, trace_model

    run = load_run(options.name)
    ids = run.ids(options.text)
    if not len(ids):
        raise ValueError("the text is empty: give at least one token with --text")
    more = _gradients(run.model, ids) if options.gradients else {}
    trace_model(run.model, ids).save(options.output, more)
    print(f"saved: {options.output}")
    _say_unknown(run, options.text)


def _gradients(model: RNNModel, ids: Tensor) -> dict[str, np.ndarray]:
    """Gradients of the last loss with respect to every state (L,T,H) and their norms (L,T); norms
    (T,T) of those of every loss with respect to the inputs and the states of the last layer."""
    from rnnviz import gradient_flow, influence

    flow = gradient_flow(model, ids)
    arrays = {"gradient.h_norm": flow.h_norm, "gradient.h": flow.h}
    if flow.c is not None and flow.c_norm is not None:
        arrays |= {"gradient.c_norm": flow.c_norm, "gradient.c": flow.c}
    arrays |= {"influence.x": influence(model, ids, of="x", layer=0)}
    arrays |= {"influence.h": influence(model, ids)}
    return {name: tensor.numpy() for name, tensor in arrays.items()}


def runs(options: argparse.Namespace) -> None:
    from rnnviz import list_runs

    grouped = list_runs([_paths.RECALL_RUNS]) if options.all else []
    for info in [*list_runs(), *grouped]:
        loss = "-" if info.valid_loss is None else f"{info.valid_loss:.4f}"
        print(f"{info.name:32} {info.rnn_type:8} {info.corpus:16} valid {loss} nats  {info.path}")


def app(options: argparse.Namespace) -> int:
    """Run app.py with `python -m streamlit run`, in place of this process where that can be done.

    Only `streamlit run` reads the .streamlit/config.toml that lies beside the script. `-P` keeps
    Python files of the current folder from being imported in place of installed modules. Raises
    ValueError for a port that cannot be, where the extra `app` is not installed, and without a
    home directory.
    """
    if options.port is not None and not 0 < options.port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {options.port}")
    missing = [name for name in ("streamlit", "plotly") if find_spec(name) is None]
    if missing:
        raise ValueError(f'the app needs {" and ".join(missing)}: pip install "rnnviz[app]"')
    try:
        Path.home()  # Streamlit looks for its settings there
    except RuntimeError:
        raise ValueError("the app needs a home directory: set HOME to a folder") from None
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(_paths.APP)]
    flags = {
        "--server.port": options.port,
        "--server.address": options.host,
        "--server.baseUrlPath": options.base_url_path,
    }
    for flag, value in flags.items():
        command += [] if value is None else [flag, str(value)]
    if os.name == "posix":
        os.execv(sys.executable, command)
    return subprocess.call(command)  # elsewhere exec returns to the shell before the app ends
