"""Runs on disk: written whole, read back as they were, and refused in one sentence."""

import ast
import itertools
import json
import math
import os
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
from safetensors import safe_open
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
from rnnviz.data.corpus import Corpus
from rnnviz.data.vocab import Vocab
from rnnviz.jobs.fit import fit
from rnnviz.jobs.start import new_run, resumed_run
from rnnviz.runs import info, resume, weights
from rnnviz.runs.run import Run
from rnnviz.training.config import TrainState

VOCAB = Vocab(("<unk>", "<eos>", "naïve", "\x1b[2J", "<img src=x>"), "word")


SMALL = {"batch_size": 2, "sequence_length": 3, "log_every": 1}


@pytest.fixture(autouse=True)
def without_probe(monkeypatch):
    monkeypatch.setattr("rnnviz._paths.PROBE", Path("no probe here"))


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
        "forget_bias": None,
    }
    info = RunInfo(name=name, model=model, vocab=VOCAB, corpus="c", fingerprint="f", **fields)
    return Run(info, RNNModel(**info.model))


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


EXP_AVG = "moments/exp_avg.embedding.weight"
STATES = {  # what stands in a resume file instead, None: nothing
    "moment of another shape": {EXP_AVG: torch.ones(2)},
    "moment of another type": {EXP_AVG: torch.ones(4, 5, dtype=torch.int64)},
    "one moment missing": {EXP_AVG: None},
    "foreign moment": {"moments/x": torch.ones(2)},
    "hidden missing": {"hidden/1": None},
    "hidden too many": {"hidden/2": torch.ones(1, 2, 4)},
    "hidden of one dimension": {"hidden/0": torch.ones(8)},
    "hidden of another batch": {"hidden/0": torch.ones(1, 3, 4)},
    "hidden of whole numbers": {"hidden/0": torch.ones(1, 2, 4, dtype=torch.int32)},
    "hidden not finite": {"hidden/0": torch.full((1, 2, 4), math.nan)},
    "rng of floats": {"rng/state": torch.ones(5056)},
    "rng missing": {"rng/state": None},
    "foreign group": {"x/y": torch.ones(2)},
    **{
        f"{key} {value}": {key: value}
        for key, values in {
            "step": (math.inf, -5, 1e30, 10**30, 5.0, True, "5", None),
            "seconds": (math.nan, -1, 10**400, []),
            "anneal": (math.nan, 0, None),
            "best_valid": (math.nan, math.inf, True),
        }.items()
        for value in values
    },
}


@pytest.mark.parametrize("change", STATES.values(), ids=[name[:30] for name in STATES])
def test_a_state_that_training_cannot_have_left_is_refused(tmp_path, change):
    file = half_way(tmp_path) / "resume.safetensors"
    with safe_open(file, "pt") as opened:
        scalars = json.loads(opened.metadata()["state"])
    tensors = load_file(file)
    assert tensors[EXP_AVG].shape == (5, 4)
    for key, value in change.items():
        if key in scalars:
            scalars[key] = value
        else:
            tensors[key] = value
    tensors = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(tensors, file, {"state": json.dumps(scalars)})
    with pytest.raises(RunError, match="not what training left") as error:
        resumed_run(file.parent, some_corpus())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("batch_size", [4.0, 3, True, 0, None, 10**30])
def test_a_state_is_that_of_its_batch_size(tmp_path, batch_size):
    path = half_way(tmp_path)
    raw = json.loads((path / "run.json").read_bytes())
    raw["config"]["batch_size"] = batch_size
    (path / "run.json").write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(RunError):
        resumed_run(path, some_corpus())


def test_a_large_batch_has_room_for_its_hidden_state(tmp_path):
    model = some_run().model
    hidden = {"h": torch.zeros(resume.hidden_shapes(model, 2_000_000)[0])}  # 48 MB
    save_file(hidden, tmp_path / "x")
    with pytest.raises(RunError, match="too large"):
        weights.read_tensors(tmp_path / "x", model, copies=4)
    weights.read_tensors(tmp_path / "x", model, copies=4, more=48 * 10**6)


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
INSIDE = [("model", key) for key in info.MODEL_KEYS] + [("vocab", "tokens"), ("vocab", "split")]


@cases(max_examples=200)
@given(st.sampled_from([(field,) for field in FIELDS] + INSIDE), JSON)
@example(("valid_loss",), 10**400)
@example(("history",), [{"step": 1, "loss": -(10**400)}])
@example(("cue",), 10**400)
@example(("model", "hidden_size"), 65_537)
@example(("model", "dropout"), 10**400)
@example(("model", "forget_bias"), 3.402823466385289e38)
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


RECORD = {"step": 1, "loss": 1.0, "grad_norm": 1.0, "clipped": 0.0}
ODD = {
    "corpus": ("\ud800", "x" * 201, "\x1b[31mred", "a\nb", "\u202ecod.exe"),
    "command": ("\x1b]0;title\x07", "x" * 100_001),
    "spec": ("x" * 5_001, 1),
    "versions": ({"torch": "\x1b[0m"}, {"torch": 2}, {"\x00": "2"}),
    "config": ({"steps": "<b>"}, {"steps": True}, {"steps": -1}, {"lr": "1"}, {"x": [1]}),
    "cue": (1.5, True),
    "valid_loss": (True, "1"),
    "history": ([RECORD | {"step": -1}], [RECORD | {"loss": True}], [RECORD | {"step": 1.5}]),
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in ODD.items() for v in values])
def test_a_run_json_that_no_page_can_show_is_refused(tmp_path, key, value):
    path = save_run(some_run(), tmp_path).info.path
    raw = json.loads((path / "run.json").read_bytes())
    assert info.read_info(path).history == ()
    (path / "run.json").write_text(json.dumps(raw | {key: value}), encoding="utf-8")
    with pytest.raises(RunError):
        info.read_info(path)


