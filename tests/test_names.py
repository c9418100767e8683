"""Names of runs and corpora: every file gives one, and each is shown as text everywhere."""

import html
import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnnviz import RNN_TYPES, Run, list_runs, load_run, save_run
from rnnviz.__main__ import main
from rnnviz.analysis.stretches import Held
from rnnviz.app import page, training_caches
from rnnviz.data.printable import printable
from rnnviz.data.vocab import Vocab
from rnnviz.figures import gradients, signals, training
from rnnviz.figures.comparison import next_tokens
from rnnviz.runs import library
from rnnviz.runs.info import RunError
from rnnviz.runs.names import run_name, safe_name
from tests import test_imports
from tests.test_app import TEXT_PAGES, button, is_fine, opened
from tests.test_cli import TINY
from tests.test_runs import some_run
from tests.test_train_page import PAGE, pasted

LINE = "the cat sat on the mat.\n"
FILES = ["_notes", "__init__", "...", " x ", "-", "😀", "שלום עולם", "é" * 100, "~x"]
MARKUP = "*a* [b](c) $x$ :red[y] :smile: `d` <b>z</b><br>&amp; ## <a href='e'>f</a> -> __g__"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@given(st.text(), st.sampled_from(RNN_TYPES))
@example("\udcff", "LSTM")
@example("İ" * 60, "RNN_TANH")
@example("_\u0301\u0301", "LSTM")
@example("𐐀" * 300, "GRU")
def test_every_name_of_a_corpus_gives_a_name_of_a_run(corpus, rnn_type):
    name = run_name(corpus, rnn_type)
    assert safe_name(name) == name
    assert len(name.encode()) < 250  # that file systems take, with a number added


@pytest.mark.parametrize(
    ("corpus", "name"),
    [("python-source", "python-source-lstm"), ("__init__", "init-lstm"), ("a.", "a-lstm")]
    + [(odd, "run-lstm") for odd in ("...", "_", "😀", "-", "\u202e", "")]
    + [("con", "con-lstm"), ("İ", "i\u0307-lstm"), (" My notes ", "my-notes-lstm")],
)
def test_a_name_keeps_what_it_can_of_its_corpus(corpus, name):
    assert run_name(corpus, "LSTM") == name


@pytest.mark.parametrize(
    "name", ["e\u0301te\u0301", "हिन्दी", "தமிழ்", "বাংলা", "ไทยที่นี่", "שָׁלוֹם", "q\u0323\u0307", "한국어"]
)
def test_a_name_has_its_combining_marks(folder, name):
    whole = unicodedata.normalize("NFC", name)
    assert safe_name(name) == safe_name(whole) == safe_name(unicodedata.normalize("NFD", name))
    assert run_name(name, "GRU") == run_name(unicodedata.normalize("NFD", name), "GRU")
    assert run_name(name, "GRU") == f"{whole}-gru"
    file = folder.parent / f"{name}.txt"
    file.write_text(LINE * 40, encoding="utf-8")
    command = ["train", "--corpus", file.name, *TINY, "--steps", "1"]
    assert main([*command, "--name", name]) == main(command) == 0
    assert {info.name for info in list_runs([folder])} == {whole, f"{whole}-lstm"}
    assert main([*command[:-2], "--steps", "2", "--resume", "--name", name]) == 0
    assert main(["eval", name]) == 0
    made = save_run(some_run("made"), folder).info
    assert library.rename(made, f"{name}2").name == f"{whole}2"
    with pytest.raises(RunError, match="already"):
        library.rename(load_run(f"{name}2").info, name)
    assert len(list_runs([folder])) == 3


@pytest.mark.parametrize(
    "name", ["\u0301a", "a-\u0301", "a_\u0301", "a \u0301", "a\u200d", "a\u20e3"]
)
def test_a_mark_stands_after_a_letter(name):
    with pytest.raises(RunError, match="is no name for a run"):
        safe_name(name)


def test_of_a_long_name_the_sentence_has_its_beginning():
    with pytest.raises(RunError, match=f"^'{'x' * 80}\u2026' is no name for a run"):
        safe_name("x" * 700)


