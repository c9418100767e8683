"""A run as one file: it comes back as it was, and hostile files leave nothing behind."""

import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from rnnviz import RunError, _paths, list_runs, load_run, save_run
from rnnviz.runs import archive, info, library
from rnnviz.runs.names import claim, runs_folder
from tests.test_runs import ODD_NAMES, some_run


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The user's folder in one of its own, beside a stranger's file; no shipped runs."""
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "deep" / "runs"))
    monkeypatch.setattr("rnnviz._paths.SHIPPED_RUNS", tmp_path / "assets")
    (tmp_path / "deep").mkdir()
    (tmp_path / "secret").write_text("stays", encoding="utf-8")
    return tmp_path


def own(name="made", **fields):
    return save_run(some_run(name, **fields), runs_folder()).info


def names() -> list[str]:
    return sorted(path.name for path in runs_folder().iterdir())


def everything(folder: Path) -> dict:
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def packed(**changes) -> bytes:
    """A packed run with other metadata; None leaves a key out."""
    whole = archive.pack(save_run(some_run(), _paths.SHIPPED_RUNS.parent / "source").info)
    told = archive.metadata(whole) | changes
    return save(load(whole), {k: v for k, v in told.items() if v is not None})


def described(**changes) -> str:
    return json.dumps(json.loads(archive.metadata(packed())["run"]) | changes)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_a_run_comes_back_as_it_was(place, tied, half):
    run = some_run("naïve.1", tied=tied, valid_loss=1.25, config={"steps": 3}, command="a 'b'")
    before = save_run(run, runs_folder(), half=half).info
    raw = archive.pack(before)
    assert ("projection.weight" in load(raw)) != tied
    after = archive.unpack(raw, place / "other")
    assert replace(after, path=None) == replace(before, path=None)
    assert after.path == place / "other" / "naïve.1"
    old, new = ((i.path / "weights.safetensors").read_bytes() for i in (before, after))
    assert old == new
    load_run(after.path)


def test_a_name_in_use_gets_a_number_and_a_shipped_one_too(place):
    raw = packed()
    folder = runs_folder()
    assert [archive.unpack(raw, folder).name for _ in range(3)] == ["made", "made-2", "made-3"]
    save_run(some_run("shipped"), _paths.SHIPPED_RUNS)
    assert archive.unpack(packed(name="shipped"), folder).name == "shipped-2"
    assert library.keep(some_run(), folder).name == "made-4"
    assert archive.unpack(raw, folder, "mine").name == "mine"
    (folder / "file").write_text("in the way", encoding="utf-8")
    (folder / "link").symlink_to(place / "nowhere")
    for name in ("file", "link", "x" * 80, "x" * 80):
        found = archive.unpack(packed(name=name), folder)
        assert found.name in (f"{name}-2", "x" * 80, "x" * 70 + "-2")
    assert {info.name for info in list_runs()} >= {"made-4", "file-2", "link-2", "shipped"}


def refused(raw: bytes, place: Path) -> str:
    before = everything(place)
    with pytest.raises(RunError) as error:
        archive.unpack(raw, runs_folder())
    runs_folder().exists() and before.setdefault(runs_folder(), None)
    assert everything(place) == before
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_is_no_plain_folder_is_refused(place, name):
    refused(packed(name=name or "."), place)


HARM = {
    "empty": lambda raw: b"",
    "header alone": lambda raw: raw[:8],
    "header of 100 MB": lambda raw: struct.pack("<Q", 100 * 2**20) + raw[8:],
    "header beyond all memory": lambda raw: struct.pack("<Q", 2**64 - 1) + raw[8:],
    "cut in the header": lambda raw: raw[:50],
    "last byte cut": lambda raw: raw[:-1],
    "bytes added": lambda raw: raw + b"x",
    "header no JSON": lambda raw: raw[:8] + b"[" * (len(raw) - 8),
    "no safetensors": lambda raw: b"PK\x03\x04" + raw,
    "offsets beyond the file": lambda raw: offsets(raw, lambda a, b: (a, b + 2**40)),
    "offsets backwards": lambda raw: offsets(raw, lambda a, b: (b, a)),
    "offsets below 0": lambda raw: offsets(raw, lambda a, b: (-8, b)),
    "all at one place": lambda raw: offsets(raw, lambda a, b: (0, b - a)),
    "many tensors": lambda raw: save({str(i): torch.zeros(0) for i in range(999)}, told()),
    "no metadata": lambda raw: save(load(raw)),
    "no run": lambda raw: packed(run=None),
    "no name": lambda raw: packed(name=None),
    "run no JSON": lambda raw: packed(run="{"),
    "run of 50 MB": lambda raw: packed(run=described(command="x" * 50 * 2**20)),
    "run of 25 MB": lambda raw: packed(run=described(command="x" * 25 * 2**20)),
    "run another model": lambda raw: packed(run=described(model={"rnn_type": "GRU"})),
    "run without vocabulary": lambda raw: packed(run=described(vocab={"tokens": []})),
    "history of words": lambda raw: packed(run=described(history=[{"step": 1}])),
    "clip a word": lambda raw: packed(run=described(config={"clip": "x"})),
    "huge sizes": lambda raw: packed(run=grown()),
    "not finite": lambda raw: save(
        {k: t.fill_(float("nan")) for k, t in load(raw).items()}, archive.metadata(raw)
    ),
    "other tensors": lambda raw: save({"x": torch.zeros(3)}, archive.metadata(raw)),
}


def told() -> dict:
    return archive.metadata(packed())


def grown() -> str:
    raw = json.loads(told()["run"])
    raw["model"]["hidden_size"] = 65_536
    return json.dumps(raw)


def offsets(raw: bytes, change) -> bytes:
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    for name, entry in header.items():
        if name != "__metadata__":
            entry["data_offsets"] = change(*entry["data_offsets"])
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + raw[8 + size :]


@pytest.mark.parametrize("how", HARM)
def test_a_damaged_or_hostile_file_is_refused_and_leaves_nothing(place, how):
    raw = packed()
    refused(HARM[how](raw), place)


def test_any_changed_byte_gives_a_run_or_a_run_error(place):
    raw, folder = packed(), runs_folder()

    @given(st.integers(0, len(raw) - 1), st.integers(0, 255))
    def changed(where, byte):
        try:
            info = archive.unpack(raw[:where] + bytes([byte]) + raw[where + 1 :], folder)
        except RunError:
            return
        load_run(info.path)

    changed()
    assert all(not name.startswith(".") for name in names())


def test_a_link_inside_a_name_is_not_written_through(place):
    folder = runs_folder()
    folder.mkdir()
    (folder / "made").symlink_to(place, target_is_directory=True)
    assert archive.unpack(packed(), folder).name == "made-2"
    assert sorted(p.name for p in place.iterdir()) == ["deep", "secret", "source"]


def test_two_processes_give_two_runs(place):
    (place / "one.safetensors").write_bytes(packed())
    code = (
        "import sys; from pathlib import Path; from rnnviz.runs import archive\n"
        "raw = Path(sys.argv[1]).read_bytes()\n"
        "for _ in range(5): archive.unpack(raw, Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, place / "one.safetensors", runs_folder()]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in both] == [(b"", 0)] * 2
    assert names() == sorted(["made", *(f"made-{n}" for n in range(2, 11))])
    for name in names():
        load_run(runs_folder() / name)


def test_a_folder_that_cannot_be_written_is_one_sentence(place):
    for folder in (place / "secret", place / "secret" / "below"):
        with pytest.raises(RunError, match="cannot be written"):
            archive.unpack(packed(), folder)
    assert (place / "secret").read_text(encoding="utf-8") == "stays"


def test_a_full_disk_leaves_nothing(place, monkeypatch):
    raw = packed()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for method in ("write_bytes", "write_text", "rename"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, full)
            assert "No space left" in refused(raw, place)


def test_renaming_moves_a_run_and_takes_no_name_in_use(place):
    info = own()
    renamed = library.rename(info, "other name")
    assert (renamed.name, names()) == ("other name", ["other name"])
    assert load_run("other name").info == renamed
    own("taken")
    save_run(some_run("shipped"), _paths.SHIPPED_RUNS)
    for name in ("taken", "other name", "shipped"):
        with pytest.raises(RunError, match="already"):
            library.rename(renamed, name)
    for name in ODD_NAMES:
        with pytest.raises(RunError):
            library.rename(renamed, name)
    assert names() == ["other name", "taken"]
    assert sorted(p.name for p in place.iterdir()) == ["assets", "deep", "secret"]


def test_deleting_takes_the_files_of_a_run_and_no_others(place):
    library.delete(own())
    assert names() == []
    info = own("kept")
    (info.path / "notes.txt").write_text("mine", encoding="utf-8")
    library.delete(info)
    assert [p.name for p in info.path.iterdir()] == ["notes.txt"]
    assert list_runs() == []


def test_deleting_takes_what_a_killed_training_had_half_written():
    info = own()
    (info.path / "snapshots").mkdir()
    for name in (".weights.safetensors.12", ".run.json.3", "snapshots/.40.safetensors.5"):
        (info.path / name).write_bytes(b"half")
    library.delete(info)
    assert names() == []


def test_an_empty_folder_that_a_training_has_claimed_is_a_name_in_use(place, monkeypatch):
    info = own()
    claim("taken", runs_folder())
    exists = Path.exists  # the claim came between the look and the rename
    monkeypatch.setattr(Path, "exists", lambda path: path.name != "taken" and exists(path))
    with pytest.raises(RunError, match="already"):
        library.rename(info, "taken")
    assert archive.unpack(packed(name="taken"), runs_folder()).name == "taken-2"
    assert names() == ["made", "taken", "taken-2"]
    assert not list((runs_folder() / "taken").iterdir())


def test_only_own_runs_are_touched(place):
    shipped = save_run(some_run(), _paths.SHIPPED_RUNS).info
    elsewhere = save_run(some_run(), place / "elsewhere").info
    own("other")
    out = replace(elsewhere, path=runs_folder() / "..")
    (place / "deep" / "run.json").write_bytes((elsewhere.path / "run.json").read_bytes())
    before = everything(place)
    for one in (shipped, elsewhere, out):
        for act in (library.delete, lambda info: library.rename(info, "mine")):
            with pytest.raises(RunError, match="not one of your runs"):
                act(one)
    assert everything(place) == before


def test_a_link_is_removed_and_not_what_it_points_to(place):
    elsewhere = save_run(some_run(), place / "elsewhere").info
    before = everything(place / "elsewhere")
    link = runs_folder() / "link"
    link.parent.mkdir()
    link.symlink_to(elsewhere.path, target_is_directory=True)
    library.delete(library.rename(info.read_info(link), "moved"))
    inside = own("inside")
    (inside.path / "weights.safetensors").unlink()
    (inside.path / "weights.safetensors").symlink_to(elsewhere.path / "weights.safetensors")
    library.delete(inside)
    assert names() == []
    assert everything(place / "elsewhere") == before


def test_a_run_that_vanished_is_one_sentence():
    info = own()
    library.delete(info)
    for act in (archive.pack, library.delete, lambda info: library.rename(info, "new")):
        with pytest.raises(RunError) as error:
            act(info)
        assert "made" in str(error.value)


def test_a_run_that_is_damaged_is_not_packed():
    info = own()
    (info.path / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(RunError, match="damaged"):
        archive.pack(info)
