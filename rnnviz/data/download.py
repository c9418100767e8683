"""Published texts: looked up in a data folder, else downloaded once and checked by hash."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.request
from pathlib import Path

from rnnviz._files import write
from rnnviz.data.source import CorpusError, decode, read_text

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


def data_folder() -> Path:
    """Where fetched texts are looked up and kept: RNNVIZ_DATA or the user's cache. Raises
    CorpusError where that needs a home directory and none is known."""
    try:
        return Path(os.environ.get("RNNVIZ_DATA") or "~/.cache/rnnviz").expanduser()
    except RuntimeError:
        raise CorpusError(
            "the home directory is not known: set RNNVIZ_DATA to the whole path of a folder for "
            "texts"
        ) from None


def fetched(file: str) -> str:
    """Text of a published file: from the data folder, else downloaded once and checked."""
    path = data_folder() / file
    if path.exists():
        return read_text(path)
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
