"""Files that become runs: downloaded runs, and models that were trained elsewhere.

Read are models of pytorch/examples' word_language_model and RNNModel's own state_dict.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz.data.corpus import fingerprint, make_corpus
from rnnviz.data.source import Source
from rnnviz.data.vocab import EOS, LEVELS, UNK, Vocab
from rnnviz.nn.cell_types import CELL_TYPES
from rnnviz.nn.model_config import MAX_LAYERS, MAX_SIZE, MAX_VOCABULARY, ModelConfig
from rnnviz.runs import archive, library
from rnnviz.runs.info import RunError, RunInfo
from rnnviz.runs.names import run_name
from rnnviz.runs.run import Run
from rnnviz.runs.store import versions
from rnnviz.runs.unpickle import Found, read_model
from rnnviz.runs.weights import fill

if TYPE_CHECKING:
    from torch import Tensor

NEVER = -1e4  # bias of a token that is never written: exp of it is exactly 0 in float32


def is_archive(raw: bytes) -> bool:
    """Whether a file is a run that was downloaded from rnnviz: it has its vocabulary in it."""
    return bool(archive.metadata(raw))


def import_file(raw: bytes, file: str, folder: Path, source: Source | None, **options) -> RunInfo:
    """Save what a file holds as a run of the user: a downloaded run, or a model.

    `options` are those of `import_model`. Raises RunError or CorpusError with one sentence.
    """
    if is_archive(raw):
        return archive.unpack(raw, folder, options.get("name", ""))
    return library.keep(import_model(raw, file, source, **options), folder)


def import_model(
    raw: bytes,
    file: str,
    source: Source | None,
    *,
    spec: str = "",
    rnn_type: str | None = None,
    name: str = "",
    command: str = "",
) -> Run:
    """A model in a file as a run that is not saved yet; its corpus gives the vocabulary.

    Raises RunError or CorpusError with one sentence.
    """
    from rnnviz.nn.evaluation import evaluate
    from rnnviz.nn.model import RNNModel

    found = read_model(raw, file)
    options = describe(found, file, rnn_type)
    if source is None:
        raise RunError(
            f"{file} has no vocabulary: give the corpus that it was trained on, "
            "a folder with train.txt, valid.txt and test.txt or the name of a corpus"
        )
    vocab, cue = _vocabulary(found, source)
    tensors = found.tensors
    if len(vocab) > options["vocab_size"]:
        tensors, options["vocab_size"] = _with_unknown(tensors), len(vocab)
    model = RNNModel(**options)
    fill(model, tensors, Path(file))
    model.eval()
    valid = _ids(vocab, source.texts[1])
    info = RunInfo(
        name=name or run_name(source.name, model.rnn_type),
        model=options,
        vocab=vocab,
        corpus=source.name,
        fingerprint=fingerprint(source),
        spec=spec,
        cue=cue,
        valid_loss=evaluate(model, valid, cue) if len(valid) > 1 else None,
        command=command,
        versions=versions(),
    )
    return Run(info, model)


def describe(found: Found, file: str, rnn_type: str | None = None) -> ModelConfig:
    """The arguments of RNNModel, read off the tensors' shapes. Raises RunError.

    `rnn_type` is needed for an RNN alone, whose tanh or relu no tensor shows.
    """
    import torch

    tensors = found.tensors
    _check_plain(found, file)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    table, recurrent = shapes.get("embedding.weight", ()), shapes.get("rnn.weight_hh_l0", ())
    if len(table) != 2 or len(recurrent) != 2 or 0 in table + recurrent:
        raise RunError(
            f"{file} is no recurrent language model: it lacks encoder.weight and "
            "rnn.weight_hh_l0 (or embedding.weight), each with two dimensions"
        )
    (rows, hidden), (vocab, embedding) = recurrent, table
    layers = sum(re.fullmatch(r"rnn\.weight_hh_l\d+", name) is not None for name in shapes)
    told = _cell_type(found, file, rows, hidden, rnn_type)
    too_wide = vocab >= MAX_VOCABULARY or max(embedding, hidden) > MAX_SIZE
    if too_wide or layers > MAX_LAYERS:
        raise RunError(
            f"{file} is too large: a vocabulary of {vocab:,}, {hidden:,} units and {layers} "
            f"layers, where {MAX_VOCABULARY - 1:,}, {MAX_SIZE:,} and {MAX_LAYERS} are the most"
        )
    config = ModelConfig(
        rnn_type=told,
        vocab_size=vocab,
        embedding_size=embedding,
        hidden_size=hidden,
        num_hidden_layers=layers,
        dropout=0.0,
        tie_weights=(vocab, hidden) == table == shapes.get("projection.weight")
        and torch.equal(tensors["embedding.weight"], tensors["projection.weight"]),
    )
    _check_shapes(found, file, config)
    return config


def _check_plain(found: Found, file: str) -> None:
    """Raises RunError for anything but dense numbers on the CPU, all of them in the file."""
    import torch

    for name, tensor in found.tensors.items():
        plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        plain = plain and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or tensor.nbytes > tensor.untyped_storage().nbytes():  # expanded
            raise RunError(f"{file} has no plain numbers at {_theirs(found, name)}")


def _cell_type(found: Found, file: str, rows: int, hidden: int, wanted: str | None) -> str:
    """The cell type whose weight_hh has so many rows; of several the one that is `wanted` or that
    the file names. Raises RunError."""
    fitting = [name for name, cell in CELL_TYPES.items() if cell.blocks * hidden == rows]
    told = wanted or found.rnn_type or (fitting[0] if len(fitting) == 1 else None)
    if not fitting:
        raise RunError(
            f"{file} is no LSTM, GRU or RNN: its rnn.weight_hh_l0 is {rows:,} by {hidden:,}"
        )
    if told is None:
        raise RunError(
            f"{file} is an RNN, and its tensors do not show whether its nonlinearity is tanh or "
            "relu: say RNN_TANH or RNN_RELU (--rnn-type)"
        )
    if told not in fitting or found.rnn_type not in (None, told):
        raise RunError(f"{file} is no {told} but {found.rnn_type or ' or '.join(fitting)}")
    return told


def _check_shapes(found: Found, file: str, config: ModelConfig) -> None:
    """Raises RunError unless the tensors are those of RNNModel by name and shape."""
    import torch

    from rnnviz.nn.model import RNNModel

    with torch.device("meta"):
        wanted = {n: tuple(t.shape) for n, t in RNNModel(**config).state_dict().items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.tensors.items()}
    if shapes != wanted:
        odd = sorted(set(wanted.items()) ^ set(shapes.items()))[0][0]
        raise RunError(
            f"{file}: {_theirs(found, odd)} is {shapes.get(odd, 'not there')}, "
            f"{wanted.get(odd, 'nothing')} was expected"
        )


def _theirs(found: Found, name: str) -> str:
    """A tensor's name as it stands in the file."""
    if found.examples:
        name = name.replace("embedding.", "encoder.").replace("projection.", "decoder.")
    return repr(name[:80])


