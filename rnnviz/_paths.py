"""Where the files that belong to the code are, and those that a person names.

In a checkout they stand beside the package, in an installation inside it, as `_bundle`.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLE = _PACKAGE / "_bundle"
ROOT = _BUNDLE if _BUNDLE.is_dir() else _PACKAGE.parent

APP = ROOT / "app.py"
ASSETS = ROOT / "assets"
COMPONENTS = ASSETS / "components"  # JavaScript, CSS and HTML of the app
SHIPPED_RUNS = ASSETS / "runs"
RECALL_RUNS = ASSETS / "recall"  # the recall group: found by name, lists leave them out
RESULTS = ASSETS / "results.csv"  # what every training of the recall group reached
WINDOWS = ASSETS / "windows"  # models that see a window of tokens and have no state
CONTEXT_USES = ASSETS / "context.safetensors"  # of models that ship, see analysis/context_use
TASKS = ASSETS / "tasks"  # models of the five shapes of input and output
TASK_SCORES = ASSETS / "tasks.csv"  # what every training of those reached
PROBE = ASSETS / "probe.txt"  # a fixed text: its loss shows that weights are read as written
LESSON = ASSETS / "lesson" / "en"

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def user_path(text: Path | str) -> Path:
    """A path that may begin with the user's home, `~`, or with a name that does. Raises ValueError
    for a home that is not known."""
    path = Path(text)
    with contextlib.suppress(OSError):  # a name too long, which whoever opens it is told
        if path.exists():
            return path
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(
            f"{str(path)!r} begins with a home directory that is not known: give a whole path"
        ) from None


def component(name: str) -> str:
    """The text of a file in assets/components; a script comes with all that it imports.

    Streamlit and the HTML report take the JavaScript of a component as one text. In the browser
    there are no files beside it to import.
    """
    return "\n".join(_with_imports(name, {}).values())


def styles(*names: str) -> str:
    """The styles of a component: those of what dom.js makes for several, then its own."""
    return "\n".join(component(name) for name in ("model_header.css", "spoken.css", *names))


def _with_imports(name: str, found: dict[str, str]) -> dict[str, str]:
    """Texts by file name, each file once and after those that it imports."""
    text = (COMPONENTS / name).read_text(encoding="utf-8")
    for imported in _IMPORT.findall(text):
        if imported not in found:
            _with_imports(imported, found)
    found[name] = _EXPORT.sub("", _IMPORT.sub("", text))
    return found
