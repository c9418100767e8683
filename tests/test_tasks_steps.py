"""The tasks whose inputs are films and texts: their truth, computed a second time from the inputs.

`film`, `source_classes` and `prose`.
"""

import io
import keyword
import re
import time
import tokenize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnviz.tasks import film, prose, source_classes
from rnnviz.tasks.characters import OTHER, SYMBOLS, ids
from rnnviz.tasks.film import FILM, SIDE
from rnnviz.tasks.prose import CODE_OR_PROSE, one_line
from rnnviz.tasks.source_classes import CLASSES, SOURCE_CLASSES, classes
from rnnviz.tasks.task import NEW, NOT_COUNTED, TRAIN

TASKS = (FILM, SOURCE_CLASSES, CODE_OR_PROSE)
PARTS = [(task, part) for task in TASKS for part in (TRAIN, NEW, *task.held_out)]
SOURCE = '''\
@cached
def f(x, y=0x1F):  # a comment
    """Two
    lines"""
    if x is not None and y >= 1.5e3:
        return [rb"a" 'b', f"{x!r:>9}", ...]
'''


def text_of(row) -> str:
    return "".join(SYMBOLS[i] for i in row)


def path_of(pictures) -> list[tuple[int, int]]:
    return [(cell % SIDE, cell // SIDE) for cell in pictures.argmax(-1).tolist()]


@pytest.mark.parametrize(("task", "part"), PARTS)
def test_the_same_seed_gives_the_same_examples_and_another_gives_others(task, part):
    one, again, other = (task.examples(seed, 9, part) for seed in (3, 3, 4))
    assert len(one) == 9
    for name in ("inputs", "lengths", "targets"):
        assert np.array_equal(getattr(one, name), getattr(again, name))
    assert one.inputs.shape != other.inputs.shape or not np.array_equal(one.inputs, other.inputs)


@pytest.mark.parametrize(("task", "part"), PARTS)
def test_examples_are_what_models_take(task, part):
    examples = task.examples(0, 64, part)
    assert examples.targets.shape == examples.inputs.shape[:2]
    assert examples.targets.dtype == np.int64
    assert examples.lengths.max() == examples.targets.shape[1]
    after = np.arange(examples.targets.shape[1]) >= examples.lengths[:, None]
    assert (examples.targets[after] == NOT_COUNTED).all()
    assert not examples.inputs[after].any()
    counted = examples.targets[examples.targets != NOT_COUNTED]
    assert set(counted.tolist()) <= set(range(len(task.outputs)))
    if task.symbols:
        assert examples.inputs.dtype == np.int64
        assert 0 <= examples.inputs.min() <= examples.inputs.max() < len(task.symbols)
    else:
        assert examples.inputs.dtype == np.float32
        assert examples.inputs.shape[2] == task.features


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_is_made_in_no_time(task):
    task.examples(0, 64, TRAIN)  # reads the corpora
    seconds = []
    for seed in range(5):
        begun = time.perf_counter()
        task.examples(seed, 64, TRAIN)
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.01  # about 1 ms on a free core


@pytest.mark.parametrize("part", [TRAIN, NEW, "length"])
def test_the_truth_of_a_film_is_in_its_frames(part):
    examples = FILM.examples(1, 200, part)
    for pictures, length, target in zip(
        examples.inputs, examples.lengths, examples.targets, strict=True
    ):
        path = path_of(pictures[:length])
        assert np.array_equal(film.frames(path), pictures[:length])
        assert np.array_equal(film.directions(path), target[:length])
        for before, after, direction in zip(path, path[1:], target[1:length], strict=False):
            dx, dy = after[0] - before[0], after[1] - before[1]
            assert FILM.outputs[direction] == {
                (-1, 0): "left", (1, 0): "right", (0, -1): "up", (0, 1): "down"
            }[dx, dy]  # fmt: skip
            assert (FILM.outputs[direction], before[0]) != ("up", SIDE - 1)
    least, most = (31, 60) if part == "length" else (2, 30)
    assert least <= examples.lengths.min() < examples.lengths.max() <= most
    turns = examples.targets[:, 2:] != examples.targets[:, 1:-1]
    assert turns[examples.targets[:, 2:] != NOT_COUNTED].mean() > 0.2


def test_of_films_with_untrained_moves_only_those_count():
    examples = FILM.examples(1, 200, "moves")
    for pictures, length, target in zip(
        examples.inputs, examples.lengths, examples.targets, strict=True
    ):
        path = path_of(pictures[:length])
        truth = film.directions(path)
        untrained = [False] + [
            x == SIDE - 1 and FILM.outputs[direction] == "up"
            for (x, _), direction in zip(path, truth[1:], strict=False)
        ]
        assert np.array_equal(target[:length], np.where(untrained, truth, NOT_COUNTED))
    assert (examples.targets != NOT_COUNTED).any(1).all()


def test_new_films_are_in_no_training():
    found = {}
    for part in (TRAIN, NEW):
        examples = [FILM.examples(seed, 500, part) for seed in range(4)]
        found[part] = {
            tuple(path_of(pictures[:length]))
            for one in examples
            for pictures, length in zip(one.inputs, one.lengths, strict=True)
        }
    assert not found[TRAIN] & found[NEW]
    assert {len(path) for path in found[NEW]} == set(range(2, 31))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=60))
