"""The commands other than `train`, one function each; each may return an exit code."""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rnnviz import _paths
from rnnviz.nn.perplexity import perplexity

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnviz import RNNModel


def import_file(options: argparse.Namespace) -> None:
    from rnnviz.data.corpus import read
    from rnnviz.runs.importing import import_file
    from rnnviz.runs.names import runs_folder

    info = import_file(
        options.file.read_bytes(),
        options.file.name,
        options.out or runs_folder(),
        read(options.corpus) if options.corpus else None,
        spec=options.corpus or "",
        rnn_type=options.rnn_type,
        name=options.name,
        command=options.command_line,
    )
    loss = "" if info.valid_loss is None else f", valid {info.valid_loss:.4f} nats"
    print(f"{info.rnn_type}, {info.parameters:,} parameters{loss}")
    print(f"saved: {info.path}")


def evaluate(options: argparse.Namespace) -> None:
    from rnnviz import load_run
    from rnnviz.data.corpus import read
    from rnnviz.nn.evaluation import score

    run = load_run(options.name)
    if not (options.corpus or run.info.spec):
        raise ValueError(f"{run.name} does not say where its corpus is: give --corpus")
    source = read(options.corpus or run.info.spec)
    for part, text in zip(("valid", "test"), source.texts[1:], strict=True):
        ids = run.ids(text)
        if len(ids) > 1:
            loss, accuracy = score(run.model, ids, run.info.cue)
            print(
                f"{part}: {loss:.4f} nats a token, perplexity {perplexity(loss):,.2f}, "
                f"accuracy {accuracy:.3f}"
            )


def sample(options: argparse.Namespace) -> None:
    from rnnviz import generate, load_run
    from rnnviz._files import write
    from rnnviz.analysis import sweeps

    run = load_run(options.name)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    if options.tokens is None:
        words = 1000 if options.words is None else options.words
        text = sweeps.words(
            run, options.prompt, words, options.temperature, sweeps.SamplingOptions(seed)
        )
    else:
        ids = run.ids(options.prompt)
        tokens = generate(run.model, ids, options.tokens, options.temperature, seed=seed)
        text = run.vocab.decode(tokens.tolist())
    if options.output:
        write(options.output, f"{text}\n".encode())
    else:
        print(text)


def trace(options: argparse.Namespace) -> None:
    from rnnviz import load_run, trace_model

    run = load_run(options.name)
    ids = run.ids(options.text)
    if not len(ids):
        raise ValueError("the text is empty: give at least one token with --text")
    more = _gradients(run.model, ids) if options.gradients else {}
    trace_model(run.model, ids).save(options.output, more)
    print(f"saved: {options.output}")


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

    for info in list_runs():
        loss = "-" if info.valid_loss is None else f"{info.valid_loss:.4f}"
        print(f"{info.name:32} {info.rnn_type:8} {info.corpus:16} valid {loss} nats  {info.path}")


def app(options: argparse.Namespace) -> int:
    """Run app.py with `python -m streamlit run`, in place of this process where that can be done.

    Only `streamlit run` reads the .streamlit/config.toml that lies beside the script. `-P` keeps
    Python files of the current folder from being imported in place of installed modules. Raises
    ValueError for a port that cannot be, or where the extra `app` is not installed.
    """
    if options.port is not None and not 0 < options.port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {options.port}")
    missing = [name for name in ("streamlit", "plotly") if find_spec(name) is None]
    if missing:
        raise ValueError(f'the app needs {" and ".join(missing)}: pip install "rnnviz[app]"')
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
