import hashlib
import http.server
import threading

import pytest

from rnnviz import CorpusError, load_corpus
from rnnviz.data import download
from rnnviz.data.corpus import read

TEXT = b"First Citizen:\nBefore we proceed any further, hear me speak.\n" * 20


@pytest.mark.parametrize("spec", ["python-source", "python-docs", "brackets", "counting", "recall"])
def test_built_in_corpora_load_in_three_disjoint_parts(spec):
    train, valid, test = read(spec).texts
    assert len(train) >= 20_000  # of a made task some of the endless items
    assert min(len(valid), len(test)) > 1_000
    assert valid[:2000] not in train
    assert test[:2000] not in train + valid


def test_python_docs_is_english_in_words():
    corpus = load_corpus("python-docs", "word", min_count=2)
    assert {"the", "is", ".", "<eos>", "<unk>"} <= set(corpus.vocab.id2token)
    assert len(corpus.train) > 50_000


def test_recall_asks_for_the_symbol_of_thirty_fillers_before():
    text = read("recall").texts[1]
    for start in range(0, len(text) - 32, 33):
        item = text[start : start + 33]
        assert item[0] in "ABCDEFGH"
        assert item[0] == item[32]
        assert item[31] == "?"
        assert set(item[1:31]) <= set("abcdefgh")
    corpus = load_corpus("recall")
    assert corpus.vocab.id2token[corpus.cue] == "?"


def test_brackets_are_nested_well():
    for line in read("brackets").texts[1].splitlines():
        stack = []
        for character in line:
            if character in "([{<":
                stack.append(")]}>"["([{<".index(character)])
            else:
                assert stack.pop() == character
        assert not stack


def test_counting_has_as_many_b_as_a():
    for line in read("counting").texts[1].splitlines():
        n = len(line) // 2
        assert line == "a" * n + "b" * n


def test_a_file_is_cut_in_order_and_a_folder_by_its_files(tmp_path):
    file = tmp_path / "my text.txt"
    file.write_text("0123456789" * 100)
    source = read(str(file))
    assert source.name == "my text"
    assert "".join(source.texts) == file.read_text()
    assert [len(text) for text in source.texts] == [900, 50, 50]
    for part in ("train", "valid"):
        (tmp_path / f"{part}.txt").write_text(f"{part} = <unk> @-@ words\n" * 9)
    corpus = load_corpus(str(tmp_path), "word")
    assert "@-@" in corpus.vocab.token2id
    assert len(corpus.test) == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "too short"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"caf\xe9" * 30, "not UTF-8"),
        (b"a\0b" * 30, "NUL"),
    ],
)
def test_what_is_no_text_is_refused_in_one_sentence(tmp_path, content, sentence):
    file = tmp_path / "x.txt"
    file.write_bytes(content)
    with pytest.raises(CorpusError, match=sentence):
        load_corpus(str(file))


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(CorpusError, match="no corpus named 'nowhere'"):
        read("nowhere")
    with pytest.raises(CorpusError, match=r"no train\.txt"):
        read(str(tmp_path))


class Answers(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        if self.path == "/missing":
            self.send_error(404)
            return
        body = {"/right": TEXT, "/cut": TEXT[:100], "/wrong": TEXT.upper()}[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def publisher(monkeypatch, tmp_path):
    """A server on this machine; `publisher(path)` makes it the home of tiny-shakespeare."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("RNNVIZ_DATA", str(tmp_path))
    blob = hashlib.sha1(b"blob %d\0" % len(TEXT) + TEXT).hexdigest()

    def publish(path):
        url = f"http://127.0.0.1:{server.server_port}{path}"
        monkeypatch.setitem(download.DOWNLOADS, "tinyshakespeare.txt", (url, blob))

    yield publish
    server.shutdown()
    server.server_close()


def test_a_text_is_downloaded_once_checked_and_kept(publisher, tmp_path):
    publisher("/right")
    before = Answers.asked
    train, valid, test = read("tiny-shakespeare").texts
    assert (train + valid).encode() == TEXT
    assert len(train) == int(0.9 * len(TEXT))
    assert test == ""
    assert read("tiny-shakespeare").texts == (train, valid, test)
    assert Answers.asked == before + 1
    assert [path.name for path in tmp_path.iterdir()] == ["tinyshakespeare.txt"]


@pytest.mark.parametrize("path", ["/wrong", "/cut", "/missing"])
def test_a_failed_download_says_where_to_put_the_file_and_keeps_nothing(publisher, tmp_path, path):
    publisher(path)
    with pytest.raises(CorpusError, match=r"tinyshakespeare\.txt.*RNNVIZ_DATA"):
        read("tiny-shakespeare")
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_error_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNVIZ_DATA", str(tmp_path))
    for file in download.DOWNLOADS:
        monkeypatch.setitem(download.DOWNLOADS, file, ("http://127.0.0.1:9/x", "0"))
    with pytest.raises(CorpusError, match=r"wikitext-2/train\.txt could not be downloaded"):
        read("wikitext-2")
