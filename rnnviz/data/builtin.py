"""Where text comes from: this Python's own sources, made tasks, files, downloads.

`read(spec)` answers with a Source: a name and its three texts. No text of others is
part of the project.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import re
import sysconfig
import tokenize
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rnnviz._files import write

MAX_HELD_OUT = 100_000  # characters of a validation or test part: enough for two digits of a loss

# Git blob ids: sha1 of "blob <size>\0" and the bytes.
_SHAKESPEARE = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
_WIKITEXT = (
    "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2/"
)
DOWNLOADS = {
    "tinyshakespeare.txt": (_SHAKESPEARE + "input.txt", "7dcb3a2d4cc3b48b6283dd46870bfeb78f88aac9"),
    "wikitext-2/train.txt": (_WIKITEXT + "train.txt", "2d84b35af79e411d73ea7cae83c73964c6ac83b4"),
    "wikitext-2/valid.txt": (_WIKITEXT + "valid.txt", "eec944eb2d9e46061cd34a6913528797db6842fc"),
    "wikitext-2/test.txt": (_WIKITEXT + "test.txt", "6f3fc88e4cd88456ea892971f9f12243e8428624"),
}


class CorpusError(ValueError):
    """A corpus that cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """`texts`: train, valid, test. `spaced`: words already stand between spaces (WikiText)."""

    name: str
    texts: tuple[str, str, str]
    spaced: bool = False
    cue: str | None = None


def read(spec: str) -> Source:
    """The texts of a corpus by its name or path. Raises CorpusError."""
    if spec in BUILT_IN:
        return BUILT_IN[spec]()
    try:
        path = Path(spec).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (RuntimeError, OSError) as error:  # ~somebody without a home, a name too long
        raise CorpusError(f"{spec[:80]} cannot be looked up: {error}"[:300]) from None
    if is_folder:
        parts = [path / f"{part}.txt" for part in ("train", "valid", "test")]
        for part in parts[:2]:
            if not part.exists():
                raise CorpusError(f"{path} has no {part.name}; a folder needs train.txt, valid.txt")
        texts = [_ended(_read_text(part)) if part.exists() else "" for part in parts]
        return Source(path.resolve().name, tuple(texts), spaced=True)
    if is_file:
        return from_text(_read_text(path), path.stem)
    raise CorpusError(
        f"no corpus named {spec!r}: give a text file, a folder or one of {', '.join(BUILT_IN)}"
    )


def from_text(text: str, name: str) -> Source:
    """A text cut in order into 90% to train on, 5% for validation, 5% for the test.

    Raises CorpusError.
    """
    _check(text, name)
    held_out = min(len(text) // 20, MAX_HELD_OUT)
    first, second = len(text) - 2 * held_out, len(text) - held_out
    return Source(name, (text[:first], text[first:second], text[second:]))


def from_files(files: Mapping[str, bytes]) -> Source:
    """Files that were handed over: train.txt, valid.txt and perhaps test.txt, or one text."""
    texts = {name: decode(raw, name) for name, raw in files.items()}
    if len(texts) == 1:
        name, text = texts.popitem()
        return from_text(text, Path(name).stem)
    parts = [texts.pop(f"{part}.txt", None) for part in ("train", "valid", "test")]
    if texts or None in parts[:2]:
        raise CorpusError("give one text, or files named train.txt, valid.txt and test.txt")
    return Source("uploaded", tuple(_ended(part or "") for part in parts), spaced=True)


def decode(raw: bytes, name: str) -> str:
    """Bytes of a text file as text with `\\n` line ends. Raises CorpusError."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name} is not UTF-8 text (byte {error.start}); save it as UTF-8 and try again"
        ) from None
    _check(text, name)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check(text: str, name: str) -> None:
    if "\0" in text:
        raise CorpusError(f"{name} has NUL bytes: it is no text")
    if re.search("[\ud800-\udfff]", text):
        raise CorpusError(f"{name} has half characters of UTF-16: it is no text")


def _ended(text: str) -> str:
    """Text of words between spaces: a last line without its end gets one, and so its `<eos>`."""
    return text + "\n" if text and not text.endswith("\n") else text


def _read_text(path: Path) -> str:
    try:
        return decode(path.read_bytes(), path.name)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from None


def _by_document(name: str, documents: Iterable[str]) -> Source:
    """Every tenth document is held out, in turn for validation and test, up to a size."""
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


def _made(name: str, item: Callable[[random.Random], str], cue: str | None = None) -> Source:
    """A made task: train, valid and test parts of about 1,000,000, 20,000 and 20,000 characters."""

    def part(seed: int, size: int) -> str:
        rng, items, length = random.Random(seed), [], 0
        while length < size:
            items.append(item(rng))
            length += len(items[-1])
        return "".join(items)

    return Source(name, (part(0, 1_000_000), part(1, 20_000), part(2, 20_000)), cue=cue)


def recall_item(rng: random.Random, delay: int = 30) -> str:
    """A symbol of A..H, `delay` random fillers of a..h, the cue `?`, the symbol again."""
    symbol = rng.choice("ABCDEFGH")
    return symbol + "".join(rng.choices("abcdefgh", k=delay)) + "?" + symbol


def brackets_item(rng: random.Random, depth: int = 6) -> str:
    """One line of well nested brackets of four kinds."""

    def nested(depth: int) -> str:
        inside = "".join(nested(depth - 1) for _ in range(rng.randint(0, 3))) if depth else ""
        left, right = rng.choice(("()", "[]", "{}", "<>"))
        return left + inside + right

    return nested(rng.randint(1, depth)) + "\n"


def counting_item(rng: random.Random, most: int = 20) -> str:
    """One line of n times a, then n times b."""
    n = rng.randint(1, most)
    return "a" * n + "b" * n + "\n"


def data_folder() -> Path:
    """Where fetched texts are looked up and kept: RNNVIZ_DATA or the user's cache."""
    return Path(os.environ.get("RNNVIZ_DATA") or Path.home() / ".cache" / "rnnviz")


def fetched(file: str) -> str:
    """Text of a published file: from the data folder, else downloaded once and checked."""
    path = data_folder() / file
    if path.exists():
        return _read_text(path)
    url, blob = DOWNLOADS[file]
    where = f"put the file at {path}, or set RNNVIZ_DATA to a folder that has {file}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            raw = answer.read()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CorpusError(f"{file} could not be downloaded ({error}); {where}") from None
    if hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest() != blob:
        raise CorpusError(f"{url} gave {len(raw)} bytes that are not the published text; {where}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, raw)
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {error.strerror}") from None
    return decode(raw, file)


def _tiny_shakespeare() -> Source:
    """Karpathy's 1.1 MB of Shakespeare, cut 90/10 as nanoGPT cuts it; it has no test part."""
    text = fetched("tinyshakespeare.txt")
    cut = int(len(text) * 0.9)
    return Source("tiny-shakespeare", (text[:cut], text[cut:], ""))


def _wikitext_2() -> Source:
    parts = [fetched(f"wikitext-2/{part}.txt") for part in ("train", "valid", "test")]
    return Source("wikitext-2", tuple(parts), spaced=True)


BUILT_IN: dict[str, Callable[[], Source]] = {
    "python-source": _python_source,
    "python-docs": _python_docs,
    "recall": lambda: _made("recall", recall_item, cue="?"),
    "brackets": lambda: _made("brackets", brackets_item),
    "counting": lambda: _made("counting", counting_item),
    "tiny-shakespeare": _tiny_shakespeare,
    "wikitext-2": _wikitext_2,
}
