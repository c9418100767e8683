"""The commands other than `train`, one function each; each may return an exit code."""

from __future__ import annotations

import argparse
import secrets
from typing import TYPE_CHECKING

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
    """Norms of the last loss over all states (L,T), and of all losses over all inputs (T,T)."""
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
