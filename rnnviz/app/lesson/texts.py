"""What a stop says: its file in assets/lesson/en, read once.

A file begins with fields, one a line; then it has sections, each below its `## Name`:

    title: A product that vanishes or explodes
    short: Vanish                   how the list of stops calls it
    page: gradients                 the full page, by its place in the address
    words: nats, unit               words of `app.terms` that the stop uses; may be left out
    any weights: ...                why the checked statement holds for any weights; may be left out

    ## Question
    ## Answers                      two to four; the right one has an x
    - [ ] It stays as it is.
      What is said to the person who chose it.
    ## Move
    ## Caption
    ## Point
    ## Formula                      LaTeX
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from rnnviz import _paths

SECTIONS = ("Question", "Answers", "Move", "Caption", "Point", "Formula")
FIELDS = ("title", "short", "page")
_ANSWER = re.compile(r"^- \[([ x])\] (.+)\n((?:  .+\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """One answer to the question, and the reply to the person who chose it."""

    text: str
    reply: str
    is_right: bool


@dataclass(frozen=True)
class StopText:
    """All words of a stop, as Markdown; `page` is the address of its full page, `formula` LaTeX."""

    title: str
    short: str
    page: str
    words: tuple[str, ...]
    any_weights: str
    question: str
    answers: tuple[Answer, ...]
    move: str
    caption: str
    point: str
    formula: str


@functools.cache
def read(number: int) -> StopText:
    """The text of a stop. Raises ValueError where a part is missing."""
    path = _paths.LESSON / f"{number:02}.md"
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, name: str) -> StopText:
    """The parts of a file. Raises ValueError that names the file and what is wrong."""
    head, *rest = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    sections = dict(zip(rest[::2], (part.strip() for part in rest[1::2]), strict=True))
    missing = [part for part in FIELDS if part not in fields]
    missing += [part for part in SECTIONS if not sections.get(part)]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}")
    return StopText(
        title=fields["title"],
        short=fields["short"],
        page=fields["page"],
        words=tuple(fields["words"].split(", ")) if "words" in fields else (),
        any_weights=fields.get("any weights", ""),
        question=_one_line(sections["Question"]),
        answers=_answers(sections["Answers"], name),
        move=_one_line(sections["Move"]),
        caption=_one_line(sections["Caption"]),
        point=_one_line(sections["Point"]),
        formula=sections["Formula"],
    )


def _answers(section: str, name: str) -> tuple[Answer, ...]:
    found = tuple(
        Answer(text, _one_line(reply), mark == "x")
        for mark, text, reply in _ANSWER.findall(section)
    )
    if not 2 <= len(found) <= 4:
        raise ValueError(f"{name} has {len(found)} answers with a reply, not two to four")
    if sum(answer.is_right for answer in found) != 1:
        raise ValueError(f"{name} needs one right answer, marked - [x]")
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())
