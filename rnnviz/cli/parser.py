"""The options of every command, one function a command."""

from __future__ import annotations

import argparse
from pathlib import Path

import rnnviz
from rnnviz._paths import user_path
from rnnviz.cli import commands
from rnnviz.cli.train import train
from rnnviz.training import recipes


class _Parser(argparse.ArgumentParser):
    """Tells errors in one line, as the commands do."""

    def error(self, message: str):
        self.exit(2, f"rnnviz: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """Parses a command line into options, whose `run` is the function of the command."""
    parser = _Parser(prog="python -m rnnviz", description=rnnviz.__doc__)
    parser.add_argument("--version", action="version", version=f"rnnviz {rnnviz.__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(subparsers)
    _add_import(subparsers)
    _add_eval(subparsers)
    _add_sample(subparsers)
    _add_trace(subparsers)
    _add_runs(subparsers)
    _add_app(subparsers)
    return parser


def _path(text: str) -> Path:
    """A path that may begin with `~`: the shell leaves it in `--out=~/runs`."""
    try:
        return user_path(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_train(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("train", help="train one or more models on a corpus")
    parser.set_defaults(run=train, command_line="")
    _add_model_options(parser)
    parser.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    parser.add_argument("--lr", type=float, help=_usual("lr", "by cell type and optimizer"))
    parser.add_argument("--clip", type=float, help=f"of the gradient norm; {_usual('clip')}")
    parser.add_argument("--batch-size", type=int, help=_usual("batch_size"))
    parser.add_argument("--sequence-length", type=int, default=64, help="of truncated BPTT")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--epochs", type=int)
    budget.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    _add_out(parser)
    parser.add_argument("--half", action="store_true", help="store the weights as float16")
    parser.add_argument("--name", default="", help="default: by corpus and cell type")
    begin = "go on with the run that this text and these settings made; a new budget may be given"
    parser.add_argument("--resume", action="store_true", help=begin)
    begin = "begin with the weights of another run, of the same vocabulary and shape"
    parser.add_argument("--from", dest="origin", metavar="RUN", help=begin)


def _usual(setting: str, of_text: str = "") -> str:
    """What stands where a setting is not given: one value for texts, one for made tasks."""
    text = of_text or getattr(recipes.TEXT, setting)
    return f"default: {text}; for made tasks {getattr(recipes.TASK, setting)}"


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    """The corpus and what is trained on it."""
    parser.add_argument("--corpus", required=True, metavar="SPEC", help="name, file or folder")
    parser.add_argument("--level", choices=("char", "word"), default="char")
    parser.add_argument("--min-count", type=int, default=1, help="rarer tokens become <unk>")
    parser.add_argument("--rnn-type", nargs="+", default=["LSTM"], choices=rnnviz.RNN_TYPES)
    parser.add_argument("--embedding-size", type=int, help="default: the hidden size, at most 128")
    parser.add_argument("--hidden-size", type=int, help=_usual("hidden_size"))
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--dropout", type=float, help=_usual("dropout"))
    parser.add_argument("--tie-weights", action="store_true")
    keeps = "initial bias of the LSTM's forget gate, the GRU's update gate; default: PyTorch's"
    parser.add_argument("--forget-bias", type=float, help=keeps)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=_path, metavar="DIR", help="default: RNNVIZ_RUNS or runs/")


def _add_import(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("import", help="make a run of another program's model")
    parser.set_defaults(run=commands.import_file, command_line="")
    parser.add_argument("file", type=_path, metavar="FILE", help="of torch.save, or .safetensors")
    parser.add_argument("--corpus", metavar="SPEC", help="what it was trained on: folder or name")
    parser.add_argument("--rnn-type", choices=rnnviz.RNN_TYPES, help="of a bare RNN: tanh or relu")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="PART=NAME",
        help="what the file calls embedding (or one-hot), rnn or projection; repeatable",
    )
    parser.add_argument("--name", default="", help="default: by corpus and cell type")
    _add_out(parser)


def _add_eval(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("eval", help="loss of a run on its text or another")
    parser.set_defaults(run=commands.evaluate)
    parser.add_argument("name", metavar="RUN")
    parser.add_argument("--corpus", metavar="SPEC")


def _add_sample(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("sample", help="let a run write")
    parser.set_defaults(run=commands.sample)
    parser.add_argument("name", metavar="RUN")
    parser.add_argument("--temperature", type=float, default=1.0)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--words", type=int, help="default: 1000")
    length.add_argument("--tokens", type=int)
    parser.add_argument("--top-k", type=int, help="of the likeliest K tokens alone")
    parser.add_argument("--top-p", type=float, help="of the fewest that reach this probability")
    parser.add_argument("--seed", type=int, help="default: another one each time, which is said")
    parser.add_argument("--prompt", default="")
    parser.add_argument("-o", "--output", type=_path)


def _add_trace(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("trace", help="write every gate and state on a text as .npz")
    parser.set_defaults(run=commands.trace)
    parser.add_argument("name", metavar="RUN")
    parser.add_argument("--text", required=True)
    parser.add_argument("--gradients", action="store_true", help="of its predictions, too")
    parser.add_argument("-o", "--output", type=_path, default=Path("trace.npz"))


def _add_runs(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("runs", help="list the runs there are")
    parser.set_defaults(run=commands.runs)
    group = "with the recall group: models that each learned over one distance"
    parser.add_argument("--all", action="store_true", help=group)


def _add_app(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("app", help="open the app in a browser")
    parser.set_defaults(run=commands.app)
    parser.add_argument("--port", type=int, help="default: 8501, or the next one that is free")
    parser.add_argument("--host", help="address to listen on; default: 127.0.0.1")
    parser.add_argument("--base-url-path", metavar="PATH", help="of the app behind a proxy")
