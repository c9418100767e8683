"""Runs on disk: written whole, read back as they were, and refused in one sentence."""

import json
import math
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as cases
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from rnnviz import (
    RNN_TYPES,
    RNNModel,
    RunError,
    RunInfo,
    TrainConfig,
    list_runs,
    load_run,
    save_run,
)
from rnnviz import runs as module
from rnnviz.data import Corpus, Vocab
from rnnviz.jobs import fit, new_run, resumed_run
from rnnviz.training import TrainState

VOCAB = Vocab(("<unk>", "<eos>", "naïve", "\ud800", "<img src=x>"), "word")


SMALL = {"batch_size": 2, "sequence_length": 3, "log_every": 1}


@pytest.fixture(autouse=True)
def without_probe(monkeypatch):
    monkeypatch.setattr("rnnviz.jobs.PROBE", Path("no probe here"))


def some_corpus() -> Corpus:
    rng = torch.Generator().manual_seed(1)
    parts = [torch.randint(0, len(VOCAB), (n,), generator=rng) for n in (60, 20, 20)]
    return Corpus("made", VOCAB, *parts, fingerprint="f")


def some_run(name="made", rnn_type="LSTM", tied=False, **fields):
    torch.manual_seed(1)
    model = {
        "rnn_type": rnn_type,
        "vocab_size": len(VOCAB),
        "embedding_size": 3,
        "hidden_size": 3,
        "num_hidden_layers": 2,
        "dropout": 0.25,
        "tie_weights": tied,
    }
    info = RunInfo(name=name, model=model, vocab=VOCAB, corpus="c", fingerprint="f", **fields)
    return module.Run(info, RNNModel(**info.model))


def half_way(folder: Path) -> Path:
    """A training that was stopped after five of twenty steps."""
    config, state = TrainConfig(steps=20, **SMALL), TrainState()
    run = new_run("going", some_corpus(), config, rnn_type="LSTM", embedding_size=4, hidden_size=4)
    list(fit(run, some_corpus(), folder, state, lambda: state.step >= 5))
    return folder / "going"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("rnn_type", RNN_TYPES)
def test_a_run_comes_back_as_it_was_written(tmp_path, rnn_type, tied, half):
    record = {"step": 20, "loss": 1.5, "valid_loss": None, "grad_norm": 0.5, "clipped": 1.0}
    history = (record,)
    run = some_run(rnn_type=rnn_type, tied=tied, history=history, cue=2, accuracy=0.5)
    run = replace(
        run, info=replace(run.info, valid_loss=1.25, config={"steps": 3}, command="a 'b'")
    )
    saved = save_run(run, tmp_path, half=half)
    loaded = load_run(saved.info.path)
    assert loaded.info == saved.info == replace(run.info, path=tmp_path / "made")
    assert not loaded.model.training
    assert loaded.model.tie_weights == tied
    assert (loaded.model.projection.weight is loaded.model.embedding.weight) == tied
    for name, weight in run.model.state_dict().items():
        wanted = weight.half().float() if half else weight
        assert torch.equal(loaded.model.state_dict()[name], wanted)
    assert loaded.model.rnn.weight_ih_l0.dtype == torch.float32
    assert files(tmp_path / "made") == ["run.json", "weights.safetensors"]
    assert (
        len(load_file(saved.info.path / "weights.safetensors"))
        == len(run.model.state_dict()) - tied
    )


def test_what_is_needed_to_go_on_is_there_until_training_is_complete(tmp_path):
    path = half_way(tmp_path)
    assert files(path) == ["resume.safetensors", "run.json", "weights.safetensors"]
    run, state = resumed_run(path, some_corpus())
    assert (state.step, len(run.info.history)) == (5, 5)
    list(fit(run, some_corpus(), tmp_path, state))
    assert files(path) == ["run.json", "weights.safetensors"]
    with pytest.raises(RunError, match="complete"):
        resumed_run(path, some_corpus())