def _vocabulary(found: Found, source: Source) -> tuple[Vocab, int | None]:
    """The tokens of a model, from the texts that it was trained on, and the cue of its task."""
    rows = len(found.tensors["embedding.weight"])
    if found.examples:
        tokens = dictionary(source.texts)
        if len(tokens) == rows:
            return Vocab(tokens if UNK in tokens else (*tokens, UNK), "space"), None
        sizes = f"{len(tokens):,} words"
    else:
        sizes = ""
        for level in LEVELS:
            corpus = make_corpus(source, level)
            if len(corpus.vocab) == rows:
                return corpus.vocab, corpus.cue
            sizes += f"{' or ' if sizes else ''}{len(corpus.vocab):,} by {level}"
    raise RunError(
        f"the model has a vocabulary of {rows:,}, and {source.name} has {sizes}: "
        "it was trained on another text"
    )


def dictionary(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The words of train, valid and test text in the order of first appearance, `<eos>` after
    each line: this is how word_language_model numbers them."""
    lines = (line for text in texts for line in io.StringIO(text))
    return tuple(dict.fromkeys(word for line in lines for word in (*line.split(), EOS)))


def _with_unknown(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights with one more token, `<unk>`: read as the mean of all words, never written.

    Its bias makes its probability exactly 0, so that every loss stays as it was.
    """
    import torch

    table, out = tensors["embedding.weight"].float(), tensors["projection.weight"].float()
    never = torch.full((1,), NEVER)
    return tensors | {
        "embedding.weight": torch.cat((table, table.mean(0, keepdim=True))),  # (V+1,D)
        "projection.weight": torch.cat((out, out.mean(0, keepdim=True))),  # (V+1,H)
        "projection.bias": torch.cat((tensors["projection.bias"].float(), never)),  # (V+1,)
    }


def _ids(vocab: Vocab, text: str) -> Tensor:
    import torch

    return torch.from_numpy(vocab.encode(text))