def test_every_file_can_be_trained_on_and_imported(folder):
    for number, name in enumerate(FILES):
        file = folder.parent / f"{name}.txt"
        file.write_text(LINE * 40, encoding="utf-8")
        spec = f"--corpus={file.name}"
        assert main(["train", spec, *TINY, "--steps", "1"]) == 0, name
        assert len(list_runs([folder])) == number + 1
    file.with_name("__pets__").mkdir()
    for part, text in zip(("train", "valid", "test"), test_imports.TEXTS, strict=True):
        (folder.parent / "__pets__" / f"{part}.txt").write_text(text, encoding="utf-8")
    file.with_name("m.pt").write_bytes(test_imports.saved(test_imports.example().state_dict()))
    assert main(["import", "m.pt", "--corpus", "__pets__"]) == 0
    assert (folder / "pets-lstm").is_dir()


def test_a_training_is_named_on_its_page(folder):
    app = pasted(LINE * 400, train_types=["LSTM", "GRU"], train_name="  My model ")
    assert is_fine(app)
    button(app, "Train").click().run()
    plans = training_caches.jobs().list()[-1].plans
    assert [plan.name for plan in plans] == ["My model-lstm", "My model-gru"]
    training_caches.jobs().list()[-1].stop()
    app = pasted(LINE * 400, train_types=["GRU"], train_name="mine")
    button(app, "Train").click().run()
    assert training_caches.jobs().list()[-1].plans[0].name == "mine"
    training_caches.jobs().list()[-1].stop()


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 81, "![x](y) <b>", "a\u202eb"])
def test_a_bad_name_of_a_training_is_one_sentence_and_nothing_typed_is_lost(folder, name):
    app = pasted(LINE * 400, train_name=name)
    assert not app.exception
    assert "is no name for a run" in app.warning[0].value.replace("\\", "")
    assert "![" not in app.warning[0].value
    assert button(app, "Train").disabled
    assert app.text_input(key="train_name").value == name
    assert app.text_area(key="train_text").value == LINE * 400
    app = app.switch_page("pages/models.py").run().switch_page(PAGE).run()
    assert app.text_input(key="train_name").value == name


def unescaped(markdown: str) -> str:
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace(page._WORD_JOINER, "")


@given(st.text(st.characters(codec="utf-8"), max_size=30))
@example(MARKUP)
@example("-> a <- <-> -- >= <= ~= :smile: :material/home: :streamlit: 12:30:45")
def test_plain_text_is_shown_as_it_is(text):
    shown = page.plain(text)
    assert unescaped(shown) == " ".join(text.split()).replace(page._WORD_JOINER, "")
    assert not re.search(r"(?<!\\)[!-/:-@\[-`{-~]", re.sub(r"\\.", "", shown))
    for replaced in (r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)", r":[\w+-]+:", r":material/\w+:"):
        assert not re.search(replaced, re.sub(r"\\(.)", r"\1", shown))


@pytest.fixture
def marked(folder) -> str:
    """A run whose corpus, and one whose tokens, are full of markup."""
    run = some_run("w -- x", valid_loss=1.5)
    words = ("<unk>", "<eos>", "*a*", "<b>", "$x$")
    info = replace(run.info, corpus=MARKUP, vocab=Vocab(words, "space"))
    save_run(Run(info, run.model), folder)
    usual = replace(info, name=run_name(MARKUP, "LSTM"))
    save_run(Run(usual, run.model), folder)
    return usual.name


@pytest.mark.parametrize("shown", [*TEXT_PAGES, "pages/models.py", "pages/sampling.py"])
def test_names_are_text_on_every_page(marked, shown):
    app = opened(shown, runs=[marked, "w -- x"], text="*a* <b> $x$ ``q``")
    assert is_fine(app)
    for kind in ("caption", "markdown", "info", "warning", "error", "toast", "subheader"):
        for element in app.get(kind):
            assert "*a*" not in element.value, element
            assert "<b>" not in element.value, element
            assert " -- " not in element.value.replace(r"\-", "-"), element
    for chart in app.get("plotly_chart"):
        figure = json.loads(chart.proto.spec)
        texts = [figure["layout"]["title"]["text"]]
        for line in figure["data"]:
            texts += [line.get("name") or "", *(line.get("text") or [])]
        assert not [text for text in texts if re.search(r"<(?!sup|/sup)|&(?!lt;|gt;|amp;)", text)]
    if shown == "":
        assert any(MARKUP.split()[1] in unescaped(caption.value) for caption in app.caption)