def test_any_path_in_the_picture_is_a_film(path):
    assert path_of(film.frames(path)) == path
    truth = film.directions(path)
    assert truth[0] == NOT_COUNTED
    for before, after, direction in zip(path, path[1:], truth[1:], strict=False):
        steps = sum(abs(a - b) for a, b in zip(before, after, strict=True))
        assert (direction != NOT_COUNTED) == (steps == 1)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ([], "1 to 60 frames, not 0"),
        ([(0, 0)] * 61, "1 to 60 frames, not 61"),
        ([(0, 0), (8, 0)], r"\(8, 0\): x and y are whole numbers from 0 to 7"),
        ([(0, -1)], r"\(0, -1\)"),
        ([(0.5, 1)], r"\(0.5, 1\)"),
        ([(float("nan"), 1)], r"\(nan, 1\)"),
    ],
)
def test_a_path_that_is_no_film_is_refused(path, said):
    with pytest.raises(ValueError, match=said):
        film.frames(path)


def plain_classes(text) -> list[str]:
    """Name of the class of each character, by looking for each token's own text."""
    found, place = ["space"] * len(text), 0
    kinds = {"NAME": "name", "OP": "operator"}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind not in ("NAME", "NUMBER", "STRING", "COMMENT", "OP"):
            continue
        place = text.index(token.string, place)
        name = kinds.get(kind, kind.lower())
        name = "keyword" if kind == "NAME" and keyword.iskeyword(token.string) else name
        found[place : place + len(token.string)] = [name] * len(token.string)
        place += len(token.string)
    return found


def test_classes_are_those_of_a_plain_walk_over_the_tokens():
    text = SOURCE.replace(', f"{x!r:>9}"', "")  # Python 3.12 reads into formatted strings
    assert [CLASSES[c] for c in classes(text)] == plain_classes(text)
    assert set(plain_classes(text)) == set(CLASSES)


def test_a_formatted_string_is_one_string_in_every_python():
    start = SOURCE.index('f"{')
    whole = 'f"{x!r:>9}"'
    names = [CLASSES[c] for c in classes(SOURCE)[start - 1 : start + len(whole) + 1]]
    assert names == ["space", *["string"] * len(whole), "operator"]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("a = 1\nb = 'open\nc = 2\n", "a = 1\nb ="),
        ("x = (1,\n  2", "x = (1,\n  2"),
        ("def f():\n    '''open\n  more", "def f():\n    "),
        ("if x:\n    y\n  z\n", "if x:\n    y\n"),
        ("", ""),
    ],
)
def test_what_is_no_python_has_no_class_from_there_on(text, known):
    counted = classes(text) != NOT_COUNTED
    assert counted.sum() >= len(known.rstrip())
    assert not counted[len(known) + 1 :].any()