def test_listing_leaves_out_what_is_no_run_and_prefers_the_first_folder(tmp_path):
    for folder, loss in (("a", 1.0), ("b", 2.0)):
        save_run(some_run(valid_loss=loss), tmp_path / folder)
    save_run(some_run("other"), tmp_path / "b")
    for name, content in {"bad": "{", "empty": "", "list": "[]", "no": None, "nul": "\0"}.items():
        (tmp_path / "b" / name).mkdir()
        if content is not None:
            (tmp_path / "b" / name / "run.json").write_text(content, encoding="utf-8")
    (tmp_path / "b" / "file").write_text("no folder", encoding="utf-8")
    found = list_runs([tmp_path / "a", tmp_path / "nothing", tmp_path / "b"])
    assert [(info.name, info.valid_loss) for info in found] == [("made", 1.0), ("other", None)]


def damaged(path: Path, how: str) -> None:
    whole = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how in ("float8", "infinite", "other shape", "other names"):
        tensors = load_file(path)
        name = next(iter(tensors))
        if how == "float8":
            tensors = {k: t.to(torch.float8_e4m3fn) for k, t in tensors.items()}
        elif how == "infinite":
            tensors[name][0] = math.inf
        elif how == "other shape":
            tensors[name] = torch.zeros(2, 2)
        else:
            tensors = {"foreign": torch.zeros(3)}
        save_file(tensors, path)
    else:
        path.write_bytes(
            {
                "empty": b"",
                "header cut": whole[:5],
                "header longer than the file": struct.pack("<Q", 2**40) + whole[8:],
                "last byte cut": whole[:-1],
                "bytes added": whole + b"x",
                "pickle": b"\x80\x04\x95" + whole,
                "too large": whole + bytes(70 * 2**20),
            }[how]
        )


HARM = ("missing", "folder", "float8", "infinite", "other shape", "other names", "empty")
HARM += ("header cut", "header longer than the file", "last byte cut", "bytes added", "pickle")
HARM += ("too large",)


@pytest.mark.parametrize("how", HARM)
def test_weights_that_are_damaged_or_foreign_are_refused(tmp_path, how):
    path = save_run(some_run(), tmp_path).info.path
    damaged(path / "weights.safetensors", how)
    with pytest.raises(RunError) as error:
        load_run(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", HARM)
def test_a_resume_file_that_is_damaged_or_foreign_is_refused(tmp_path, how):
    path = half_way(tmp_path)
    damaged(path / "resume.safetensors", how)
    with pytest.raises(RunError):
        resumed_run(path, some_corpus())
    load_run(path)


def test_weights_of_another_cell_type_are_refused(tmp_path):
    for kind in RNN_TYPES[:2]:
        save_run(some_run(kind, kind), tmp_path)
    (tmp_path / "GRU" / "weights.safetensors").replace(tmp_path / "LSTM" / "weights.safetensors")
    with pytest.raises(RunError, match="another model"):
        load_run(tmp_path / "LSTM")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["tokens", "split"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
FIELDS = ("model", "vocab", "corpus", "fingerprint", "config", "history", "cue", "valid_loss")
FIELDS += ("test_loss", "probe_loss", "accuracy", "command", "versions")
INSIDE = [("model", key) for key in module.MODEL_KEYS] + [("vocab", "tokens"), ("vocab", "split")]


@cases(max_examples=200)
@given(st.sampled_from([(field,) for field in FIELDS] + INSIDE), JSON)
@example(("valid_loss",), 10**400)
@example(("history",), [{"step": 1, "loss": -(10**400)}])
@example(("cue",), 10**400)
@example(("model", "hidden_size"), 65_537)
@example(("model", "dropout"), 10**400)
@example(("model", "tie_weights"), True)
@example(("model", "embedding_size"), 4)
@example(("vocab", "tokens"), {"<unk>": 0, "b": 1, "c": 2, "d": 3, "e": 4})
def test_a_malformed_run_json_is_a_run_or_a_run_error(tmp_path, where, value):
    path = save_run(some_run(tied=False), tmp_path).info.path
    raw = json.loads((path / "run.json").read_bytes())
    inner = raw
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    (path / "run.json").write_text(json.dumps(raw), encoding="utf-8")
    try:
        found = [load_run(path).info]
    except RunError:
        found = []
    listed = list_runs([tmp_path])  # one that cannot be read breaks no list
    assert not found or listed == found


@pytest.mark.parametrize("field", [(f,) for f in FIELDS] + INSIDE, ids="/".join)
def test_a_run_json_that_lacks_a_field_is_refused(tmp_path, field):
    path = save_run(some_run(), tmp_path).info.path
    raw = json.loads((path / "run.json").read_bytes())
    inner = raw
    for key in field[:-1]:
        inner = inner[key]
    del inner[field[-1]]
    (path / "run.json").write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(RunError):
        load_run(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"[1]", b'"run"', b"\xff\xfe{}", b"[" * 100_000, b"1" * 5000]
)
def test_a_run_json_that_is_no_description_is_refused(tmp_path, content):
    path = save_run(some_run(), tmp_path).info.path
    (path / "run.json").write_bytes(content)
    with pytest.raises(RunError):
        load_run(path)
    assert list_runs([tmp_path]) == []


def test_a_run_json_larger_than_the_limit_is_not_read(tmp_path, monkeypatch):
    path = save_run(some_run(), tmp_path).info.path
    monkeypatch.setattr(module, "MAX_JSON", 100)
    with pytest.raises(RunError, match="larger"):
        load_run(path)


@pytest.mark.parametrize("config", [{"steps": "x"}, {"colour": 1}, {}, {"steps": 5, "lr": []}])
def test_going_on_with_a_config_that_makes_no_sense_is_refused(tmp_path, config):
    path = half_way(tmp_path)
    raw = json.loads((path / "run.json").read_bytes())
    (path / "run.json").write_text(json.dumps(raw | {"config": config}), encoding="utf-8")
    with pytest.raises(RunError):
        resumed_run(path, some_corpus())


def test_sizes_that_no_memory_holds_are_refused_before_memory_is_taken(tmp_path):
    path = save_run(some_run(rnn_type="RNN_TANH"), tmp_path).info.path
    raw = json.loads((path / "run.json").read_bytes())
    raw["model"]["hidden_size"] = 65_536  # 17 GB in one matrix
    (path / "run.json").write_text(json.dumps(raw), encoding="utf-8")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))\n"
        "from rnnviz import RunError, load_run\n"
        "try: load_run(sys.argv[1])\n"
        "except RunError: print('refused')"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert result.stdout == "refused\n", result.stderr[-500:]


