"""Where the files that belong to the code are.

In a checkout they stand beside the package, in an installation inside it, as `_bundle`.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLE = _PACKAGE / "_bundle"
ROOT = _BUNDLE if _BUNDLE.is_dir() else _PACKAGE.parent

APP = ROOT / "app.py"
ASSETS = ROOT / "assets"
COMPONENTS = ASSETS / "components"  # JavaScript, CSS and HTML of the app
SHIPPED_RUNS = ASSETS / "runs"
PROBE = ASSETS / "probe.txt"  # a fixed text: its loss shows that weights are read as written
