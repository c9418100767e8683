"""More of data and corpora: what cannot be read, fetched or written."""

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnnviz.data import download
from rnnviz.data.corpus import load_corpus, read
from rnnviz.data.source import CorpusError, from_files, from_text
from rnnviz.data.vocab import EOS, UNK, Vocab

DATA = b"First Citizen:\nBefore we proceed any further, hear me speak.\n" * 20


@given(st.lists(st.lists(st.sampled_from(["one", "two", ","]), max_size=3), min_size=1, max_size=5))
@example([["one"], [], ["two"]])
@example([[], ["one"], []])
def test_eos_becomes_a_new_line_without_spaces_around_it(lines):
    vocab = Vocab((UNK, EOS, "one", "two", ","), "word")
    text = "\n".join(" ".join(line) for line in lines)
    assert vocab.decode(vocab.encode(text)) == text


@pytest.mark.parametrize(
    "spec",
    ["nothing-here", "", "a\0b", "x" * 5000, "~no-such-user-here/a.txt"],
    ids=["no file", "empty", "NUL", "too long for a path", "no such user"],
)
def test_a_corpus_that_is_not_there_is_refused(spec, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError):
        load_corpus(spec)


@pytest.mark.parametrize("text", ["a\0b" * 30, "a\ud800" * 30])
def test_a_pasted_text_that_is_no_text_is_refused(text):
    with pytest.raises(CorpusError, match="it is no text"):
        from_text(text, "pasted")


def test_a_last_line_of_spaced_words_ends_as_all_lines_do(tmp_path):
    parts = {f"{part}.txt": b"one two\nthree" for part in ("train", "valid")}
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    for source in (read(str(tmp_path)), from_files(parts)):
        assert source.texts == ("one two\nthree\n", "one two\nthree\n", "")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """tiny-shakespeare on a server of this machine; RNNVIZ_DATA is an empty place."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "input.txt").write_bytes(DATA)
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www")
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    blob = hashlib.sha1(b"blob %d\0" % len(DATA) + DATA).hexdigest()
    url = f"http://127.0.0.1:{server.server_port}/input.txt"
    monkeypatch.setattr(download, "DOWNLOADS", {"tinyshakespeare.txt": (url, blob)})
    monkeypatch.setenv("RNNVIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield tmp_path
    server.shutdown()
    server.server_close()


def test_a_data_folder_that_cannot_be_written_is_one_clear_error(published, monkeypatch):
    (published / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("RNNVIZ_DATA", str(published / "file"))
    with pytest.raises(CorpusError):
        read("tiny-shakespeare")


def test_a_full_disk_leaves_no_half_written_download(published, monkeypatch):
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        whole(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(CorpusError):
            read("tiny-shakespeare")
    assert not [path for path in (published / "data").rglob("*") if path.is_file()]
    assert "".join(read("tiny-shakespeare").texts) == DATA.decode()
