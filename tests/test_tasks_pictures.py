"""Made pictures and what is said of them, against a search over all that a picture could show."""

import itertools
import re

import numpy as np
import pytest

from rnnviz.tasks.caption import CAPTION, caption
from rnnviz.tasks.models import build
from rnnviz.tasks.pictures import (
    ALL,
    COLORS,
    COMBINATIONS,
    NEVER_TRAINED,
    PICTURE_CLASS,
    PLACES,
    SHAPES,
    SIDE,
    TRAINED,
    Combination,
    draw,
)
from rnnviz.tasks.scores import exact
from rnnviz.tasks.task import END, NEW, NOT_COUNTED, TRAIN

TASKS = pytest.mark.parametrize("task", [PICTURE_CLASS, CAPTION], ids=lambda task: task.name)
PARTS = (TRAIN, NEW, COMBINATIONS)
ROWS = {  # of the place's words, the rows and columns where a shape of 5 pixels begins
    "upper|top": (0, 1),
    "on the|middle": (3, 4),
    "lower|bottom": (6, 7),
}
COLUMNS = {"left": (0, 1), "top|middle|bottom": (3, 4), "right": (6, 7)}


def begins(words: dict[str, tuple[int, ...]], place: str) -> tuple[int, ...]:
    (found,) = (at for pattern, at in words.items() if re.search(pattern, place))
    return found


def templates() -> tuple[list[Combination], np.ndarray]:
    """Each shape in each colour at each of its exact places, without noise."""
    shown, pictures = [], []
    for shape, color, place in itertools.product(SHAPES, COLORS, PLACES):
        for top, left in itertools.product(begins(ROWS, place), begins(COLUMNS, place)):
            picture = np.zeros((SIDE, SIDE, 3))
            for i, j in itertools.product(range(5), repeat=2):
                if SHAPES[shape].split()[i][j] == "#":
                    picture[top + i, left + j] = COLORS[color]
            shown.append(Combination(shape, color, place))
            pictures.append(picture.ravel())
    return shown, np.array(pictures)


SHOWN, TEMPLATES = templates()


def seen(picture: np.ndarray) -> Combination:
    """What a picture shows: the template that is nearest, at the best brightness."""
    brightness = TEMPLATES @ picture / (TEMPLATES**2).sum(1)
    errors = ((brightness[:, None] * TEMPLATES - picture) ** 2).mean(1)
    return SHOWN[errors.argmin()]


def said(targets: np.ndarray) -> str:
    words = [CAPTION.outputs[k] for k in targets if k != NOT_COUNTED]
    return " ".join(words)


@pytest.mark.parametrize("part", PARTS)
def test_the_truth_is_what_the_pixels_show(part):
    for task in (PICTURE_CLASS, CAPTION):
        examples = task.examples(3, 60, part)
        assert examples.inputs.dtype == np.float32
        assert examples.inputs.shape == (60, SIDE * SIDE * 3)
        assert (examples.lengths == 1).all()
        assert 0 <= examples.inputs.min() < examples.inputs.max() <= 1
        for picture, targets in zip(examples.inputs, examples.targets, strict=True):
            found = seen(picture)
            if task is CAPTION:
                assert said(targets) == caption(found)
            else:
                assert task.outputs[targets.item()] == found.shape
            assert (found in NEVER_TRAINED) == (part == COMBINATIONS)


def test_each_shape_color_and_place_is_trained_and_30_combinations_are_not():
    assert len(ALL) == len({*ALL}) == 180
    assert len(NEVER_TRAINED) == 30
    assert {*TRAINED} | {*NEVER_TRAINED} == {*ALL}
    assert not {*TRAINED} & {*NEVER_TRAINED}
    for of, names in enumerate((SHAPES, COLORS, PLACES)):
        assert {shown[of] for shown in TRAINED} == {*names}
    assert "30 of 180" in CAPTION.held_out[COMBINATIONS]
    assert NEVER_TRAINED[:2] == [  # what ships was trained without these
        Combination("square", "red", "on the right"),
        Combination("square", "red", "in the lower left"),
    ]


@TASKS
def test_the_same_seed_gives_the_same_examples(task):
    one, same, other = (task.examples(seed, 20, TRAIN) for seed in (5, 5, 6))
    for name in ("inputs", "lengths", "targets"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.inputs, other.inputs)
    assert not np.array_equal(one.inputs, task.examples(5, 20, NEW).inputs)


def test_a_combination_is_drawn_as_asked_and_never_twice_the_same():
    shown = [*ALL, *ALL]
    pictures = draw(shown, np.random.default_rng(1))
    assert [seen(picture) for picture in pictures] == shown
    assert len({picture.tobytes() for picture in pictures}) == len(shown)


def test_captions_end_with_the_token_that_ends_and_fit():
    assert CAPTION.outputs[END] == "."
    assert len({*map(caption, ALL)}) == len(ALL)
    lengths = {len(caption(shown).split()) for shown in ALL}
    assert max(lengths) == CAPTION.longest
    assert caption(Combination("ring", "red", "in the upper left")) == (
        "a red ring in the upper left ."
    )
    assert {word for shown in ALL for word in caption(shown).split()} == {*CAPTION.outputs}


@TASKS
def test_models_of_the_tasks_answer(task):
    examples = task.examples(0, 8)
    model = build(task, width=8)
    assert model.loss(examples).isfinite()
    assert 0 <= exact(task, model, examples) <= 1
