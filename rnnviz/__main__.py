"""python -m rnnviz train | import | eval | sample | trace | runs"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import shlex
import signal
import sys
from pathlib import Path

import rnnviz


class _Stderr:
    """stderr, which may be closed, full or a pipe that nobody reads any more: no training ends by
    what it could not say."""

    def __getattr__(self, name: str):
        return getattr(sys.stderr, name)

    def write(self, text: str) -> None:
        self._try(lambda: sys.stderr.write(text))

    def flush(self) -> None:
        self._try(lambda: sys.stderr.flush())

    def _try(self, act) -> None:
        try:
            act()
        except (OSError, ValueError):  # ValueError: closed
            sys.stderr = _nowhere()


def _nowhere():
    return open(os.devnull, "w")


STDERR = _Stderr()


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.stderr = sys.stderr or _nowhere()  # None where it was closed from the start
    try:
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return _command("python", arguments)
        from rnnviz.training.distributed import rank, run_on_all_ranks

        launcher = f"torchrun --nproc-per-node {os.environ['LOCAL_WORLD_SIZE']}"
        return run_on_all_ranks(lambda: _command(launcher, arguments, rank() == 0))
    except (ValueError, OSError, RuntimeError, MemoryError) as error:  # RuntimeError: memory, too
        said = " ".join(str(error).split())[:500] or "there is not enough memory"
        print(f"rnnviz: {said}", file=STDERR)
        return 2
    except KeyboardInterrupt:
        return 130


def _command(launcher: str, arguments: list[str], heard: bool = True) -> int:
    options = _parser().parse_args(arguments)
    if options.run is not _train and not heard:  # one process does what cannot be shared
        return 0
    kept = [a for n, a in enumerate(arguments) if "--out" not in (a, arguments[n - 1] if n else "")]
    options.command_line = f"{launcher} -m rnnviz {shlex.join(kept)}"  # where to is not how
    return options.run(options) or 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(2, f"rnnviz: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m rnnviz", description=rnnviz.__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train one or more models on a corpus")
    train.set_defaults(run=_train)
    train.add_argument("--corpus", required=True, metavar="SPEC", help="name, file or folder")
    train.add_argument("--level", choices=("char", "word"), default="char")
    train.add_argument("--min-count", type=int, default=1, help="rarer tokens become <unk>")
    train.add_argument("--rnn-type", nargs="+", default=["LSTM"], choices=rnnviz.RNN_TYPES)
    train.add_argument("--embedding-size", type=int, help="default: the hidden size, at most 128")
    train.add_argument("--hidden-size", type=int, default=320)
    train.add_argument("--layers", type=int, default=1)
    train.add_argument("--dropout", type=float, default=0.1)
    train.add_argument("--tie-weights", action="store_true")
    train.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    train.add_argument("--lr", type=float, help="default: by cell type and optimizer")
    train.add_argument("--clip", type=float, default=0.25, help="of the gradient norm")
    train.add_argument("--batch-size", type=int, default=32)
    train.add_argument("--sequence-length", type=int, default=64, help="of truncated BPTT")
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--epochs", type=int)
    budget.add_argument("--steps", type=int)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    train.add_argument("--out", type=Path, metavar="DIR", help="default: RNNVIZ_RUNS or runs/")
    train.add_argument("--half", action="store_true", help="store the weights as float16")
    train.add_argument("--resume", action="store_true", help="go on with what is in DIR")

    take = commands.add_parser("import", help="make a run of another program's model")
    take.set_defaults(run=_import)
    take.add_argument("file", type=Path, metavar="FILE", help="of torch.save, or .safetensors")
    take.add_argument("--corpus", metavar="SPEC", help="what it was trained on: folder or name")
    take.add_argument("--rnn-type", choices=rnnviz.RNN_TYPES, help="of a bare RNN: tanh or relu")
    take.add_argument("--name", default="", help="default: by corpus and cell type")
    take.add_argument("--out", type=Path, metavar="DIR", help="default: RNNVIZ_RUNS or runs/")

    evaluate = commands.add_parser("eval", help="loss of a run on its corpus or another")
    evaluate.set_defaults(run=_eval)
    evaluate.add_argument("name", metavar="RUN")
    evaluate.add_argument("--corpus", metavar="SPEC")

    sample = commands.add_parser("sample", help="let a run write")
    sample.set_defaults(run=_sample)
    sample.add_argument("name", metavar="RUN")
    sample.add_argument("--temperature", type=float, default=1.0)
    length = sample.add_mutually_exclusive_group()
    length.add_argument("--words", type=int, help="default: 1000")
    length.add_argument("--tokens", type=int)
    sample.add_argument("--seed", type=int)
    sample.add_argument("--prompt", default="")
    sample.add_argument("-o", "--output", type=Path)

    trace = commands.add_parser("trace", help="write every gate and state on a text as .npz")
    trace.set_defaults(run=_trace)
    trace.add_argument("name", metavar="RUN")
    trace.add_argument("--text", required=True)
    trace.add_argument("--gradients", action="store_true", help="of its predictions, too")
    trace.add_argument("-o", "--output", type=Path, default=Path("trace.npz"))

    runs = commands.add_parser("runs", help="list the runs there are")
    runs.set_defaults(run=_runs)
    return parser


def _train(options: argparse.Namespace) -> int:
    from rnnviz import TrainConfig, load_corpus
    from rnnviz._process import blocks_kept
    from rnnviz.jobs.fit import fit
    from rnnviz.jobs.start import pick_device
    from rnnviz.runs.names import runs_folder
    from rnnviz.training.distributed import on_rank_zero, rows, size

    if options.minutes is options.epochs is options.steps is None:
        options.minutes = 3.0
    fields = ("optimizer", "lr", "clip", "batch_size", "sequence_length")
    fields += ("minutes", "epochs", "steps", "seed")
    config = TrainConfig(**{name: getattr(options, name) for name in fields})
    rows(config.batch_size)
    folder = options.out or runs_folder()
    device = pick_device(options.device)
    corpus = on_rank_zero(load_corpus, options.corpus, options.level, options.min_count)
    print(
        f"{corpus.name}: {len(corpus.train):,} tokens to train on, {len(corpus.valid):,} for "
        f"validation, vocabulary {len(corpus.vocab):,}; device {device}"
    )
    interrupted: list[int] = []

    def interrupt(*_) -> None:
        if interrupted and size() == 1:  # torchrun passes on what the terminal has sent already
            os._exit(130)
        interrupted.append(1)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        for rnn_type in options.rnn_type:
            run, state = on_rank_zero(_begin, options, corpus, config, rnn_type, folder)
            if run is None:
                continue
            run.model.to(device)
            with blocks_kept():
                records = fit(run, corpus, folder, state, lambda: bool(interrupted), options.half)
                with contextlib.closing(records):  # whatever ends the loop, what is learned is kept
                    _show(records, run.name)
            print(f"saved: {folder / run.name}")
            if on_rank_zero(bool, interrupted):
                print("interrupted; the same command with --resume goes on", file=STDERR)
                return 130
    finally:
        signal.signal(signal.SIGINT, before)
    return 0


def _begin(options: argparse.Namespace, corpus, config, rnn_type: str, folder: Path):
    """A new run and no state, one to go on with and its state, or neither if it is complete."""
    from rnnviz.jobs.start import claimed, new_run, resumed_run
    from rnnviz.runs.names import find_begun, run_name

    name = run_name(corpus.name, rnn_type)
    path = find_begun(name, folder) if options.resume else None
    if path is None:
        run = new_run(
            name,
            corpus,
            config,
            options.command_line,
            rnn_type=rnn_type,
            embedding_size=options.embedding_size or min(options.hidden_size, 128),
            hidden_size=options.hidden_size,
            num_hidden_layers=options.layers,
            dropout=options.dropout,
            tie_weights=options.tie_weights,
        )
        return claimed(run, folder), None
    if not (path / "resume.safetensors").exists():
        print(f"{path}: complete")
        return None, None
    return resumed_run(path, corpus)


def _show(records, name: str) -> None:
    """A progress bar: loss, perplexity, learning rate, tokens/s and time left."""
    from tqdm import tqdm

    valid = None
    with tqdm(
        total=1.0,
        desc=name,
        file=STDERR,
        bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}",
    ) as bar:
        for record in records:
            valid = valid if record.valid_loss is None else record.valid_loss
            text = f"step {record.step} loss {record.loss:.3f} ppl {perplexity(record.loss):,.1f}"
            if valid is not None:
                text += f" valid {valid:.3f}"
            text += f" lr {record.lr:.2g} {record.tokens / record.seconds:,.0f} tokens/s"
            bar.set_postfix_str(text, refresh=False)
            bar.update(record.progress - bar.n)


def perplexity(loss: float) -> float:
    """exp of nats a token; infinite where that is larger than a float."""
    return math.exp(loss) if loss < 700 else math.inf


def _import(options: argparse.Namespace) -> None:
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


def _eval(options: argparse.Namespace) -> None:
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


def _sample(options: argparse.Namespace) -> None:
    from rnnviz import generate, load_run
    from rnnviz._files import write
    from rnnviz.analysis import sweeps

    run = load_run(options.name)
    cuts = sweeps.SamplingOptions(options.seed)
    if options.tokens is None:
        words = 1000 if options.words is None else options.words
        text = sweeps.words(run, options.prompt, words, options.temperature, cuts)
    else:
        ids = run.ids(options.prompt)
        tokens = generate(run.model, ids, options.tokens, options.temperature, seed=options.seed)
        text = run.vocab.decode(tokens.tolist())
    if options.output:
        write(options.output, f"{text}\n".encode())
    else:
        print(text)


def _trace(options: argparse.Namespace) -> None:
    from rnnviz import load_run, trace_model

    run = load_run(options.name)
    ids = run.ids(options.text)
    if not len(ids):
        raise ValueError("the text is empty: give at least one token with --text")
    more = _gradients(run.model, ids) if options.gradients else {}
    trace_model(run.model, ids).save(options.output, more)
    print(f"saved: {options.output}")


def _gradients(model, ids) -> dict:
    """Norms of the last loss over all states (L,T), and of all losses over all inputs (T,T)."""
    from rnnviz import gradient_flow, influence

    flow = gradient_flow(model, ids)
    arrays = {"gradient.h_norm": flow.h_norm, "gradient.h": flow.h}
    if flow.c is not None:
        arrays |= {"gradient.c_norm": flow.c_norm, "gradient.c": flow.c}
    arrays |= {"influence.x": influence(model, ids, of="x", layer=0)}
    arrays |= {"influence.h": influence(model, ids)}
    return {name: tensor.numpy() for name, tensor in arrays.items()}


def _runs(options: argparse.Namespace) -> None:
    from rnnviz import list_runs

    for info in list_runs():
        loss = "-" if info.valid_loss is None else f"{info.valid_loss:.4f}"
        print(f"{info.name:32} {info.rnn_type:8} {info.corpus:16} valid {loss} nats  {info.path}")


if __name__ == "__main__":
    sys.exit(main())
