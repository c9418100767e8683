"""Language models that others' programs made, in the forms they save them: the imported run has the
source model's own loss, and what a refusal advises works to its end."""

import argparse
import io
import json
import pickle
import re
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict, defaultdict
from itertools import accumulate, pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_safetensors
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from rnnviz import RunError, load_run, record, trace
from rnnviz.__main__ import main
from rnnviz.data.source import Source
from rnnviz.runs import importing, torch_file, unpickle
from rnnviz.runs.checkpoint import groups
from rnnviz.runs.recurrent import Ambiguous

TEXT = "the cat sat on the mat .\nso it was , and a dog came by\n" * 20
VALID = "a dog sat by the cat\n" * 8
SOURCE = Source("pets", (TEXT, VALID, VALID), spaced=True)
CHARS = sorted(set(TEXT))
WORDS = list(dict.fromkeys(TEXT.replace("\n", " <eos> ").split()))


def valid_ids(level="char"):
    """Ids of the validation text, as the source's own program numbers them."""
    if level == "char":
        return torch.tensor([CHARS.index(c) for c in VALID])
    words = VALID.replace("\n", " <eos> ").split()
    return torch.tensor([WORDS.index(word) for word in words])


class Model(nn.Module):
    """Embedding, recurrent module and linear layer under names of one's own."""

    def __init__(self, names="embed lstm linear", kind="LSTM", size=None, d=5, h=7, **more):
        super().__init__()
        torch.manual_seed(3)
        self.names = names.split()
        size = size or len(CHARS)
        embed, rnn, linear = self.names
        self.add_module(embed, nn.Embedding(size, d))
        self.add_module(rnn, getattr(nn, kind)(d, h, **{"num_layers": 2, **more}))
        self.add_module(linear, nn.Linear(h, size, bias=more.get("bias", True)))

    def forward(self, ids):
        embed, rnn, linear = (getattr(self, name) for name in self.names)
        return linear(rnn(embed(ids)[:, None])[0][:, 0])  # (T,V)


@torch.no_grad()
def loss(model, level="char"):
    ids = valid_ids(level)
    return F.cross_entropy(model.eval()(ids[:-1]), ids[1:]).item()


class Vocabulary:
    """As torchtext's."""

    __module__, __qualname__ = "torchtext.vocab", "Vocab"

    def __init__(self, tokens):
        self.itos, self.stoi = tokens, defaultdict(int, numbered(tokens))


class Whole(Model):
    """A module of a class whose name is known."""

    __module__, __qualname__ = "model", "RNNModel"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    (tmp_path / "pets").mkdir()
    for part, text in zip(("train", "valid", "test"), SOURCE.texts, strict=True):
        (tmp_path / "pets" / f"{part}.txt").write_text(text, encoding="utf-8")
    for kind in (AttributeDict, Vocabulary, Whole):
        module = SimpleNamespace(**{kind.__qualname__: kind})
        for name in accumulate(kind.__module__.split("."), "{}.{}".format):
            monkeypatch.setitem(sys.modules, name, module)
    return tmp_path


def saved(what, **options) -> bytes:
    file = io.BytesIO()
    torch.save(what, file, **options)
    return file.getvalue()


def imported(raw, source=SOURCE, **options):
    return importing.import_model(raw, "m.pt", source, **options)


def refused(raw, source=SOURCE, file="m.pt", kind=RunError, **options) -> str:
    with pytest.raises(kind) as error:
        importing.import_model(raw, file, source, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def follow(sentence: str, **names) -> bytes:
    """The file that the line of Python in a refusal writes."""
    code = re.search(r"(import [^;]*; )?torch\.save\(.*\)", sentence)[0]
    exec(code, {"torch": torch, **names})
    return Path("for_rnnviz.pt").read_bytes()


def prefixed(state, prefix):
    return OrderedDict((prefix + name, tensor) for name, tensor in state.items())


def trained_once(model):
    optimizer = torch.optim.Adam(model.parameters())
    F.cross_entropy(model(valid_ids()[:5]), valid_ids()[1:6]).backward()
    optimizer.step()
    return optimizer.state_dict()


class AttributeDict(dict):
    """As Lightning's."""

    __module__, __qualname__ = "lightning.fabric.utilities.data", "AttributeDict"


def lightning(model):
    return {
        "epoch": 1,
        "global_step": 9,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": prefixed(model.state_dict(), "model."),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'v'}": {"best_model_score": torch.tensor(1.5)}},
        "optimizer_states": [trained_once(model)],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": AttributeDict(lr=1e-3, hidden=7),
    }


