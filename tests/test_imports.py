"""Models of others: the numbers are theirs, and nothing in a file runs."""

import contextlib
import io
import os
import pickle
import struct
import sys
import tempfile
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_model
from torch import nn
from torch.nn import functional as F

from rnnviz import RNN_TYPES, CorpusError, RNNModel, RunError, load_corpus, load_run
from rnnviz.__main__ import main
from rnnviz.data.corpus import make_corpus
from rnnviz.data.source import Source, from_files
from rnnviz.runs import importing, torch_file

LINES = ("the cat sat on <unk> .\n", "a dog sat\n the mat\n", "so it was\n\n  the end .\n")
TEXTS = tuple(f"= {part} =\n{line * 5}" for part, line in zip("abc", LINES, strict=True))
SOURCE = Source("pets", TEXTS, spaced=True)
WITHOUT = Source("pets", tuple(t.replace("<unk>", "it") for t in TEXTS), spaced=True)


def example_ids(texts):
    """Words of all texts in order of first appearance, <eos> after each line; ids of each text."""
    known, parts = [], []
    for text in texts:
        ids = []
        for line in text.splitlines(keepends=True):
            for word in [*line.split(), "<eos>"]:
                if word not in known:
                    known.append(word)
                ids.append(known.index(word))
        parts.append(torch.tensor(ids))
    return known, parts


class Example(nn.Module):
    """Attributes and arithmetic of the example's model, time first."""

    __module__, __qualname__ = "model", "RNNModel"

    def __init__(self, rnn_type, words, d, h, layers, tied):
        super().__init__()
        self.ntoken = words
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(words, d)
        if rnn_type in ("LSTM", "GRU"):
            self.rnn = getattr(nn, rnn_type)(d, h, layers, dropout=0.2 if layers > 1 else 0.0)
        else:
            self.rnn = nn.RNN(d, h, layers, nonlinearity=rnn_type[4:].lower())
        self.decoder = nn.Linear(h, words)
        if tied:
            self.decoder.weight = self.encoder.weight
        self.rnn_type, self.nhid, self.nlayers = rnn_type, h, layers

    def loss(self, ids):
        output, _ = self.rnn(self.encoder(ids[:-1])[:, None])  # (T,1,H)
        return F.nll_loss(F.log_softmax(self.decoder(output[:, 0]), -1), ids[1:]).item()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of its own, with the texts in it; the example's class under the example's name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("rnnviz._paths.SHIPPED_RUNS", tmp_path / "assets")
    (tmp_path / "pets").mkdir()
    for part, text in zip(("train", "valid", "test"), TEXTS, strict=True):
        (tmp_path / "pets" / f"{part}.txt").write_text(text, encoding="utf-8")
    module = types.ModuleType("model")
    module.RNNModel = Example
    monkeypatch.setitem(sys.modules, "model", module)
    torch.manual_seed(3)
    return tmp_path


def example(rnn_type="LSTM", tied=False, texts=TEXTS, layers=2, d=5, h=7):
    words, _ = example_ids(texts)
    return Example(rnn_type, len(words), h if tied else d, h, layers, tied).eval()


def saved(what) -> bytes:
    file = io.BytesIO()
    torch.save(what, file)
    return file.getvalue()


def from_safetensors(model) -> bytes:
    state = dict(model.state_dict())
    if state["decoder.weight"].data_ptr() == state["encoder.weight"].data_ptr():
        del state["decoder.weight"]
    return save(state)


def of_save_model(model) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        save_model(model, file.name)  # of a tied matrix it keeps decoder.weight alone
        return Path(file.name).read_bytes()


