"""Models of others as runs: those of pytorch/examples' word_language_model, and RNNModel's own.

Nothing of a file runs: only tensors and the shells of a few module classes are unpickled, and
every name in the pickle is looked at before torch reads it.
"""

from __future__ import annotations

import io
import pickletools
import re
import threading
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnviz import RNN_TYPES, archive
from rnnviz.corpora import Source
from rnnviz.data import EOS, LEVELS, UNK, Vocab, fingerprint, make_corpus
from rnnviz.runinfo import MAX_LAYERS, MAX_SIZE, RunError, RunInfo
from rnnviz.runs import Run, fill, run_name, versions

if TYPE_CHECKING:
    from torch import Tensor

CONVERT = 'torch.save(model.state_dict(), "model.pt")'
MAX_PICKLE = 2**20  # bytes; that of a model holds a few names and sizes
PARTS = {"embedding": "embedding", "rnn": "rnn", "projection": "projection"}
PARTS |= {"encoder": "embedding", "decoder": "projection"}  # word_language_model's names
MODULES = ("sparse.Embedding", "rnn.LSTM", "rnn.GRU", "rnn.RNN", "linear.Linear", "dropout.Dropout")
SHELLS = ("model.RNNModel", "__main__.RNNModel", "rnnviz.model.RNNModel")
SHELLS += tuple(f"torch.nn.modules.{name}" for name in MODULES)
PLAIN = {f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16")}
PLAIN |= {"torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"}
PLAIN |= {"collections.OrderedDict", "__builtin__.set", "builtins.set"}
TIED = ("embedding.weight", "projection.weight")
NEVER = -1e4  # bias of a token that a model has not: exp of it is exactly 0 in float32
_loading = threading.Lock()  # torch keeps what may be unpickled in one global set


class _Shell:
    """Stands for a module class of a file: takes its attributes, does nothing."""


@dataclass(frozen=True, eq=False)
class Found:
    """A model in a file: tensors by the names of RNNModel, and what they cannot tell.

    `examples`: whether it is word_language_model's; `rnn_type`: None for a bare state_dict.
    """

    tensors: dict[str, Tensor]
    examples: bool
    rnn_type: str | None = None


def bring_in(raw: bytes, file: str, folder: Path, source: Source | None, **options) -> RunInfo:
    """Save what a file holds as a run of the user: a run of `archive.pack`, or a model.

    `options` are those of `import_run`. Raises RunError or CorpusError with one sentence.
    """
    if archive.metadata(raw):
        return archive.unpack(raw, folder, options.get("name", ""))
    return archive.keep(import_run(raw, file, source, **options), folder)


def import_run(
    raw: bytes,
    file: str,
    source: Source | None,
    *,
    spec: str = "",
    rnn_type: str | None = None,
    name: str = "",
    command: str = "",
) -> Run:
    """A model in a file as a run that is not saved yet; the vocabulary comes from its corpus.

    Raises RunError or CorpusError with one sentence.
    """
    from rnnviz.evaluation import evaluate
    from rnnviz.model import RNNModel

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


def read_model(raw: bytes, file: str) -> Found:
    """The tensors in a .pt or .safetensors file. Raises RunError for anything else."""
    if raw[:2] == b"PK":
        held = _unpickle(raw, file)
    elif archive.header(raw):
        held = _safetensors(raw, file)
    else:
        raise RunError(
            f"{file} is no model: a .safetensors file, or a .pt file that torch.save of "
            "PyTorch 1.6 or newer wrote, is read"
        )
    rnn_type = None
    if isinstance(held, _Shell):
        held, rnn_type = _flat(held)
    tensors: dict[str, Tensor] = {}
    examples = False
    for key, tensor in _items(held):
        key = key if isinstance(key, str) else ""
        part, _, rest = key.partition(".")
        if part not in PARTS or not rest:
            what = repr(key[:80]) if key else "more than tensors by name"
            what = "a transformer" if part in ("input_emb", "pos_encoder") else what
            raise RunError(
                f"{file} holds {what}: an LSTM, GRU or RNN with encoder and decoder, or "
                "embedding and projection, is read"
            )
        tensors[f"{PARTS[part]}.{rest}"] = tensor
        examples |= part in ("encoder", "decoder")
    for here, there in (TIED, TIED[::-1]):  # a tied matrix may be stored once, under either name
        if here in tensors:
            tensors.setdefault(there, tensors[here])
    return Found(tensors, examples, rnn_type)


def _safetensors(raw: bytes, file: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(raw)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{file} is damaged ({error})"[:300]) from None


def _unpickle(raw: bytes, file: str) -> Any:
    """What torch.save wrote: tensors and shells. Refuses any other name before torch reads."""
    import torch

    _look(raw, file)
    shells = [(_Shell, name) for name in SHELLS]
    try:
        with _loading, torch.serialization.safe_globals(shells):
            return torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged pickle makes torch raise
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise RunError(f"{file} is damaged, or torch.save did not write it ({reason})") from None


def _look(raw: bytes, file: str) -> None:
    """Refuse a zip that grows when it is read, and a pickle that names what is not known."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as parts:
            entries = parts.infolist()
            if sum(entry.file_size for entry in entries) > len(raw):
                raise RunError(f"{file} grows when it is read, which no file of torch.save does")
            pickles = [e for e in entries if e.filename.rpartition("/")[2] == "data.pkl"]
            if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE:
                raise RunError(f"{file} is a zip file, but none that torch.save wrote")
            held = parts.read(pickles[0])
        names = [_named(code.name, what) for code, what, _ in pickletools.genops(held)]
    except RunError:
        raise
    except Exception as error:  # whatever a damaged zip file makes zipfile raise
        raise RunError(f"{file} is damaged ({error})"[:300]) from None
    for name in filter(None, names):
        if "Transformer" in name:
            raise RunError(f"{file} holds a transformer: an LSTM, GRU or RNN is read")
        if name not in PLAIN and name not in SHELLS:
            raise RunError(
                f"{file} needs {name[:80]!r}, which is not read here; convert the file where "
                f"it was made: {CONVERT}"
            )


def _named(code: str, what: Any) -> str | None:
    """What a pickle's instruction imports."""
    if code in ("GLOBAL", "INST"):
        return what.replace(" ", ".", 1)
    return "a name put together at run time" if code == "STACK_GLOBAL" else None


def _flat(shell: _Shell) -> tuple[dict[str, Any], str | None]:
    """Tensors of a whole module by name, and its cell type as its own attributes give it."""
    modules = dict(_items(vars(shell).get("_modules")))
    parts = {part: vars(modules[part]) for part in PARTS if isinstance(modules.get(part), _Shell)}
    flat = {
        f"{part}.{name}": tensor
        for part, attributes in parts.items()
        for name, tensor in _items(attributes.get("_parameters"))
        if isinstance(name, str)
    }
    mode = parts.get("rnn", {}).get("mode")
    return flat, mode if isinstance(mode, str) and mode in RNN_TYPES else None


def _items(held: Any) -> Iterable[tuple[Any, Any]]:
    """Of a dict its items, whatever methods a pickle has hidden by attributes; else nothing."""
    return dict.items(held) if isinstance(held, dict) else ()


def describe(found: Found, file: str, rnn_type: str | None = None) -> dict[str, Any]:
    """The arguments of RNNModel, read off the tensors' shapes. Raises RunError.

    `rnn_type` is needed for an RNN alone, whose tanh or relu no tensor shows.
    """
    import torch

    from rnnviz.model import RNNModel

    tensors = found.tensors
    for name, tensor in tensors.items():
        plain = isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided
        plain = plain and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or tensor.nbytes > tensor.untyped_storage().nbytes():  # expanded
            raise RunError(f"{file} has no plain numbers at {_theirs(found, name)}")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    table, recurrent = shapes.get("embedding.weight", ()), shapes.get("rnn.weight_hh_l0", ())
    if len(table) != 2 or len(recurrent) != 2 or 0 in table + recurrent:
        raise RunError(
            f"{file} is no recurrent language model: it lacks encoder.weight and "
            "rnn.weight_hh_l0 (or embedding.weight), each with two dimensions"
        )
    (rows, hidden), (vocab, embedding) = recurrent, table
    seen = {4 * hidden: ("LSTM",), 3 * hidden: ("GRU",), hidden: RNN_TYPES[2:]}.get(rows, ())
    told = rnn_type or found.rnn_type or (seen[0] if len(seen) == 1 else None)
    if not seen:
        raise RunError(
            f"{file} is no LSTM, GRU or RNN: its rnn.weight_hh_l0 is {rows:,} by {hidden:,}"
        )
    if told is None:
        raise RunError(
            f"{file} is an RNN, and its tensors do not show whether its nonlinearity is tanh or "
            "relu: say RNN_TANH or RNN_RELU (--rnn-type)"
        )
    if told not in seen or found.rnn_type not in (None, told):
        raise RunError(f"{file} is no {told} but {found.rnn_type or ' or '.join(seen)}")
    layers = sum(re.fullmatch(r"rnn\.weight_hh_l\d+", name) is not None for name in shapes)
    if max(vocab, embedding, hidden) >= MAX_SIZE or layers > MAX_LAYERS:
        raise RunError(
            f"{file} is too large: a vocabulary of {vocab:,}, {hidden:,} units and {layers} "
            f"layers, where {MAX_SIZE - 1:,} and {MAX_LAYERS} are the most"
        )
    options = {
        "rnn_type": told,
        "vocab_size": vocab,
        "embedding_size": embedding,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "dropout": 0.0,
        "tie_weights": (vocab, hidden) == table == shapes.get("projection.weight")
        and torch.equal(tensors["embedding.weight"], tensors["projection.weight"]),
    }
    with torch.device("meta"):
        wanted = {n: tuple(t.shape) for n, t in RNNModel(**options).state_dict().items()}
    if shapes != wanted:
        odd = sorted(set(wanted.items()) ^ set(shapes.items()))[0][0]
        raise RunError(
            f"{file}: {_theirs(found, odd)} is {shapes.get(odd, 'not there')}, "
            f"{wanted.get(odd, 'nothing')} was expected"
        )
    return options


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
    """The words of train, valid and test text in order of first appearance, `<eos>` after each
    line: the place of a word is its id in word_language_model."""
    lines = (line for text in texts for line in io.StringIO(text))
    return tuple(dict.fromkeys(word for line in lines for word in (*line.split(), EOS)))


def _with_unknown(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """One more token, for `<unk>`: read as the mean of all words, never written.

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