CHECKPOINTS = {
    **{
        f"prefix {prefix}": lambda model, prefix=prefix: prefixed(model.state_dict(), prefix)
        for prefix in ("module.", "_orig_mod.", "model.", "net.core.", "module._orig_mod.")
    },
    **{
        f"under {key}": lambda model, key=key: {
            "epoch": 3,
            key: model.state_dict(),
            "optimizer": trained_once(model),
            "args": argparse.Namespace(lr=0.1, out=Path("x"), device=torch.device("cpu")),
            "best": np.float64(1.5),
            "history": np.zeros(3),
            "counts": Counter("abc"),
        }
        for key in ("model", "state_dict", "model_state_dict", "anything")
    },
    "lightning": lightning,
    "each part for itself": lambda model: (
        {name: getattr(model, name).state_dict() for name in model.names}
        | {"optim": trained_once(model)}
    ),
    "in a list": lambda model: [model.state_dict(), None, trained_once(model)],
    "whole numbers beside": lambda model: (
        model.state_dict()
        | {
            "step": torch.tensor(3),
            "norm.num_batches_tracked": torch.tensor(1),
            "position_ids": torch.arange(7)[None],
            "mask": torch.ones(7, 7, dtype=torch.bool),
        }
    ),
    "float64": lambda model: model.double().state_dict(),
}


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("form", CHECKPOINTS)
def test_a_checkpoint_has_its_models_loss(form, level):
    model = Model(size=len(CHARS if level == "char" else WORDS))
    held = CHECKPOINTS[form](model)
    run = imported(saved(held))
    model.float()
    assert run.vocab.id2token[:-1] == tuple(CHARS if level == "char" else WORDS)
    assert run.info.valid_loss == pytest.approx(loss(model, level), abs=1e-5)


@pytest.mark.parametrize("how", ["old", "protocol 4", "safetensors"])
def test_every_way_to_write_a_file(how):
    model = Model("word_embeddings gru out", "GRU", size=len(CHARS))
    model.gru.weight_hh_l0.data = model.gru.weight_hh_l0.data.t().contiguous().t()  # strides
    old = {"_use_new_zipfile_serialization": False}
    raw = {
        "old": lambda: saved(lightning(model), **old),
        "protocol 4": lambda: saved(lightning(model), pickle_protocol=4),
        "safetensors": lambda: save_safetensors(
            {k: v.contiguous() for k, v in model.state_dict().items()}
        ),
    }[how]()
    assert imported(raw).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.parametrize(
    ("names", "kind", "more"),
    [
        ("embedding lstm fc", "LSTM", {}),
        ("encoder rnn decoder", "RNN", {}),
        ("word_embeddings gru out", "GRU", {"bias": False}),
        ("embedding rnn projection", "RNN", {"nonlinearity": "relu"}),
        ("wte rnn lm_head", "LSTM", {"d": 7, "bias": False}),
        ("a b c", "LSTM", {"d": 7}),
    ],
)
def test_names_and_biases_are_ones_own(names, kind, more):
    model = Model(names, kind, **more)
    told = f"RNN_{more.get('nonlinearity', 'tanh').upper()}" if kind == "RNN" else None
    run = imported(saved(model.state_dict()), rnn_type=told)
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_a_module_that_is_itself_the_lstm_has_names_without_a_module():
    model = Model()
    state = {name.removeprefix("lstm."): tensor for name, tensor in model.state_dict().items()}
    assert imported(saved(state)).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_one_bias_of_two_and_the_nonlinearity_from_the_settings():
    model = Model("embed rnn out", "RNN", nonlinearity="relu")
    for name, tensor in model.rnn.named_parameters():
        if name.startswith("bias_hh"):
            tensor.data.zero_()
    state = {k: v for k, v in model.state_dict().items() if "bias_hh" not in k}
    run = imported(saved({"model": state, "config": {"nonlinearity": "relu"}}))
    assert run.info.rnn_type == "RNN_RELU"
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