def test_half_a_character_in_a_token_and_sizes_that_cannot_be_tied_are_refused(tmp_path):
    path = save_run(some_run(), tmp_path).info.path
    raw = json.loads((path / "run.json").read_bytes())
    tokens = [*VOCAB.id2token[:-1], "\ud800"]
    model = raw["model"] | {"tie_weights": True, "hidden_size": 4}
    for change in ({"vocab": {"tokens": tokens, "split": "char"}}, {"model": model}):
        (path / "run.json").write_text(json.dumps(raw | change), encoding="utf-8")
        with pytest.raises(RunError):
            info.read_info(path)


def test_what_is_odd_in_a_corpus_of_the_user_is_saved_so_that_it_can_be_read(tmp_path):
    run = some_run()
    run = replace(run, info=replace(run.info, corpus="\udcff\n" + "x" * 300, spec="a\x1b"))
    info = load_run(save_run(run, tmp_path).info.path).info
    assert (info.corpus, info.spec) == ("??" + "x" * 198, "a\x1b")


def test_a_folder_that_cannot_be_listed_hides_no_other(tmp_path, monkeypatch):
    save_run(some_run(), tmp_path)
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    (tmp_path / os.fsdecode(b"\xff") / "run.json").write_bytes(
        (tmp_path / "made" / "run.json").read_bytes()
    )
    folders = ["x" * 300, tmp_path / "made" / "run.json", tmp_path]
    assert [info.name for info in list_runs(folders)] == ["made"]


def test_a_history_too_long_for_run_json_is_thinned_evenly(tmp_path, monkeypatch):
    history = tuple(
        RECORD | {"step": n, "valid_loss": 1.0 if n % 100 == 0 else None} for n in range(1, 3001)
    )
    run = some_run(history=history)
    path = save_run(run, tmp_path).info.path
    monkeypatch.setattr(info, "MAX_JSON", (path / "run.json").stat().st_size // 3)
    kept = save_run(run, tmp_path).info.history
    assert info.read_info(path).history == kept
    steps = [record["step"] for record in kept]
    assert set(range(100, 3001, 100)) <= set(steps)
    assert len(steps) > 500
    assert max(b - a for a, b in itertools.pairwise(steps)) <= 5
    monkeypatch.setattr(info, "MAX_JSON", 3000)
    assert save_run(run, tmp_path).info.history[-1]["step"] == 3000


@pytest.mark.parametrize(
    "sizes",
    [{"num_hidden_layers": 65}, {"embedding_size": 70_000}, {"hidden_size": 10**9}],
)
def test_sizes_that_no_saved_run_may_have_are_refused_before_training(sizes):
    shape = {"rnn_type": "LSTM", "embedding_size": 4, "hidden_size": 4} | sizes
    with pytest.raises(ValueError, match="whole number from 1 to"):
        new_run("large", some_corpus(), TrainConfig(steps=1), **shape)


def test_weights_that_float16_cannot_hold_stay_float32(tmp_path):
    run = some_run()
    with torch.no_grad():
        run.model.projection.bias[0] = 1e6
    loaded = load_run(save_run(run, tmp_path, half=True).info.path)
    assert torch.equal(loaded.model.projection.bias, run.model.projection.bias)


NEEDED = [field for field in INSIDE if field != ("model", "forget_bias")]  # older runs have none


@pytest.mark.parametrize("field", [(f,) for f in FIELDS] + NEEDED, ids="/".join)
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
    monkeypatch.setattr(info, "MAX_JSON", 100)
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


def imports_of_pages() -> str:
    """What the pages import before they draw anything."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in Path("pages").glob("*.py")]
    imports = [n for tree in trees for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, imports))


@pytest.mark.parametrize("imports", ["import rnnviz, rnnviz.runs.importing", imports_of_pages()])
def test_what_takes_long_to_import_is_not_before_it_is_needed(imports):
    """A second, and a third of one, for which nothing of a page would be there."""
    code = f"{imports}\nimport sys\nprint({{'torch', 'pandas', 'rnnviz'}} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "{'rnnviz'}\n", result.stderr[-500:]


def test_the_heatmaps_of_gates_wait_for_no_figure():
    """Half a second of plotly, and as long of pandas, on a server's first page. Streamlit imports
    pandas to look at data, too, unless that is bytes or a list."""
    code = (
        "import sys; from rnnviz.app import components; components._heatmaps = lambda **_: "
        "print({'pandas', 'plotly.graph_objs._figure', 'torch'} & {*sys.modules}); "
        "from streamlit.testing.v1 import AppTest; "
        "AppTest.from_file('pages/gates.py', default_timeout=60).run()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "{'torch'}\n", result.stderr[-500:]
