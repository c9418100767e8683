"""Files that become runs: downloaded runs, and models that were trained elsewhere.

A model's way: `torch_file` and safetensors give what a file holds (`other_files` says what cannot
be read), `checkpoint` and `divided` find the model in it, `folding`, `recurrent`, `candidates` and
`ends` name its parts, `described` its sizes, `held_tokens` or `vocabularies` its tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rnnviz.data.corpus import fingerprint
from rnnviz.data.source import Source
from rnnviz.data.vocab import Vocab
from rnnviz.nn.model_config import ModelConfig, shape_of, with_vocabulary
from rnnviz.runs import archive, library, vocabularies
from rnnviz.runs.advice import WITH_TOKENS, save
from rnnviz.runs.described import describe, told_types
from rnnviz.runs.divided import find_model
from rnnviz.runs.held_tokens import in_file, other_count
from rnnviz.runs.info import RunInfo
from rnnviz.runs.names import run_name
from rnnviz.runs.other_files import refuse_other, refuse_part
from rnnviz.runs.parts import Found, read_map
from rnnviz.runs.run import Run
from rnnviz.runs.store import versions
from rnnviz.runs.tokens import named, text_for
from rnnviz.runs.torch_file import Contents, damaged, is_torch_file, read_torch
from rnnviz.runs.weights import fill

if TYPE_CHECKING:
    from torch import Tensor

    from rnnviz.nn.model import RNNModel

NEVER = -1e4  # bias of a token that is never written: exp of it is exactly 0 in float32
FEW = 2_000  # tokens on which orders of a vocabulary are compared
LEARNED = 0.8  # of the loss of chance: what a trained model has where its tokens are the right ones


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
    parts: Iterable[str] = (),
    name: str = "",
    command: str = "",
) -> Run:
    """A model in a file as a run that is not saved yet.

    Its vocabulary is in the file, or that of the corpus it was trained on. `parts`: what the file
    calls those that shapes and names do not tell, such as `embedding=embed.weight`. Raises
    RunError or CorpusError with one sentence.
    """
    contents = read_contents(raw, file)
    found = find_model(contents, file, read_map(parts))
    config = describe(found, file, told_types(contents.held), rnn_type)
    vocab, cue = _vocabulary(found, contents, config, source, file)
    model = _model(found, config, vocab, file)
    corpus = source.name if source else Path(file).stem
    info = RunInfo(
        name=name or run_name(corpus, model.rnn_type),
        model=model.config,
        vocab=vocab,
        corpus=corpus,
        fingerprint=fingerprint(source) if source else "",
        spec=spec,
        cue=cue,
        valid_loss=_loss(model, vocab, cue, source.texts[1]) if source else None,
        command=command,
        versions=versions(),
    )
    return Run(info, model)


def read_contents(raw: bytes, file: str) -> Contents:
    """What a .safetensors file or one of torch.save holds. Raises RunError for anything else."""
    refuse_part(file)
    if is_torch_file(raw):
        return read_torch(raw, file)
    if not archive.header(raw):
        raise refuse_other(raw, file)
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        beside = archive.header(raw).get("__metadata__", {})
        return Contents([load(raw), beside])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise damaged(file, error) from None


def doubt(info: RunInfo, file: str) -> str:
    """What a person should know of an imported model that predicts its text worse than chance, as
    one does whose tokens are taken in a wrong order; "" for all others, and for runs of rnnviz."""
    chance = math.log(len(info.vocab))
    if info.config or info.valid_loss is None or info.valid_loss <= chance:
        return ""
    return (
        f"{info.name} predicts {info.corpus} no better than guessing: {info.valid_loss:.2f} nats a "
        f"token, where guessing among {len(info.vocab):,} tokens has {chance:.2f}. Unless it is "
        "untrained, it was trained on another text, or the order of its tokens could not be found: "
        f"save their list with it and import it again: {save(WITH_TOKENS, file)}"
    )


def _vocabulary(
    found: Found, contents: Contents, config: ModelConfig, source: Source | None, file: str
) -> vocabularies.Choice:
    """The vocabulary in the file, else that of the corpus. Raises RunError."""
    rows, text = config["vocab_size"], source.texts[1] if source else ""

    def held(short: bool) -> list[vocabularies.Choice]:
        lists = in_file(contents, rows, file, choose=source is not None, short=short)
        choices = [(named(tokens, text, file), None) for tokens in lists]
        if choices and source:
            is_whole = len(choices[0][0]) == rows
            vocabularies.check_known(choices[0][0], is_whole, source, file)
        return choices

    choices = held(short=False)
    if source and not choices:
        choices = vocabularies.of_source(source, rows, found.examples)
    choices = choices or held(short=True)
    if not choices:
        raise vocabularies.unknown_order(found, rows, file, other_count(contents, rows), source)
    if source is None:
        return choices[0]
    if len(choices) == 1:
        return choices[0]
    losses = [
        _loss(_model(found, config, vocab, file), vocab, cue, text, FEW) or 0.0
        for vocab, cue in choices
    ]
    best = min(range(len(choices)), key=losses.__getitem__)
    return choices[best if losses[best] < LEARNED * math.log(rows) else 0]


def _model(found: Found, config: ModelConfig, vocab: Vocab, file: str) -> RNNModel:
    """The model of a file, in eval mode, with `<unk>` where its vocabulary has none."""
    from rnnviz.nn.model import RNNModel

    more = len(vocab) > config["vocab_size"]
    model = RNNModel(**with_vocabulary(shape_of(config), len(vocab)))
    fill(model, _with_unknown(found.tensors) if more else found.tensors, Path(file))
    return model.eval()


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


def _loss(
    model: RNNModel, vocab: Vocab, cue: int | None, text: str, most: int | None = None
) -> float | None:
    """Nats a token of a text, or of its first tokens; None for a text too short to predict."""
    import torch

    from rnnviz.nn.evaluation import evaluate

    ids = torch.from_numpy(vocab.encode(text_for(vocab, text))[:most])
    return evaluate(model, ids, cue) if len(ids) > 1 else None