class Stack(nn.Module):
    """One-layer modules one upon another."""

    def __init__(self, make=nn.LSTM, sizes=(6, 6, 6), tied=True):
        super().__init__()
        torch.manual_seed(3)
        self.encoder = nn.Embedding(len(CHARS), sizes[0])
        self.rnns = nn.ModuleList(make(d, h) for d, h in pairwise(sizes))
        self.decoder = nn.Linear(sizes[-1], len(CHARS))
        if tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, ids):
        x = self.encoder(ids)
        for rnn in self.rnns:
            if isinstance(rnn, nn.LSTM):
                x = rnn(x[:, None])[0][:, 0]
                continue
            outputs, state = [], None
            for step in x:
                state = rnn(step[None], state)
                outputs.append(state[0] if isinstance(state, tuple) else state)
            x = torch.cat(outputs)
        return self.decoder(x)


def salesforce(state):
    return {
        re.sub(r"(rnns\.\d)\.(weight_hh_l0|.*)", lambda m: f"{m[1]}.module.{raw(m[2])}", name): t
        for name, t in state.items()
    }


def raw(name):
    return f"{name}_raw" if name == "weight_hh_l0" else name


def fastai(state):
    """Of a learner: the raw weights beside those of the last forward, and the table twice."""
    found = {"0.encoder.weight": state["encoder.weight"]}
    found["0.encoder_dp.emb.weight"] = state["encoder.weight"].clone()
    for name, tensor in state.items():
        if name.startswith("rnns"):
            stem, last = name.rsplit(".", 1)
            found[f"0.{stem}.module.{last}"] = tensor
            if last == "weight_hh_l0":
                found[f"0.{stem}.weight_hh_l0_raw"] = tensor
                found[f"0.{stem}.module.{last}"] = tensor * 2  # with a dropout of training
    return found | {f"1.{k}": v for k, v in state.items() if k.startswith("decoder")}


