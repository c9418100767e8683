"""Stop 15: the five shapes of input and output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnviz.app import page, shape_makers, shapes
from rnnviz.app.lesson.stop import Check, Goal, Stop
from rnnviz.app.shapes import Shown
from rnnviz.tasks.task import NEW, SHAPES

ENOUGH = 3  # shapes of which an input is answered right


@dataclass(frozen=True)
class Seen:
    """One input: the shape and the title of its task, whether the answer is right, None where the
    truth is not known, and whether inputs of this kind were trained."""

    shape: str
    title: str
    is_right: bool | None
    is_trained: bool


def seen(now: Shown) -> Seen:
    return Seen(now.task.shape, now.task.title, now.is_right, now.part == NEW)


def draw(dark: bool, check: Check) -> None:
    with page.sentences():
        now = shapes.shown()
        check(seen(now))
        shapes.diagram(now, dark)
        shape_makers.examples(now)
    page.show_sentence()


def goals(shown: Sequence[Seen]) -> list[Goal]:
    looked_at = {one.shape for one in shown}
    right = [one.shape for one in shown if one.is_right and one.is_trained]
    wrong = [one for one in shown if one.is_right is False and not one.is_trained]
    failed = f"Last: {wrong[-1].title}." if wrong else "None so far."
    return [
        Goal(
            f"Look at all five shapes. So far: {len(looked_at)} of {len(SHAPES)}.",
            len(looked_at) == len(SHAPES),
        ),
        Goal(
            f"New inputs of at least {ENOUGH} shapes are answered right. So far: "
            f"{len(set(right))}.",
            len(set(right)) >= ENOUGH,
        ),
        Goal(f"An input of a kind that was never trained is answered wrong. {failed}", bool(wrong)),
    ]


def leave() -> None:
    """The page Shapes shows what the session holds."""


STOP = Stop(draw, goals, shapes.FIELDS, leave)
