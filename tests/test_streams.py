"""What the command line writes to streams and files, whatever they can take."""

import io
import os
import pwd
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import rnnviz
from rnnviz import list_runs, load_corpus, load_run, save_run
from rnnviz._files import write
from rnnviz.data.download import data_folder
from rnnviz.data.source import CorpusError
from rnnviz.runs.info import RunError
from rnnviz.runs.names import runs_folder
from tests.test_app import opened
from tests.test_cli import TINY, call
from tests.test_runs import some_run

RUSSIAN = "мой текст"
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("rnnviz._paths.SHIPPED_RUNS", tmp_path / "assets")
    (tmp_path / f"{RUSSIAN}.txt").write_text("снег идёт ☃ весь день\n" * 40, encoding="utf-8")
    return tmp_path


def ascii_stream(monkeypatch, name: str, errors: str = "strict") -> io.TextIOWrapper:
    """A stdout or stderr that takes ASCII only, as under PYTHONIOENCODING=ascii."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=errors)
    monkeypatch.setattr(sys, name, stream)
    return stream


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode("ascii")


def test_what_a_stream_cannot_say_is_replaced_and_files_are_utf8(place, monkeypatch):
    out, err = (ascii_stream(monkeypatch, name) for name in ("stdout", "stderr"))
    assert call("train", "--corpus", f"{RUSSIAN}.txt", *TINY, "--steps", "2") == 0
    name = "мой-текст-lstm"
    assert [info.name for info in list_runs()] == [name]
    assert r"\u043c\u043e\u0439 " in written(out)
    assert r"\u043c\u043e\u0439-" in written(err)  # the progress bar
    save_run(some_run("zzz"), place / "runs")
    for command in (["runs"], ["eval", name, f"--corpus={RUSSIAN}.txt"]):
        assert call(*command) == 0
    assert "zzz " in written(out)
    assert "valid: " in written(out)
    before = len(written(out))
    sample = ("sample", name, "--tokens", "50", "--seed", "1")
    assert call(*sample) == 0
    shown = written(out)[before:].removesuffix("\n")
    assert call(*sample, "-o", "out.txt") == 0
    text = (place / "out.txt").read_text(encoding="utf-8").removesuffix("\n")
    assert shown == text.encode("ascii", "backslashreplace").decode()
    assert load_run(name).info.corpus == RUSSIAN
    assert call("eval", "немой") == 2
    assert written(err).endswith(
        "rnnviz: there is no run '\\u043d\\u0435\\u043c\\u043e\\u0439'; `python -m rnnviz runs` "
        "lists those there are\n"
    )


def test_a_handler_that_a_person_chose_is_kept(monkeypatch):
    stream = ascii_stream(monkeypatch, "stdout", "replace")
    save_run(some_run("тест"), "runs")
    assert call("runs") == 0
    assert written(stream).startswith("???? ")


def pipe(buffered: bool) -> io.TextIOWrapper:
    """A stdout, with or without a buffer, whose reader has ended."""
    read, end = os.pipe()
    os.close(read)
    raw = os.fdopen(end, "wb", buffering=-1 if buffered else 0)
    return io.TextIOWrapper(raw, encoding="utf-8", write_through=not buffered)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "command", [["runs"], ["--help"], ["sample", "made", "--tokens", "9", "--seed", "1"]]
)
def test_a_reader_that_ends_early_costs_no_word(monkeypatch, capsys, buffered, command):
    for name in ("made", "zzz"):
        save_run(some_run(name), "runs")
    stream = pipe(buffered)
    monkeypatch.setattr(sys, "stdout", stream)
    assert call(*command) == 0
    stream.close()  # what Python does at its exit
    assert capsys.readouterr().err == "seed 1\n" * (command[0] == "sample")


def test_a_reader_that_ends_early_costs_no_training(monkeypatch):
    monkeypatch.setattr(sys, "stdout", pipe(buffered=False))
    types = ("--rnn-type", "LSTM", "GRU")
    assert call("train", "--corpus", f"{RUSSIAN}.txt", *types, *TINY, "--steps", "2") == 0
    assert len(list_runs()) == 2


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [("| head -c 1", 0, ""), (">&-", 0, ""), (">/dev/full", 2, "No space left on device")],
)
def test_the_process_itself_ends_as_quietly(place, redirected, code, said):
    for number in range(3):
        save_run(some_run(f"made{number}"), place / "runs")
    command = f"{shlex.join([sys.executable, '-m', 'rnnviz', 'runs'])} {redirected}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == code
    assert done.stderr == (f"rnnviz: [Errno 28] {said}\n" if said else "")


def test_the_version_is_said(capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out == f"rnnviz {rnnviz.__version__}\n"


@pytest.mark.parametrize(
    "command",
    [["sample", "made", "--tokens", "3", "-o"], ["trace", "made", "--text", "naïve", "-o"]],
    ids=["sample", "trace"],
)
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("nowhere/x.npz", "the folder nowhere does not exist"),
        ("nowhere/deep/x.npz", "the folder nowhere/deep does not exist"),
        ("file/x.npz", "Not a directory"),
        ("runs", "Is a directory"),
        ("x" * 300, "File name too long"),
        ("", "Is a directory"),
        ("/dev/full", "No space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_is_named_as_it_was_given(capsys, command, output, reason):
    save_run(some_run("made"), "runs")
    Path("file").touch()
    assert call(*command, output) == 2
    assert capsys.readouterr().err == f"rnnviz: {output or '.'}: {reason}\n"


def test_a_file_of_the_longest_name_is_written_and_leaves_no_other(place):
    name = "ж" * 127
    write(place / name, b"x")
    assert (place / name).read_bytes() == b"x"
    assert {file.name for file in place.iterdir()} == {f"{RUSSIAN}.txt", name}


@pytest.fixture
def homeless(monkeypatch):
    """Neither HOME nor an entry for this user."""

    def nobody(*_):
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(pwd, "getpwnam", nobody)


def test_a_tilde_is_the_home_directory(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place / "home"))
    for name in ("RNNVIZ_RUNS", "RNNVIZ_DATA"):
        monkeypatch.setenv(name, "~/x")
    assert runs_folder() == data_folder() == place / "home" / "x"
    assert call("train", "--corpus", f"{RUSSIAN}.txt", *TINY, "--steps", "1") == 0
    assert call("sample", "мой-текст-lstm", "--tokens", "3", "--output=~/x/text") == 0
    assert call("train", "--corpus=counting", *TINY, "--steps", "1", "--out=~/y") == 0
    assert len(list((place / "home" / "x").iterdir())) == 2
    assert load_run(place / "home" / "y" / "counting-lstm")
    assert save_run(some_run("made"), "~/y").info.path == place / "home" / "y" / "made"
    assert not (place / "~").exists()


def test_a_tilde_is_the_home_directory_of_a_run_too(place, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(place / "home"))
    file = f"{RUSSIAN}.txt"
    command = ("train", "--corpus", file, *TINY, "--steps", "1", "--out=~/y", "--name")
    assert call(*command, "first") == 0
    assert call("eval", "~/y/first") == 0
    assert call("sample", "~/y/first", "--tokens", "3") == 0
    assert call("trace", "~/y/first", "--text", "снег", "--output=~/t.npz") == 0
    assert call(*command, "second", "--from=~/y/first") == 0
    assert load_run("~/y/second").info.origin == "first"
    assert [info.name for info in list_runs(["~/y"])] == ["first", "second"]
    rnnviz.trace_model(load_run(Path("~/y/first")).model, [1, 2]).save("~/lib.npz")
    home = {file.name for file in (place / "home").iterdir()}
    assert home == {"y", "t.npz", "lib.npz"}
    assert not (place / "~").exists()


@pytest.mark.parametrize("path", ["~/o", "~no-such-user-here/o"])
def test_a_home_directory_that_is_not_known_is_one_sentence(place, homeless, capsys, path):
    run, known = some_run("made"), f"{path!r} begins with a home directory that is not known"
    before = sorted(place.rglob("*"))
    for act in (
        lambda: save_run(run, path),
        lambda: load_run(path),
        lambda: list_runs([path]),
        lambda: load_corpus(path),
        lambda: rnnviz.trace_model(run.model, [1, 2]).save(path),
    ):
        with pytest.raises(ValueError, match=re.escape(known)):
            act()
    trained = ("train", f"--corpus={RUSSIAN}.txt", *TINY, "--steps", "1")
    given = [(*trained, f"--out={path}"), (*trained, f"--from={path}"), ("eval", path)]
    given += [("sample", path), ("trace", "made", "--text=a", f"--output={path}"), ("import", path)]
    for command in given:
        capsys.readouterr()
        assert call(*command) == 2
        said = capsys.readouterr().err
        assert known in said, command
        assert said.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_without_a_home_directory_a_promised_error_is_that_error(homeless, monkeypatch, capsys):
    monkeypatch.delenv("RNNVIZ_DATA", raising=False)
    with pytest.raises(CorpusError, match="RNNVIZ_DATA"):
        load_corpus("tiny-shakespeare")
    monkeypatch.setenv("RNNVIZ_DATA", "~/x")
    with pytest.raises(CorpusError, match="RNNVIZ_DATA"):
        load_corpus("tiny-shakespeare")
    with pytest.raises(CorpusError):
        load_corpus("~/x.txt")
    monkeypatch.setenv("RNNVIZ_RUNS", "~/x")
    for read in (list_runs, lambda: load_run("made"), runs_folder):
        with pytest.raises(RunError, match="RNNVIZ_RUNS is '~/x'"):
            read()
    assert call("runs") == 2
    assert re.fullmatch("rnnviz: RNNVIZ_RUNS.*\n", capsys.readouterr().err)
    assert call("sample", "made", "--output=~/x") == 2
    assert call("app") == 2
    assert capsys.readouterr().err.endswith("set HOME to a folder\n")


@pytest.mark.parametrize("page", ["", "pages/gates.py", "pages/train.py", "pages/models.py"])
def test_a_folder_of_runs_in_no_home_is_a_sentence_on_every_page(monkeypatch, page):
    monkeypatch.setenv("RNNVIZ_RUNS", "~no-such-user-here/x")
    app = opened(page)
    assert not app.exception
    assert "give a whole path" in app.error[0].value