@pytest.mark.parametrize("form", [dict, salesforce, fastai])
def test_a_list_of_one_layer_modules_is_one_model(form):
    model = Stack()
    run = imported(saved(form(model.state_dict())))
    assert run.info.model["num_hidden_layers"] == 2
    assert run.info.model["tie_weights"]
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.parametrize("make", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_are_layers(make):
    model = Stack(make, tied=False)
    told = "RNN_TANH" if make is nn.RNNCell else None
    run = imported(saved(model.state_dict()), rnn_type=told)
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_layers_of_different_sizes_are_one_sentence_that_shows_what_works():
    model = Stack(sizes=(6, 9, 6))
    sentence = refused(saved(salesforce(model.state_dict())))
    assert "different sizes" in sentence
    assert "rnnviz.record(model)" in sentence
    with record(model) as traces, torch.no_grad():
        model(valid_ids())
    assert len(traces) == 2


PARAMETRIZED = {
    "weight_norm": lambda m: [
        parametrizations.weight_norm(m.lstm, f"weight_hh_l{n}") for n in (0, 1)
    ],
    "weight_norm across": lambda m: parametrizations.weight_norm(m.linear, dim=1),
    "weight_norm of all": lambda m: parametrizations.weight_norm(m.linear, dim=None),
    "old weight_norm": lambda m: weight_norm(m.lstm, "weight_ih_l1"),
    "spectral_norm": lambda m: parametrizations.spectral_norm(m.linear),
    "old spectral_norm": lambda m: spectral_norm(m.linear),
    "spectral_norm across": lambda m: parametrizations.spectral_norm(m.linear, dim=1),
    "old spectral_norm across": lambda m: spectral_norm(m.linear, dim=1),
    "pruning": lambda m: prune.random_unstructured(m.linear, "weight", 0.5),
    "pruned lstm": lambda m: prune.random_unstructured(m.lstm, "weight_hh_l0", 0.5),
}


@pytest.mark.parametrize("how", PARAMETRIZED)
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_weights_in_pieces_are_put_together(how):
    model = Model()
    PARAMETRIZED[how](model)
    model.train()
    model(valid_ids()[:-1])  # spectral norm takes its vectors in training
    expected = loss(model)
    run = imported(saved(prefixed(model.state_dict(), "module.")))
    assert run.info.valid_loss == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("norm", [spectral_norm, parametrizations.spectral_norm])
def test_a_square_matrix_of_spectral_norm_is_read_along_the_dimension_of_its_vectors(norm, dim):
    model = Model(h=len(CHARS))
    norm(model.linear, dim=dim)
    trained_once(model.train())
    expected = loss(model)
    assert imported(saved(model.state_dict())).info.valid_loss == pytest.approx(expected, abs=1e-5)


class OneHot(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.lstm = nn.LSTM(len(CHARS), 7)
        self.fc = nn.Linear(7, len(CHARS))

    def forward(self, ids):
        return self.fc(self.lstm(F.one_hot(ids, len(CHARS)).float()[:, None])[0][:, 0])


def test_one_hot_inputs_are_an_embedding_that_is_the_identity(place):
    model = OneHot()
    (place / "m.pth").write_bytes(saved({"state_dict": model.state_dict(), "tokens": CHARS}))
    assert main(["import", "m.pth", "--corpus", "pets"]) == 0
    run = load_run("pets-lstm")  # <unk> has a column of its own
    assert run.info.model["embedding_size"] == len(CHARS)
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


ORDERS = {
    "sorted": CHARS,
    "as they appear": list(dict.fromkeys(TEXT)),
    "by count": [c for c, _ in Counter(TEXT).most_common()],
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_the_vocabulary_is_the_one_that_the_model_learned(order):
    chars = ORDERS[order]
    ids = torch.tensor([chars.index(c) for c in TEXT])
    model = Model(d=16, h=16, num_layers=1)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(model(ids[:-1]), ids[1:]).backward()
        optimizer.step()
    assert imported(saved(model.state_dict())).vocab.id2token[:-1] == tuple(chars)


class Squashed(nn.Module):
    def forward(self, weight):
        return weight.tanh()


COMPUTED = {
    "orthogonal": lambda m: parametrizations.orthogonal(m.linear),
    "orthogonal alone": lambda m: parametrizations.orthogonal(m.linear, use_trivialization=False),
    "householder": lambda m: parametrizations.orthogonal(
        m.linear, orthogonal_map="householder", use_trivialization=False
    ),
    "tanh": lambda m: parametrize.register_parametrization(m.lstm, "weight_hh_l1", Squashed()),
    "dropout": lambda m: parametrize.register_parametrization(m.linear, "weight", nn.Dropout(0.5)),
    "spectral_norm that never ran": lambda m: spectral_norm(m.linear, dim=1),
}


@pytest.mark.parametrize("how", COMPUTED)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_weight_that_the_file_cannot_tell_is_computed_by_the_advice(how):
    model = Model(h=len(CHARS))
    COMPUTED[how](model)
    expected, sentence = loss(model), refused(saved(model.train().state_dict()))
    assert "computed from others" in sentence
    assert "--map" not in sentence
    exec(re.search(r"from torch.*", sentence)[0], {"torch": torch, "model": model})
    run = imported(Path("for_rnnviz.pt").read_bytes())
    assert run.info.valid_loss == pytest.approx(expected, abs=1e-5)


def test_a_pruned_weight_without_its_mask_is_no_weight():
    model = Model()
    prune.random_unstructured(model.linear, "weight", 0.5)
    raw = saved(dict(model.named_parameters()))
    run = imported(follow(refused(raw), model=model))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def numbered(tokens):
    return {token: n for n, token in enumerate(tokens)}


HELD = {
    "a list": lambda tokens: {"vocab": tokens},
    "a tuple": lambda tokens: {"itos": tuple(tokens)},
    "numbers of tokens": lambda tokens: {"stoi": numbered(tokens)},
    "tokens of numbers": lambda tokens: {"int2char": dict(enumerate(tokens))},
    "both": lambda tokens: {"char2int": numbered(tokens), "int2char": dict(enumerate(tokens))},
    "settings": lambda tokens: {"hyper_parameters": AttributeDict(lr=1, idx2word=tokens)},
    "a namespace": lambda tokens: {"args": argparse.Namespace(chars=tokens)},
    "an object": lambda tokens: {"field": Vocabulary(tokens)},
    "a dictionary": lambda tokens: {"dictionary": {"word2idx": numbered(tokens), "total": 5}},
}


@pytest.mark.parametrize("level", ["char", "word"])
@pytest.mark.parametrize("how", HELD)
def test_a_vocabulary_in_the_file_needs_no_corpus(how, level):
    tokens = list(reversed(CHARS if level == "char" else WORDS))  # no order of a text
    model = Model(size=len(tokens))
    raw = saved({"model": model.state_dict(), **HELD[how](tokens)})
    run = imported(raw, None)
    assert run.vocab.id2token == (*tokens, "<unk>")
    assert (run.vocab.level, run.info.valid_loss, run.info.corpus) == (level, None, "m")
    other = {"char": CHARS, "word": WORDS}[level]
    ids = torch.tensor([len(other) - 1]) - valid_ids(level)
    with torch.no_grad():
        expected = F.cross_entropy(model(ids[:-1]), ids[1:]).item()
    assert imported(raw).info.valid_loss == pytest.approx(expected, abs=1e-5)


def test_vocabularies_of_other_kinds():
    state = Model(size=4).state_dict()
    run = imported(saved({"m": state, "chars": "xyz?"}), None)
    assert run.vocab.id2token == (*"xyz?", "<unk>")
    run = imported(saved({"m": state, "itos": ["<UNK>", "a", "cat", "\n"]}), None)
    assert run.vocab.id2token == ("<unk>", "a", "cat", "<eos>")
    assert run.vocab.encode("a dog\n").tolist() == [1, 0, 3]
    raw = save_safetensors(dict(state), {"vocab": json.dumps(["a", "b", "c", "d"])})
    assert imported(raw, None).vocab.id2token == (*"abcd", "<unk>")
    for odd in (["a", "a", "b", "c"], ["a", "\ud800", "b", "c"], [1, 2, 3, 4]):
        assert "no vocabulary" in refused(saved({"m": state, "itos": odd}), None)
    two = {"m": state, "vocab": list("abcd"), "labels": list("wxyz")}
    assert "several vocabularies" in refused(saved(two), None)
    lacks = refused(saved({"m": state, "vocab": list("abcd")}))
    assert "lacks '\\n', ' '" in lacks


def test_words_without_a_line_end_are_measured_on_a_text_without():
    tokens = sorted(set(TEXT.split()))
    model = Model(size=len(tokens))
    ids = torch.tensor([tokens.index(word) for word in VALID.split()])
    with torch.no_grad():
        expected = F.cross_entropy(model(ids[:-1]), ids[1:]).item()
    held = {"model": model.state_dict(), "vocab": tokens}
    assert imported(saved(held)).info.valid_loss == pytest.approx(expected, abs=1e-5)


def test_without_a_vocabulary_the_advice_is_a_file_that_has_one():
    model = Model()
    for source in (None, Source("other", ("a b\n" * 9, "a b\n", ""))):
        raw = follow(refused(saved(model.state_dict()), source), model=model, tokens=CHARS)
        assert imported(raw).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_a_choice_is_told_with_map_and_ends_in_a_run(place, capsys):
    model = Model("a b c", d=7, bias=False)
    (place / "m.ckpt").write_bytes(saved(prefixed(model.state_dict(), "module.")))
    command = ["import", "m.ckpt", "--corpus", "pets"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "'a.weight' (19, 7) and 'c.weight' (19, 7)" in error
    advice = re.search(r"--map embedding=\S+", error)[0].split()
    assert main([*command, *advice]) == 0
    assert load_run("pets-lstm").info.valid_loss == pytest.approx(loss(model), abs=1e-5)
    for names in ("embedding=module.a", "projection=c.weight", "rnn=module.b"):
        assert main([*command, *advice, "--map", names]) == 0
    capsys.readouterr()
    for names, said in [
        ("embedding=nothing", "it has 'a.weight' (19, 7)"),
        ("rnn=nothing", "it has 'b'"),
        ("embedding=b.bias_ih_l0", "no 'b.bias_ih_l0'"),
        ("wrong=a", "embedding=NAME"),
        ("a", "embedding=NAME"),
    ]:
        assert main([*command, "--map", names]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize("name", ["aux.weight", "norm.bias", "criterion.weight"])
def test_more_than_a_language_model_is_told_and_left_out_if_a_person_says_so(name):
    model = Model(bias=False)
    more = torch.zeros(3, 7) if name.startswith("a") else torch.ones(len(CHARS) - (name[0] == "n"))
    state = model.state_dict() | {name: more}
    sentence = refused(saved(state), kind=Ambiguous)
    assert repr(name) in sentence
    parts = re.findall(r"--map (\S+)", sentence)
    assert imported(saved(state), parts=parts).info.valid_loss == pytest.approx(
        loss(model), abs=1e-5
    )


def test_of_two_recurrent_modules_one_is_told():
    model, other = Model(), Model(kind="GRU")
    state = prefixed(other.state_dict(), "encoder.") | prefixed(model.state_dict(), "decoder.")
    sentence = refused(saved(state), kind=Ambiguous)
    assert "'encoder.lstm', 'decoder.lstm'" in sentence
    part = re.search(r"--map (\S+)", sentence)[1].replace("encoder", "decoder")
    assert imported(saved(state), parts=[part]).info.valid_loss == pytest.approx(
        loss(model), abs=1e-5
    )


def test_of_several_models_in_a_file_one_is_saved_by_the_advice():
    model, averaged = Model(), Model(names="embed lstm linear", kind="LSTM")
    raw = saved({"model": model.state_dict(), "ema": averaged.state_dict()})
    Path("m.pt").write_bytes(raw)
    sentence = refused(raw)
    assert "at ['model'] and ['ema']" in sentence
    assert imported(follow(sentence)).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def scripted(model):
    torch.jit.save(torch.jit.script(Scriptable(model)), "m.pt")
    return Path("m.pt").read_bytes()


def frozen(model):
    torch.jit.save(torch.jit.freeze(torch.jit.script(Scriptable(model).eval())), "m.pt")
    return Path("m.pt").read_bytes()


class Scriptable(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.embed, self.lstm, self.linear = model.embed, model.lstm, model.linear

    def forward(self, ids: torch.Tensor):
        return self.linear(self.lstm(self.embed(ids)[:, None])[0][:, 0])


def exported(model):
    torch.export.save(torch.export.export(model, (torch.zeros(4, dtype=torch.long),)), "m.pt")
    return Path("m.pt").read_bytes()


class Settings:
    """A class of somebody's program."""


def saved_arrays():
    file = io.BytesIO()
    np.savez(file, embedding=np.zeros(3))
    return file.getvalue()


ADVISED = {
    "TorchScript": scripted,
    "frozen TorchScript": frozen,
    "a transformer": lambda model: saved(nn.TransformerEncoderLayer(4, 2).state_dict()),
    "a module of a transformer": lambda model: saved(nn.TransformerEncoderLayer(4, 2)),
    "rows of no gates": lambda model: saved(
        {k: v[:10] if "lstm" in k else v for k, v in model.state_dict().items()}
    ),
    "many models at once": lambda model: saved(
        {k: torch.stack([v, v]) for k, v in model.state_dict().items()}
    ),
    "no tokens": lambda model: saved(
        {k: v if "lstm" in k else v[:0] for k, v in model.state_dict().items()}
    ),
    "torch.export": exported,
    "a class of one's own": saved,
    "beside the weights": lambda model: saved({"model": model.state_dict(), "s": Settings()}),
    "a plain pickle": lambda model: pickle.dumps(
        {k: v.tolist() for k, v in model.state_dict().items()}
    ),
    "whole numbers": lambda model: saved({k: v.long() for k, v in model.state_dict().items()}),
    "float8": lambda model: saved(
        {k: v.to(torch.float8_e4m3fn) for k, v in model.state_dict().items()}
    ),
    "quantized": lambda model: saved(
        {
            k: torch.quantize_per_tensor(v, 0.1, 0, torch.qint8)
            for k, v in model.state_dict().items()
        }
    ),
    "sparse": lambda model: saved({"x": model.embed.weight.data.to_sparse()}),
    "another program's": lambda model: saved_arrays(),
    "meta": lambda model: saved({k: v.to("meta") for k, v in model.state_dict().items()}),
    "a table of another program": lambda model: b"\x89HDF\r\n\x1a\n" + bytes(100),
    "nothing": lambda model: b"",
    "no tensors": lambda model: saved({"epoch": 3}),
}


@pytest.mark.parametrize("how", ADVISED)
@pytest.mark.filterwarnings("ignore")
def test_what_a_refusal_says_to_run_makes_a_file_that_is_read(how):
    model = Model()
    raw = ADVISED[how](model)
    run = imported(follow(refused(raw), model=model))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
@pytest.mark.filterwarnings("ignore")
def test_a_whole_module_inside_data_parallel_is_read(kind, zipped):
    model = Whole(kind=kind)
    held = {"net": nn.DataParallel(model)}
    run = imported(saved(held, _use_new_zipfile_serialization=zipped))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
def test_a_model_in_parts_is_joined_by_the_advice(place, kind):
    model = Model()
    items = list(model.state_dict().items())
    names = [f"pytorch_model-0000{n}-of-00002.{kind}" for n in (1, 2)]
    for name, part in zip(names, (dict(items[:5]), dict(items[5:])), strict=True):
        raw = save_safetensors(part) if kind == "safetensors" else saved(part)
        (place / name).write_bytes(raw)
        assert "one of 2 parts" in refused(raw, file=name)
    index = {"metadata": {}, "weight_map": {k: names[n >= 5] for n, (k, _) in enumerate(items)}}
    for raw, file in [
        (json.dumps(index).encode(), f"pytorch_model.{kind}.index.json"),
        ((place / names[0]).read_bytes(), names[0]),
    ]:
        run = imported(follow(refused(raw, file=file)))
        assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_what_no_model_here_can_be_is_one_sentence():
    both = Model(bidirectional=True).state_dict()
    assert "bidirectional" in refused(saved(both))
    assert len(trace(nn.LSTM(3, 4, bidirectional=True), torch.zeros(5, 1, 3)).layers) == 2
    assert "proj_size" in refused(saved(Model(proj_size=3).state_dict()))
    layer = nn.TransformerEncoderLayer(4, 2)
    assert "transformer" in refused(saved(layer.state_dict()))
    assert "transformer" in refused(saved({"model": layer}))
    convolution = nn.Sequential(nn.Embedding(9, 4), nn.Conv1d(4, 4, 3))
    assert "no LSTM, GRU or RNN" in refused(saved(convolution.state_dict()))
    assert "convolutional" in refused(saved({"conv1.weight": torch.zeros(4, 4, 3)}))
    tagger = Model()
    tagger.linear = nn.Linear(7, 3)
    assert "(19, 7), beside" in refused(saved(tagger.state_dict()))
    assert "no embedding" in refused(
        saved({k: v for k, v in Model().state_dict().items() if "lstm" in k})
    )
    quantized = torch.ao.quantization.quantize_dynamic(Model(), {nn.LSTM, nn.Linear})
    assert "quantized" in refused(saved(quantized.state_dict()))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x1f\x8b" + bytes(30), "unpack"),
        (b'{"a": 1}', "safetensors"),
        (b"GGUF" + bytes(30), "GGUF"),
    ],
)
def test_what_is_no_model_is_called_what_it_is(raw, said):
    assert said in refused(raw)


def test_a_folder_is_told(place, capsys):
    assert main(["import", str(place)]) == 2
    assert "is a folder" in capsys.readouterr().err


def compressed(raw: bytes) -> bytes:
    file = io.BytesIO()
    parts = zipfile.ZipFile(io.BytesIO(raw))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in parts.namelist():
            packed.writestr(name, parts.read(name))
    return file.getvalue()


def test_a_file_that_was_compressed_afterwards_is_read_up_to_a_size(monkeypatch):
    model = Model(d=64, h=128)
    raw = compressed(saved(model.state_dict()))
    assert imported(raw).info.valid_loss == pytest.approx(loss(model), abs=1e-5)
    monkeypatch.setattr(torch_file, "MAX_COMPRESSED", 2**16)
    Path("m.pt").write_bytes(raw)
    run = imported(follow(refused(raw)))
    assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


@pytest.mark.parametrize("way", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_compressed_part_is_unpacked_no_further_than_it_says(way):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", way) as parts:
        parts.writestr("m/data.pkl", bytes(2**26))
    raw = file.getvalue().replace((2**26).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    tracemalloc.start()
    assert "damaged" in refused(raw)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("kind", "wanted", "told", "said"),
    [
        ("LSTM", "GRU", {}, "leave the cell type out, or say LSTM"),
        ("RNN", "RNN_TANH", {"nonlinearity": "relu"}, "leave the cell type out, or say RNN_RELU"),
        ("RNN", "LSTM", {}, "RNN_RELU: say RNN_TANH or RNN_RELU"),
    ],
)
def test_a_cell_type_that_does_not_fit_is_told_with_those_that_do(kind, wanted, told, said):
    more = {"nonlinearity": "relu"} if kind == "RNN" else {}
    model = Model(kind=kind, **more)
    raw = saved({"model": model.state_dict(), **told})
    assert said in refused(raw, rnn_type=wanted)
    fitting = "LSTM" if kind == "LSTM" else "RNN_RELU"
    for rnn_type in (fitting, None) if "leave" in said else (fitting,):
        run = imported(raw, rnn_type=rnn_type)
        assert run.info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_a_model_that_is_too_large_has_gates_all_the_same():
    sentence = refused(saved(Model(num_layers=65, d=2, h=2).state_dict()))
    assert "2 units and 65 layers" in sentence
    assert "rnnviz.record(model)" in sentence


HOSTILE = {
    "a place far away": b"\x80\x02}r\xff\xff\xff\x7f.",
    "many steps": b"\x80\x02" + b"}0" * 2**20 + b".",
    "attributes of a class": b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aNsb.",
    "a call of a text": b"\x80\x02X\x01\x00\x00\x00a)R.",
    "an extension": b"\x80\x02\x82\x01.",
    "a storage of no kind": b"\x80\x02(X\x07\x00\x00\x00storageNK\x01NK\x01tQ.",
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_pickle_that_would_take_more_than_it_may_is_damaged(how):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as parts:
        parts.writestr("m/data.pkl", HOSTILE[how])
    assert "damaged" in refused(file.getvalue())


def test_modules_inside_one_another_end():
    """A module that holds itself, and one that is there twice on each of many levels."""
    module = unpickle.Stand()
    module.attributes = {"_modules": {"a": module, "b": module}}
    for _ in range(50):
        outer = unpickle.Stand()
        outer.attributes = {"_modules": {"a": module, "b": module}}
        module = outer
    assert len(groups({"x": module, "y": [module, module]})) == 2
