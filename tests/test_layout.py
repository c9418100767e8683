"""Who may import what, where import-linter cannot look: app.py and pages/ are no packages."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BELOW_PAGES = ("rnnviz.app", "rnnviz.figures", "rnnviz.analysis")
BELOW_ROUTER = ("rnnviz.app", "rnnviz._paths", "rnnviz._process")
ALLOWED = {ROOT / "app.py": BELOW_ROUTER} | dict.fromkeys(
    sorted((ROOT / "pages").glob("*.py")), BELOW_PAGES
)


def imports(file: Path) -> set[str]:
    """Full names of the modules, or of what is imported from them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", ALLOWED, ids=lambda file: file.name)
def test_a_page_imports_the_app_figures_and_analysis_only(file):
    for name in imports(file):
        top = name.partition(".")[0]
        is_below = any(name == wing or name.startswith(f"{wing}.") for wing in ALLOWED[file])
        assert top == "streamlit" or top in sys.stdlib_module_names or is_below, name
