"""Files of texts as other programs leave them: byte order marks, UTF-16, names of parts."""

import codecs
import random
import zlib

import pytest
import torch
from hypothesis import example as with_example
from hypothesis import given
from hypothesis import strategies as st

from rnnviz import load_corpus, load_run
from rnnviz.analysis import text_view
from rnnviz.data.corpus import make_corpus, read
from rnnviz.data.source import CorpusError, Source, decode, from_files, from_text, part_names
from rnnviz.data.vocab import BOM, LEVELS, Vocab, tokenize
from rnnviz.runs import importing
from tests.test_app import is_fine, opened
from tests.test_imports import example, example_ids, saved

TEXT = "the cat sat on the mat .\n" * 40
RAW = TEXT.encode()
MARK = codecs.BOM_UTF8
RUSSIAN = "кошкасиделанамате"
CHINESE = "第一章 一个人在家里。他说：“一切都好。”外面下着雨，街上没有一个人，只有一只猫。\n"
JAPANESE = "\u3000昔々、一人の老人がいた。山へ芝刈りに行った。\n\u3000川で桃を拾った。\n"
KOREAN = "고양이가 매트 위에 앉았다. 한국어 문장입니다.\n"
SCRIPTS = [TEXT, "снег идёт весь день\n", "hello", "привет мир\n", RUSSIAN, RUSSIAN.upper()]
SCRIPTS += [CHINESE, CHINESE.strip().replace(" ", ""), JAPANESE, KOREAN, "고양이가매트위에앉았다"]
SCRIPTS += ["बिल्लीचटाईपरबैठीथी", "பூனைபாயில்அமர்ந்தது", "పిల్లిచాపమీదకూర్చుంది", "বিড়াল", "แมวนั่งบนเสื่อ"]
SCRIPTS += [
    "החתול ישב",
    "جلستالقطة",
    "ηγάτακάθισε",
    "კატა ხალიჩაზე",
    "ድመቷ",
    "Con mèo ngồi trên tấm thảm",
]


def test_a_mark_is_no_part_of_a_text(tmp_path):
    plain = from_text(TEXT, "a")
    (tmp_path / "a.txt").write_bytes(MARK + RAW)
    for source in (
        from_text(BOM + TEXT, "a"),
        from_files({"a.txt": MARK + RAW}),
        from_files({"a.txt": 2 * MARK + RAW}),
        read(str(tmp_path / "a.txt")),
    ):
        assert source == plain
    folder = {f"{part}.txt": RAW for part in ("train", "valid", "test")}
    (tmp_path / "c").mkdir()
    for name, raw in folder.items():
        (tmp_path / "c" / name).write_bytes(MARK + raw)
    texts = from_files(folder).texts
    assert from_files({name: MARK + raw for name, raw in folder.items()}).texts == texts
    assert read(str(tmp_path / "c")).texts == texts
    for level in LEVELS:
        corpus = load_corpus(str(tmp_path / "c"), level)
        assert BOM not in "".join(corpus.vocab.id2token)
        assert corpus.fingerprint == make_corpus(from_files(folder)).fingerprint


@pytest.mark.parametrize("split", ["char", "word", "space"])
@pytest.mark.parametrize("marks", [1, 2])
def test_a_mark_at_the_start_is_no_token(split, marks):
    marked = BOM * marks + TEXT
    assert tokenize(marked, split) == tokenize(TEXT, split)
    vocab = Vocab.build([marked], split)
    assert vocab == Vocab.build([TEXT], split)
    assert vocab.encode(marked).tolist() == vocab.encode(TEXT).tolist()
    assert vocab.unknown(marked) == []
    spans = vocab.spans(marked, 9)
    assert spans == [(a + marks, b + marks) for a, b in vocab.spans(TEXT, 9)]
    assert [marked[a:b] for a, b in spans] == [TEXT[a:b] for a, b in vocab.spans(TEXT, 9)]
    inside = f"a{BOM}b" if split == "char" else f"a {BOM} b"
    assert BOM in tokenize(inside, split)  # elsewhere it is a character


def test_a_mark_in_a_prompt_and_in_the_text_box_is_no_token():
    run = load_run("python-source-lstm")
    assert torch.equal(run.ids(f"{BOM}def"), run.ids("def"))
    assert text_view.view(run, f"{BOM}def", 0).tokens == ("d", "e", "f")
    for page, state in (("pages/gates.py", "text"), ("pages/sampling.py", "prompt")):
        app = opened(page, runs=["recall-lstm"], **{state: f"{BOM}Dab"})
        assert is_fine(app)
        assert not [toast for toast in app.toast if "vocabulary" in toast.value]