ODD_NAMES = ("../../x", "..", ".", "", "/etc/x", "a/b", "a\\b", "<img onerror=alert(1)>", "a\nb")
ODD_NAMES += (".x", "x.", "x" * 81, "a\0b", "\U00010330" * 80)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_is_no_plain_folder_is_not_written(tmp_path, name):
    (tmp_path / "deep" / "runs").mkdir(parents=True)
    with pytest.raises(RunError):
        save_run(some_run(name), tmp_path / "deep" / "runs")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("name", ["nothing", "../../x", "", "\0", "x" * 300, "<img onerror=1>"])
def test_a_run_that_is_not_there_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError):
        load_run(name)


@pytest.mark.parametrize("failing", ["weights.safetensors", "run.json", "resume.safetensors"])
def test_a_full_disk_is_a_run_error_and_leaves_the_old_files_whole(tmp_path, monkeypatch, failing):
    path = half_way(tmp_path)
    before = {name: (path / name).read_bytes() for name in files(path)}
    run, state = resumed_run(path, some_corpus())
    whole = Path.write_bytes

    def full(target: Path, content: bytes) -> int:
        if failing not in target.name:
            return whole(target, content)
        whole(target, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(RunError, match="No space left"):
            list(fit(run, some_corpus(), tmp_path, state, lambda: state.step >= 9))
    assert files(path) == sorted(before)
    assert (path / failing).read_bytes() == before[failing]
    load_run(path)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_whatever_is_saved_can_be_read_again(tmp_path, loss):
    run = some_run(valid_loss=1.0, test_loss=loss, probe_loss=loss)
    try:
        save_run(run, tmp_path)
    except RunError:
        assert list(tmp_path.rglob("*.json")) == []
    else:
        assert load_run(tmp_path / "made").info.valid_loss == 1.0


@pytest.mark.parametrize("module_name", ["rnnviz", "rnnviz.imports", "rnnviz.views", "rnnviz.ui"])
def test_torch_is_not_imported_before_it_is_needed(module_name):
    code = f"import sys, {module_name}; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr[-500:]
