"""What a refused import says to do: it is true, whole, can be done, and harms no file."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from torch import nn

from rnnviz import load_run, record
from rnnviz.__main__ import main
from rnnviz.runs.advice import SAVED
from rnnviz.runs.recurrent import Ambiguous
from tests.test_foreign_models import (
    ADVISED,
    CHARS,
    Model,
    follow,
    imported,
    loss,
    place,
    prefixed,
    refused,
    saved,
    saved_arrays,
)

__all__ = ["place"]  # a fixture of all tests here
GATES = "rnnviz.record(model) shows"
SIZE = len(CHARS)


def advised(sentence: str, way: int = 0) -> list[str]:
    """What a refusal says to add with --map, of several ways one."""
    ways = re.split(r" or (?=--map)", sentence[sentence.index("--map") :])
    return [word for word in shlex.split(ways[way]) if word != "--map"]


def two_models(model):
    return saved({"model": model.state_dict(), "ema": Model().state_dict(), "vocab": CHARS})


ALL = ADVISED | {
    "several": two_models,
    "several further down": lambda model: saved(
        [{"a": {"net": model.state_dict()}, "b": {"net": model.state_dict()}}]
    ),
    "no plain numbers": lambda model: saved(
        model.state_dict() | {"linear.bias": torch.zeros(1).expand(SIZE)}
    ),
    "no vocabulary": lambda model: saved(model.state_dict()),
    "numbers of a new kind beside": lambda model: saved(
        {"model": model.state_dict(), "data": torch.zeros(3, dtype=torch.uint16)}
    ),
    "another program's arrays": lambda model: saved_arrays(),
}


@pytest.mark.parametrize("how", ALL)
@pytest.mark.filterwarnings("ignore")
def test_no_advice_writes_the_file_that_it_reads(how):
    raw = ALL[how](Model())
    source = {"source": None} if how == "no vocabulary" else {}
    for file in ("m.pt", *SAVED, SAVED[0].upper()):
        sentence = refused(raw, file=file, **source)
        written = re.findall(r'torch\.save\(.*, "([^"]*)"\)$', sentence)
        assert len(written) == sentence.count("torch.save(") == 1
        assert written[0].lower() != file.lower()


def test_the_model_that_is_meant_keeps_the_vocabulary_beside_it(place):
    model = Model()
    raw = two_models(model)
    (place / "m.pt").write_bytes(raw)
    run = imported(follow(refused(raw)), None)
    assert run.vocab.id2token == (*CHARS, "<unk>")
    assert (place / "m.pt").read_bytes() == raw
    (place / SAVED[0]).write_bytes(raw)
    exec(re.search(r"torch\.save\(.*\)", refused(raw, file=SAVED[0]))[0], {"torch": torch})
    assert (place / SAVED[0]).read_bytes() == raw
    assert imported((place / SAVED[1]).read_bytes()).info.valid_loss == pytest.approx(
        loss(model), abs=1e-5
    )


def test_a_long_file_name_is_whole_in_the_advice(place):
    file = f"{'long_' * 40}.pt"
    (place / file).write_bytes(two_models(Model()))
    assert imported(follow(refused(two_models(Model()), file=file)))


LONG = "language_model_module.recurrent_text_generator.backbone_network."
BESIDE = {
    "below one module": (LONG, LONG),
    "apart": (LONG, ""),
    "deep": (LONG * 3, "another_part_of_the_whole_training_module_with_a_long_name." * 3),
    "with spaces and quotes": ("my model's ", "x "),
}


@pytest.mark.parametrize("how", BESIDE)
def test_no_advice_is_cut_where_names_are_long(place, capsys, how):
    prefix, other = BESIDE[how]
    model = Model()
    more = {
        f"{other}{name}.weight": torch.ones(2, 7)
        for name in ("layer_normalization_before_output", "auxiliary_sentiment_classification_head")
    }
    (place / "m.pt").write_bytes(saved(prefixed(model.state_dict(), prefix) | more))
    command = ["import", "m.pt", "--corpus", "pets"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "layer_normalization_before_output.weight'" in error  # the end tells names apart
    assert "auxiliary_sentiment_classification_head.weight'" in error
    assert main([*command, *shlex.split(error[error.index("--map") :])]) == 0
    assert load_run("pets-lstm").info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def test_names_are_taken_with_and_without_what_all_begin_with():
    model = Model("a b c", d=7, bias=False)
    raw = saved(prefixed(model.state_dict(), f"module.{LONG}"))
    assert f"'a.weight' ({SIZE}, 7)" in refused(raw, kind=Ambiguous)
    for prefix in ("", LONG, f"module.{LONG}"):
        parts = [f"embedding={prefix}a.weight", f"rnn={prefix}b", f"projection={prefix}c"]
        assert imported(raw, parts=parts).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


def lstm(name="rnn", d=8, h=8, **more):
    return nn.LSTM(d, h, **more).state_dict(prefix=f"{name}.")


def cell(name, d, h=8):
    return nn.LSTMCell(d, h).state_dict(prefix=f"{name}.")


def linear(name, d, h=8, bias=True):
    return nn.Linear(h, d, bias).state_dict(prefix=f"{name}.")


def table(name, rows=SIZE, d=8):
    return {f"{name}.weight": torch.randn(rows, d)}


ATTENTION = table("encoder.embeddings.emb_luts.0") | lstm("encoder.rnn")
ATTENTION |= table("decoder.embeddings.emb_luts.0") | cell("decoder.rnn.layers.0", 16)
ATTENTION |= linear("decoder.attn.linear_in", 8, bias=False)
NONE = {  # what no language model here is -> what the sentence says of it
    "adaptive softmax": (
        table("encoder", d=6) | lstm(d=6) | linear("a.head", 12) | linear("a.tail.0.0", 2),
        f"no projection onto the tokens that it reads, ({SIZE}, 8)",
    ),
    "tied with a projection": (
        table("encoder") | lstm(h=16) | linear("proj", 8, 16) | {"bias": torch.zeros(SIZE)},
        f"no projection onto the tokens that it reads, ({SIZE}, 16)",
    ),
    "classifier": (table("embed") | lstm() | linear("fc", 2), "'fc.weight' (2, 8)"),
    "tagger": (table("embed") | lstm() | linear("hidden2tag", 9), "'hidden2tag.weight' (9, 8)"),
    "smaller decoder": (
        table("encoder") | lstm() | linear("decoder", SIZE - 1),
        f"'decoder.weight' ({SIZE - 1}, 8)",
    ),
    "value head of a tied model": (table("encoder") | lstm() | linear("v", 1), "'v.weight' (1, 8)"),
    "policy": (cell("cell", 6) | linear("actor", 4), "no embedding, (vocabulary, 6)"),
    "translation": (ATTENTION, "2 recurrent modules"),
    "several numbers to one": (lstm(d=3) | linear("fc", 1), "no embedding, (vocabulary, 3)"),
    "skip connections": (
        table("embed") | lstm("rnns.0") | lstm("rnns.1", 16) | linear("fc", SIZE),
        "different sizes",
    ),
    "both directions": (table("embed") | lstm(bidirectional=True), "bidirectional"),
    "projected states": (table("embed") | lstm(proj_size=3), "proj_size"),
    "complex": (
        table("embed") | lstm() | {"fc.weight": torch.zeros(SIZE, 8, dtype=torch.complex64)},
        "complex64",
    ),
}


@pytest.mark.parametrize("how", NONE)
def test_what_is_no_language_model_is_called_so_and_has_gates_all_the_same(how):
    state, said = NONE[how]
    sentence = refused(saved(state))
    assert said in sentence
    assert GATES in sentence
    assert "--map" not in sentence


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ("translation", ["rnn=encoder.rnn"]),
        ("translation", ["rnn=decoder.rnn.layers.0"]),
        ("smaller decoder", ["embedding=encoder.weight"]),
        ("smaller decoder", ["rnn=rnn", "embedding=encoder", "projection=encoder"]),
    ],
)
def test_no_choice_of_a_person_makes_a_language_model_of_another(how, parts):
    assert GATES in refused(saved(NONE[how][0]), parts=parts)


def test_only_modules_that_lead_to_a_model_are_advised():
    model = Model()
    state = model.state_dict() | lstm("tagger", 3)
    sentence = refused(saved(state), kind=Ambiguous)
    assert re.findall(r"--map (\S+)", sentence) == ["rnn=lstm"]
    parts = ["rnn=lstm"]
    parts = re.findall(r"--map (\S+)", refused(saved(state), kind=Ambiguous, parts=parts))
    assert imported(saved(state), parts=parts).info.valid_loss == pytest.approx(
        loss(model), abs=1e-5
    )


def test_a_tied_model_that_is_stored_once_with_its_bias():
    model = Model(d=7)
    model.linear.weight = model.embed.weight
    state = {k: v for k, v in model.state_dict().items() if k != "linear.weight"}
    assert imported(saved(state)).info.valid_loss == pytest.approx(loss(model), abs=1e-5)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.actor = nn.LSTMCell(6, 8), nn.Linear(8, 4)

    def forward(self, inputs):
        state = None
        for step in inputs:
            state = self.cell(step, state)
        return self.actor(state[0])


@pytest.mark.parametrize(
    "model",
    [Policy(), nn.LSTM(6, 8, bidirectional=True), nn.LSTM(6, 8, proj_size=3), nn.LSTM(6, 8)],
)
def test_record_shows_the_gates_of_what_is_no_language_model(model):
    with record(nn.ModuleList([model])) as traces, torch.no_grad():
        model(torch.randn(5, 2, 6))
    assert [len(calls[0].layers[0].h) for calls in traces.values()] == [6]


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_of_float8_are_converted_by_the_advice(dtype):
    model = Model().to(dtype)
    raw = saved(model.state_dict())
    run = imported(follow(refused(raw), model=model))
    assert run.info.valid_loss == pytest.approx(loss(model.float()), abs=1e-5)
    assert Path(SAVED[0]).exists()


@pytest.mark.parametrize("name", ["word_scores", "unembed", "out_embedding", "tokens"])
def test_a_projection_may_be_called_by_what_it_gives(name):
    model = Model(f"embedding lstm {name}", bias=False)
    assert imported(saved(model.state_dict())).info.valid_loss == pytest.approx(
        loss(model), abs=1e-5
    )
