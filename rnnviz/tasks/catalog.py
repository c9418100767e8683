"""All tasks, by shape."""

from __future__ import annotations

from rnnviz.tasks.caption import CAPTION
from rnnviz.tasks.dates import DATES
from rnnviz.tasks.film import FILM
from rnnviz.tasks.hangul import HANGUL
from rnnviz.tasks.pictures import PICTURE_CLASS
from rnnviz.tasks.prose import CODE_OR_PROSE
from rnnviz.tasks.source_classes import SOURCE_CLASSES

TASKS = {
    task.name: task
    for task in (PICTURE_CLASS, CAPTION, CODE_OR_PROSE, DATES, HANGUL, FILM, SOURCE_CLASSES)
}