@given(st.text(st.characters() | st.sampled_from("\"'#({\\\n\t\r\f f0"), min_size=1))
def test_any_text_has_ids_and_perhaps_classes(text):
    found = ids(text)
    assert found.shape == classes(text).shape == (len(text),)
    for i, character in zip(found.tolist(), text, strict=True):
        assert SYMBOLS[i] == (character if character in SYMBOLS else OTHER)


def test_no_text_is_one_sentence():
    with pytest.raises(ValueError, match="no text to read: give at least one character"):
        ids("")


@pytest.mark.parametrize("part", [TRAIN, NEW, "length"])
def test_pieces_of_source_are_classed_as_tokenize_does_from_their_first_character(part):
    examples = SOURCE_CLASSES.examples(2, 60, part)
    compared = 0
    for row, target in zip(examples.inputs, examples.targets, strict=True):
        alone = classes(text_of(row))
        known = np.flatnonzero(alone != NOT_COUNTED)[:-9]  # a token at the end may go on
        assert np.array_equal(alone[known], target[known])
        compared += len(known)
    assert compared > 0.5 * examples.targets.size
    assert (examples.targets != NOT_COUNTED).all()


def test_new_pieces_are_of_files_that_are_not_trained_on():
    first, *others = source_classes.builtin.BUILT_IN["python-source"].make().texts
    for part, text in ((TRAIN, first), (NEW, "".join(others))):
        characters, _ = source_classes.sources(part)
        assert np.array_equal(characters, ids(text[: len(characters)]))
        assert len(characters) >= min(0.9 * len(text), 1_500_000)


@pytest.mark.parametrize("part", [TRAIN, NEW, "short", "long"])
def test_prose_and_python_are_one_line_each_and_counted_at_their_end(part):
    examples = CODE_OR_PROSE.examples(5, 100, part)
    assert (np.count_nonzero(examples.targets != NOT_COUNTED, axis=1) == 1).all()
    answers = examples.targets[np.arange(100), examples.lengths - 1]
    assert 0.3 < answers.mean() < 0.7
    lengths = {TRAIN: (20, 200), NEW: (100, 100), "short": (10, 10), "long": (400, 400)}[part]
    assert lengths[0] <= examples.lengths.min() <= examples.lengths.max() <= lengths[1]
    for row, length in zip(examples.inputs, examples.lengths, strict=True):
        text = text_of(row[:length])
        assert "\n" not in text
        assert "  " not in text


def test_prose_is_found_in_the_topics_and_python_in_the_source_of_its_part():
    for part in (TRAIN, NEW):
        examples = CODE_OR_PROSE.examples(6, 40, part)
        corpora = []
        for name in ("python-source", "python-docs"):
            first, *others = prose.builtin.BUILT_IN[name].make().texts
            text = first[: source_classes.READ] if part == TRAIN else " ".join(others)
            known = re.sub(r"[^ -~]", OTHER, one_line(text))
            corpora.append(known)
        for row, length, target in zip(
            examples.inputs, examples.lengths, examples.targets, strict=True
        ):
            assert text_of(row[:length]) in corpora[target[length - 1]]


def test_most_of_a_piece_of_python_is_no_string_and_no_comment():
    examples = CODE_OR_PROSE.examples(7, 200, TRAIN)
    characters, words = prose._python(TRAIN)
    line = text_of(characters)
    for row, length, target in zip(
        examples.inputs, examples.lengths, examples.targets, strict=True
    ):
        if target[length - 1] == prose.PYTHON:
            start = line.index(text_of(row[:length]))
            assert words[start + length] - words[start] <= length / 2


def test_quotation_marks_are_straight_in_one_line():
    assert one_line(" a ‘b’\n\t“c” ") == " a 'b' \"c\" "
