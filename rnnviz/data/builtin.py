"""The corpora that are there by name, each once: how it is made, and what the app says of it.

Text of others is taken from this Python's own installation or downloaded; none is part of the
project.
"""

from __future__ import annotations

import os
import sysconfig
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from rnnviz.data import made
from rnnviz.data.download import fetched
from rnnviz.data.made import LINES, USUAL_DELAY, recall
from rnnviz.data.source import MAX_HELD_OUT, CorpusError, Source
from rnnviz.data.task import Task


@dataclass(frozen=True)
class BuiltIn:
    """`label`: how lists call it; `make`: its texts, raises CorpusError. For models of it,
    `example`: a title and a text to read, and `prompt`: a text to go on from."""

    label: str
    make: Callable[[], Source]
    example: tuple[str, str] | None = None
    prompt: str | None = None


def _by_document(name: str, documents: Iterable[str]) -> Source:
    """Every tenth document is held out, by turns for validation and test, up to MAX_HELD_OUT."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    sizes = [0, 0, 0]
    for number, document in enumerate(documents):
        part = {5: 1, 9: 2}.get(number % 10, 0)
        if part and sizes[part] + len(document) > MAX_HELD_OUT:
            part = 0
        parts[part].append(document)
        sizes[part] += len(document)
    train, valid, test = ("".join(part) for part in parts)
    return Source(name, (train, valid, test))


def _python_source() -> Source:
    """The standard library's own .py files in sorted order."""
    left_out = {"test", "tests", "idlelib", "lib2to3", "ensurepip", "site-packages", "__pycache__"}

    def files() -> Iterator[str]:
        for folder, folders, names in os.walk(sysconfig.get_paths()["stdlib"]):
            folders[:] = sorted(set(folders) - left_out)
            for name in sorted(name for name in names if name.endswith(".py")):
                try:
                    with tokenize.open(os.path.join(folder, name)) as file:
                        yield file.read()
                except (OSError, SyntaxError, UnicodeDecodeError):
                    continue

    return _by_document("python-source", files())


def _python_docs() -> Source:
    """The language reference that `help()` shows: about 465,000 characters of English."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise CorpusError("this Python was installed without pydoc_data, python-docs") from None
    return _by_document("python-docs", (topics[key] + "\n" for key in sorted(topics)))


def _tiny_shakespeare() -> Source:
    """Karpathy's 1.1 MB of Shakespeare, cut 90/10 as nanoGPT cuts it; it has no test part."""
    text = fetched("tinyshakespeare.txt")
    cut = int(len(text) * 0.9)
    return Source("tiny-shakespeare", (text[:cut], text[cut:], ""))


def _wikitext_2() -> Source:
    train, valid, test = (fetched(f"wikitext-2/{part}.txt") for part in ("train", "valid", "test"))
    return Source("wikitext-2", (train, valid, test), spaced=True)


def _built_in(task: Task) -> BuiltIn:
    return BuiltIn(task.label, partial(made.source, task), task.example, task.prompt)


def find(spec: str) -> BuiltIn | None:
    """A corpus by its name, recall:60 and the like among them; None for another name. Raises
    CorpusError for a delay that cannot be."""
    if spec in BUILT_IN:
        return BUILT_IN[spec]
    task = made.find(spec)
    return None if task is None else _built_in(task)


BUILT_IN = {
    "python-source": BuiltIn(
        "Python: the standard library's own sources",
        _python_source,
        (
            "Python: a function",
            "def greet(names, greeting='hello'):\n"
            '    """Return one line for each name."""\n'
            "    lines = [greeting + ', ' + name for name in sorted(names)]\n"
            "    return '\\n'.join(lines)  # a string\n",
        ),
        "def main(",
    ),
    "python-docs": BuiltIn(
        "English: Python's language reference",
        _python_docs,
        (
            "English: a manual",
            "When a function is called, the arguments are bound to the names of the parameters. "
            "If an exception is raised and there is no handler for it, the execution stops.",
        ),
        "The function",
    ),
    "recall": _built_in(recall(USUAL_DELAY, USUAL_DELAY)),
    "brackets": _built_in(LINES["brackets"]),
    "counting": _built_in(LINES["counting"]),
    "tiny-shakespeare": BuiltIn("tiny-shakespeare (1 MB, downloaded once)", _tiny_shakespeare),
    "wikitext-2": BuiltIn("WikiText-2 (12 MB, downloaded once)", _wikitext_2),
}
EXAMPLES = {name: corpus.example for name, corpus in BUILT_IN.items() if corpus.example}
PROMPTS = {name: corpus.prompt for name, corpus in BUILT_IN.items() if corpus.prompt}