KINDS = {
    "save_model": of_save_model,
    "state_dict": lambda model: saved(model.state_dict()),
    "module": saved,
    "safetensors": from_safetensors,
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_the_loss_is_that_of_the_examples_own_forward(rnn_type, kind, tied):
    model = example(rnn_type, tied)
    told = rnn_type if rnn_type.startswith("RNN") and kind != "module" else None
    run = importing.import_model(KINDS[kind](model), "m", SOURCE, rnn_type=told)
    words, (_, valid, _) = example_ids(TEXTS)
    assert run.vocab.id2token == tuple(words)
    assert run.ids(TEXTS[1]).tolist() == valid[: -0 or None].tolist()
    assert run.info.valid_loss == pytest.approx(model.loss(valid), abs=1e-6)
    assert run.info.model == {
        "rnn_type": rnn_type,
        "vocab_size": len(words),
        "embedding_size": 7 if tied else 5,
        "hidden_size": 7,
        "num_hidden_layers": 2,
        "dropout": 0.0,
        "tie_weights": tied,
        "forget_bias": None,
    }
    assert run.info.parameters == sum(p.numel() for p in model.parameters())
    assert (run.info.history, run.info.config) == ((), {})


@pytest.mark.parametrize("tied", [False, True])
def test_without_unk_one_word_is_added_that_changes_no_loss_and_is_never_written(tied):
    model = example(tied=tied, texts=WITHOUT.texts)
    run = importing.import_model(saved(model), "m", WITHOUT)
    words, (_, valid, _) = example_ids(WITHOUT.texts)
    assert run.vocab.id2token == (*words, "<unk>")
    assert run.info.valid_loss == pytest.approx(model.loss(valid), abs=1e-6)
    log_prob, _ = run.model(valid[None], run.model.init_hidden(1))
    assert log_prob[..., -1].exp().max() == 0
    read = run.model.embedding(run.ids("unheard-of"))[0]
    torch.testing.assert_close(read, model.encoder.weight.mean(0))


@pytest.mark.parametrize("level", ["char", "word"])
def test_a_state_dict_of_this_package_finds_its_level(level):
    corpus = make_corpus(Source("pets", TEXTS), level)
    model = RNNModel("GRU", len(corpus.vocab), 4, 4, 1, tie_weights=True).eval()
    for raw in (saved(model.state_dict()), saved(model)):
        run = importing.import_model(raw, "m", Source("pets", TEXTS))
        assert run.vocab == corpus.vocab
        log_prob, _ = model(corpus.valid[None, :-1], model.init_hidden(1))
        loss = F.nll_loss(log_prob[0], corpus.valid[1:]).item()
        assert run.info.valid_loss == pytest.approx(loss, abs=1e-6)


def test_the_command_keeps_a_run_that_loads_and_a_second_one_beside_it(place, capsys):
    (place / "m.pt").write_bytes(saved(example()))
    for name in ("pets-lstm", "pets-lstm-2"):
        assert main(["import", "m.pt", "--corpus", "pets"]) == 0
        run = load_run(name)
        assert f"{run.info.valid_loss:.4f} nats" in capsys.readouterr().out
    assert run.info.command == "python -m rnnviz import m.pt --corpus pets"
    assert main(["eval", name]) == 0
    assert f"valid: {run.info.valid_loss:.4f}" in capsys.readouterr().out
    assert main(["import", "m.pt", "--corpus", "pets", "--name", "mine", "--out", "x"]) == 0
    assert load_run(place / "x" / "mine").info.fingerprint == load_corpus("pets").fingerprint
    assert main(["sample", name, "--tokens", "5"]) == main(["runs"]) == 0
    assert main(["trace", name, "--text", "the cat", "--gradients"]) == 0


def refused(raw: bytes, source=SOURCE, **options) -> str:
    with pytest.raises((RunError, CorpusError)) as error:
        importing.import_file(raw, "m.pt", Path("runs"), source, **options)
    assert "\n" not in str(error.value)
    assert not Path("runs").exists() or not os.listdir("runs")
    return str(error.value)


def test_what_tensors_do_not_show_is_asked_for_and_what_they_show_is_not_overruled():
    bare = saved(example("RNN_RELU").state_dict())
    assert "--rnn-type" in refused(bare)
    assert "no LSTM but RNN_TANH or RNN_RELU" in refused(bare, rnn_type="LSTM")
    assert "but RNN_RELU" in refused(saved(example("RNN_RELU")), rnn_type="RNN_TANH")
    assert "but LSTM" in refused(saved(example().state_dict()), rnn_type="GRU")


def test_a_corpus_is_needed_and_must_be_the_one(place, capsys):
    raw = saved(example().state_dict())
    assert "no vocabulary" in refused(raw, None)
    words = len(example_ids(TEXTS)[0])
    other = Source("other", ("a b\n", "a b\n", ""), spaced=True)
    assert f"{words}, and other has 3 words" in refused(raw, other)
    own = RNNModel("LSTM", 99, 4, 4, 1).state_dict()
    assert "99, and pets has" in refused(saved(own))
    (place / "m.pt").write_bytes(raw)
    for corpus in ((), ("--corpus", "nowhere")):
        assert main(["import", "m.pt", *corpus]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["import", "nothing.pt"]) == 2


def changed(**tensors):
    return saved(dict(example().state_dict()) | tensors)


def wide(*shape) -> torch.Tensor:
    """A tensor that claims more numbers than it has."""
    return torch.zeros(1).expand(*shape)


ODD = {
    "a transformer's state_dict": lambda: saved({"input_emb.weight": torch.zeros(3, 3)}),
    "a tensor": lambda: saved(torch.zeros(3)),
    "a list": lambda: saved([1, 2]),
    "numbers as names": lambda: saved({1: torch.zeros(2)}),
    "no tensors": lambda: saved({"encoder.weight": "text", "rnn.weight_hh_l0": None}),
    "nothing": lambda: saved({}),
    "not finite": lambda: changed(**{"rnn.bias_hh_l0": torch.full((28,), float("nan"))}),
    "integers": lambda: saved({k: v.long() for k, v in example().state_dict().items()}),
    "other shape": lambda: changed(**{"decoder.weight": torch.zeros(3, 7)}),
    "one number": lambda: changed(**{"rnn.weight_hh_l0": torch.tensor(1.0)}),
    "no rows": lambda: changed(**{"rnn.weight_hh_l0": torch.zeros(0, 0)}),
    "five blocks": lambda: changed(**{"rnn.weight_hh_l0": torch.zeros(35, 7)}),
    "no decoder": lambda: save(dict(list(example().state_dict().items())[:-2])),
    "a layer left out": lambda: changed(**{"rnn.weight_hh_l5": torch.zeros(28, 7)}),
    "both ways": lambda: changed(**{"rnn.weight_hh_l0_reverse": torch.zeros(28, 7)}),
    "more": lambda: changed(**{"decoder.more": torch.zeros(1)}),
    "huge vocabulary": lambda: changed(**{"encoder.weight": wide(10**9, 5)}),
    "huge units": lambda: changed(**{"rnn.weight_hh_l0": wide(4 * 10**6, 10**6)}),
    "sparse": lambda: changed(**{"encoder.weight": torch.zeros(9, 5).to_sparse()}),
    "float8": lambda: changed(**{"decoder.bias": torch.zeros(21).to(torch.float8_e4m3fn)}),
    "a picture": lambda: b"\x89PNG\r\n" + bytes(100),
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "an old pickle": lambda: pickle.dumps({"encoder.weight": [1.0]}),
    "another zip": lambda: zipped({"a.txt": b"x"}),
    "huge safetensors header": lambda: struct.pack("<Q", 2**60) + b"{}",
}


def zipped(files: dict[str, bytes], compression=zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as parts:
        for name, content in files.items():
            parts.writestr(name, content)
    return file.getvalue()


def unzipped(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        return {name: parts.read(name) for name in parts.namelist()}


def test_a_wrong_tensor_is_called_as_in_the_file():
    assert "'decoder.weight' (3, 7)" in refused(ODD["other shape"]())
    assert "bidirectional" in (sentence := refused(ODD["both ways"]()))
    assert "'rnn.weight_hh_l0_reverse'" in sentence
    assert "not finite" in refused(ODD["not finite"]())
    expanded = changed(**{"encoder.weight": wide(60_000, 60_000)})  # 14 GB from one number
    assert "no plain numbers at 'encoder.weight'" in refused(expanded)


@pytest.mark.parametrize("what", ODD)
def test_what_is_no_model_is_refused_in_one_sentence(what):
    refused(ODD[what]())


class Armed:
    def __setstate__(self, state):
        Path("ran").touch()


class Reduced:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], tuple(self.call[1:])


class Opens:
    def __reduce__(self):
        return open, ("ran", "w")


HOSTILE = {
    "posix.system": lambda: Reduced(os.system, "touch ran"),
    "eval": lambda: Reduced(eval, "__import__('os').system('touch ran')"),
    "exec": lambda: Reduced(exec, "open('ran', 'w')"),
    "open": Opens,
    "Armed": Armed,
    "getattr": lambda: Reduced(getattr, os, "system"),
    "bytearray": lambda: Reduced(bytearray, 2**40),
    "Tanh": nn.Tanh,
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(4, 2),
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_of_a_file_runs(place, name, inside, monkeypatch):
    what = HOSTILE[name]()
    if name == "getattr":
        what.call = (getattr, "text", "upper")
    raw = saved(example().state_dict() | {"encoder.more": what} if inside else what)
    monkeypatch.setattr(torch, "frombuffer", lambda *_, **__: pytest.fail("was read"))
    before = sorted(place.rglob("*"))
    sentence = refused(raw)
    assert name in sentence or "transformer" in sentence
    assert "torch.save(model.state_dict()" in sentence or "transformer" in sentence
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("protocol", [0, 1, 3, 4, 5])
def test_pickles_of_other_protocols_run_nothing_either(place, protocol):
    files = unzipped(saved({}))
    name = next(name for name in files if name.endswith("data.pkl"))
    for call in (Reduced(os.system, "touch ran"), Armed()):
        call = call if isinstance(call, Reduced) else Reduced(Armed)
        files[name] = pickle.dumps(call, protocol)
        refused(zipped(files))
        assert not (place / "ran").exists()


def test_methods_hidden_by_attributes_are_not_called():
    model = example()
    model.__dict__["_modules"] = OrderedDict(model._modules)
    state = example().state_dict()
    for names in (model._modules, state):
        vars(names).update(get="no method", keys=5)
    for raw in (saved(state), saved(model)):
        assert importing.import_model(raw, "m", SOURCE).info.rnn_type == "LSTM"


def test_a_zip_that_grows_is_refused_before_it_is_read(monkeypatch):
    files = unzipped(saved(example().state_dict()))
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("was read"))
    files[next(iter(files)).split("/")[0] + "/data/0"] = bytes(50 * 2**20)
    assert "grows" in refused(zipped(files, zipfile.ZIP_DEFLATED))
    name = next(name for name in files if name.endswith("data.pkl"))
    assert "none that torch.save wrote" in refused(zipped({name: bytes(torch_file.MAX_PICKLE + 1)}))


def test_sizes_that_a_pickle_claims_take_no_memory():
    raw = saved({"rnn.weight_hh_l0": torch.ones(10, 1)})
    files = unzipped(raw)
    name = next(name for name in files if name.endswith("data.pkl"))
    assert files[name].count(b"K\x0a") == 2  # of the storage, and the tensor's first size
    large = b"J" + struct.pack("<i", 2**30)
    for most in (1, 2):
        changed = zipped(files | {name: files[name].replace(b"K\x0a", large, most)})
        assert "damaged" in refused(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_or_changed_is_a_model_or_refused(kind):
    raw = KINDS[kind](example())
    for end in (1, 7, 100, len(raw) // 2, len(raw) - 1):
        refused(raw[:end])

    @given(st.data())
    def changed(data):
        broken = bytearray(raw)
        for _ in range(data.draw(st.integers(1, 4))):
            broken[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(RunError, CorpusError):
            importing.import_model(bytes(broken), "m", SOURCE)

    changed()


def test_files_that_are_handed_over_are_the_texts_of_a_corpus():
    parts = ("train.txt", "valid.txt", "test.txt")
    whole = {part: text.encode() for part, text in zip(parts, TEXTS, strict=True)}
    assert from_files(whole) == Source("uploaded", TEXTS, spaced=True)
    del whole["test.txt"]
    assert from_files(whole).texts[2] == ""
    assert from_files({"notes.txt": b"abc" * 100}).name == "notes"
    for odd in ({}, whole | {"more.txt": b"x"}, {"train.txt": b"x", "test.txt": b"y"}):
        with pytest.raises(CorpusError, match="named"):
            from_files(odd)
    with pytest.raises(CorpusError, match="UTF-8"):
        from_files({"train.txt": b"\xff", "valid.txt": b""})