@pytest.mark.parametrize("marked", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_a_model_whose_texts_had_marks_is_imported(marked):
    """word_language_model takes a mark for a part of the first word."""
    texts = ("the cat\n the dog sat\n", "the dog sat\n the cat\n", "once\n the cat\n")
    theirs = tuple(BOM * mark + text for mark, text in zip(marked, texts, strict=True))
    known, ids = example_ids(theirs)
    names = ("train.txt", "valid.txt", "test.txt")
    source = from_files({n: text.encode() for n, text in zip(names, theirs, strict=True)})
    model = example(texts=theirs)
    run = importing.import_model(saved(model.state_dict()), "m.pt", source)
    bare = [word.lstrip(BOM) for word in known]
    wanted = [word if word.lstrip(BOM) in known else word.lstrip(BOM) for word in known]
    assert list(run.vocab.id2token[: len(known)]) == wanted
    assert [bare[i] for i in run.ids(texts[2])] == ["once", "<eos>", "the", "cat", "<eos>"]
    if not marked[1]:
        assert run.info.valid_loss == pytest.approx(model.loss(ids[1]), rel=1e-5)


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf16_is_called_so_and_utf8_read(text, encoding):
    sentence = rf"a\.txt is not UTF-8 text, it looks like {encoding[:6].upper()}: save it as UTF-8"
    for length in (1, 40, 4000):
        with pytest.raises(CorpusError, match=sentence):
            decode((text * length).encode(encoding), "a.txt")
        assert decode((text * length).encode(), "a.txt") == text * length


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc",), include_characters="\t\n")))
@with_example("1\t2\t3\t" * 9)
@with_example("a\nb\n" * 9)
@with_example("\n,\n?\nq\n" * 9)
def test_utf8_without_control_characters_is_always_read(text):
    assert decode(text.encode(), "a.txt") == text.lstrip(BOM)


def test_a_few_control_characters_are_no_utf16():
    for text in ("N\bNA\bAM\bME\bE " * 50, "\x1b[31mred\x1b[0m " * 40, TEXT + "\x1a"):
        assert decode(text.encode(), "a.txt") == text


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (TEXT.encode("utf-32"), "UTF-32"),
        (b"PK\x03\x04" + b"\0" * 5000, "NUL bytes"),
        (b"a text with one \0 of them", "NUL bytes"),
        (bytes(range(256)) * 50, "is not UTF-8"),
        (TEXT.replace("cat", "Kätzchen").encode("latin-1"), "is not UTF-8"),
        (RUSSIAN.encode("cp1251"), "is not UTF-8"),
        (CHINESE.encode("gbk") * 40, "is not UTF-8"),
        (JAPANESE.encode("shift-jis") * 40, "is not UTF-8"),
        (KOREAN.encode("euc-kr") * 40, "is not UTF-8"),
        (random.Random(0).randbytes(2000), "is not UTF-8"),
        (zlib.compress(random.Random(0).randbytes(2000)), "is not UTF-8"),
    ],
)
def test_what_is_no_utf16_is_not_called_so(raw, sentence):
    with pytest.raises(CorpusError, match=sentence) as refused:
        decode(raw, "a.txt")
    assert "UTF-16" not in str(refused.value)


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
        ("wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"),
        ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"),
        ("train.tokens", "valid.tokens"),
        ("train.raw", "dev.raw", "test.raw"),
        ("train.txt", "val.txt"),
        ("my-train-set.txt", "my-validation-set.txt", "my-test-set.txt"),
    ],
)
def test_a_folder_with_parts_of_one_name_is_a_corpus(tmp_path, names):
    raws = [f"part {n} of it\n".encode() for n in range(len(names))]
    for name, raw in zip(names, raws, strict=True):
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "README.md").write_text("train")
    texts = tuple(raw.decode() for raw in raws) + ("",) * (3 - len(raws))
    assert read(str(tmp_path)) == Source(tmp_path.name, texts, spaced=True)
    assert from_files(dict(zip(names, raws, strict=True))).texts == texts


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("train.txt",),
        ("valid.txt", "test.txt"),
        ("train.py", "valid.py"),
        ("a.train.txt", "b.valid.txt"),
        ("ptb.train.txt", "ptb.valid.txt", "ptb.char.train.txt", "ptb.char.valid.txt"),
        ("trainer.txt", "valider.txt"),
    ],
)
def test_any_other_folder_is_refused_in_a_sentence(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(RAW)
    assert part_names(names) is None
    with pytest.raises(CorpusError, match=r"has no train.txt and valid.txt, nor one pair like"):
        read(str(tmp_path))


def test_train_txt_comes_first():
    names = ["train.txt", "valid.txt", "wiki.train.tokens", "wiki.valid.tokens"]
    assert part_names(names) == ("train.txt", "valid.txt", "")