def test_figures_take_text_for_text():
    x, plain = np.arange(3.0), html.escape(MARKUP, quote=False)
    figures = [
        signals.signals({"f": x}, [MARKUP] * 3, MARKUP, "#000000", {}),
        signals.half_lives([(MARKUP, "#000000", "solid", x)], MARKUP),
        signals.stretches([(MARKUP, "#000000", "solid", Held(x + 1, x + 1))], MARKUP),
        gradients.decay([gradients.Decay(MARKUP, "#000000", x)], MARKUP, "y"),
        training.learning([training.Learning(MARKUP, "#000000", "solid", x, x, x)], MARKUP),
        training.learning_rates([(MARKUP, "#000000", x, x)], MARKUP),
        training.training_norms([(MARKUP, "#000000", x, x + 1)], 1.0, MARKUP),
        training.learning_curves([training.Line(MARKUP, "#000000", x + 1, x + 1)], MARKUP, "x"),
        next_tokens([training.Line(MARKUP, "#000000", x, x)], [MARKUP] * 3, MARKUP),
    ]
    for figure in figures:
        assert figure.layout.title.text == plain
        names = {line.name for line in figure.data if line.name}
        assert names <= {plain}
        hovered = {text for line in figure.data for text in (line.text or ())}
        assert hovered <= {plain}
    assert "'" in plain  # plotly knows no entity of a quote


@pytest.mark.parametrize("name", ["a\nb", "\u202egnp", "\x7f", "\x1b[2J", "a\udcff"])
def test_the_path_of_a_text_is_kept_whole_and_never_shown(folder, capsys, name):
    file = folder.parent / f"{name}.txt"
    file.write_text(LINE * 40, encoding="utf-8")
    assert main(["train", f"--corpus={file.name}", *TINY, "--steps", "1", "--name", "made"]) == 0
    info = list_runs([folder])[0]
    assert (info.spec, info.corpus) == (str(file), printable(name))
    assert main(["eval", "made"]) == 0
    assert "another text" not in capsys.readouterr().out
    assert main(["import", "made.pt", f"--corpus={file.name}"]) == 2
    again = ["train", f"--corpus={file.name}", *TINY, "--resume", "--name", "made"]
    file.write_text(LINE * 50, encoding="utf-8")
    assert main([*again, "--steps", "1"]) == 2
    file.unlink()
    assert main(["eval", "made"]) == 2
    file.mkdir()
    assert main(["eval", "made"]) == 2
    file.with_suffix(".odd").write_bytes(b"\xff")
    assert main(["eval", "made", f"--corpus={file.stem}.odd"]) == 2
    shown = capsys.readouterr()
    lines = (shown.out + shown.err).replace("\r", "\n").replace("\x1b[A", "").splitlines()
    assert not [line for line in lines if printable(line) != line]
    assert shown.err.count("rnnviz: ") == 5


@pytest.mark.parametrize("shown", [*TEXT_PAGES, "pages/models.py", "pages/sampling.py"])
def test_a_path_that_cannot_be_shown_breaks_no_page(folder, shown):
    run = some_run("made", valid_loss=1.5)
    save_run(Run(replace(run.info, spec="/\udcff\x1b\u202e\n.txt"), run.model), folder)
    assert is_fine(opened(shown, runs=["made"], text="*a* <b>"))


def test_a_folder_with_a_name_of_controls_is_no_run(folder):
    save_run(some_run("made"), folder)
    (folder / "made").rename(folder / "made\x1b[2J")
    assert list_runs([folder]) == []
    with pytest.raises(RunError):
        safe_name("made\x1b[2J")
