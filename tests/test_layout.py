"""Who may import what, where import-linter cannot look: app.py and pages/ are no packages."""

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

import rnnviz
from benchmarks import __main__ as benchmarks

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


PACKAGE = sorted((ROOT / "rnnviz").rglob("*.py"))
MOST_LINES = 50


@pytest.mark.parametrize("file", PACKAGE, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_function_fits_a_screen(file):
    nodes = ast.walk(ast.parse(file.read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    assert not {f.name for f in functions if f.end_lineno - f.lineno >= MOST_LINES}


@pytest.mark.parametrize(
    "wing", sorted(path.parent for path in PACKAGE if path.name == "__init__.py")
)
def test_a_wing_has_a_docstring_and_nothing_else_in_its_init(wing):
    body = ast.parse((wing / "__init__.py").read_text()).body
    assert ast.get_docstring(ast.Module(body, []))
    assert wing.name == "rnnviz" or len(body) == 1


@pytest.mark.parametrize("file", PACKAGE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_wing_goes_through_the_public_names(file):
    """`from benchmarks import __main__ as benchmarks
    from rnnviz import trace` would hide from import-linter where a name comes from. The command
        line, at the top, may."""
    if file.parent.name == "cli":
        return
    own = {name for name in imports(file) if name.startswith("rnnviz.") and name.count(".") == 1}
    assert own <= {f"rnnviz.{name}" for name in ("__version__", "_files", "_paths", "_process")}


def test_every_public_name_is_there():
    for name in rnnviz.__all__:
        assert getattr(rnnviz, name) is not None
    assert set(rnnviz.__all__) <= set(dir(rnnviz))
    with pytest.raises(AttributeError):
        rnnviz.no_such_name  # noqa: B018


def test_every_figure_is_made_where_pandas_is_waited_for():
    """See `figures.style.new_figure`: elsewhere plotly may meet half of pandas."""
    for path in (ROOT / "rnnviz").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"\bgo\.\w+\(|import plotly|from plotly\.graph_objects", text)
        assert not found or path.name == "style.py", path


def test_every_benchmark_finds_what_it_measures():
    """None of them is run here."""
    for name in benchmarks.NAMES:
        assert callable(importlib.import_module(f"benchmarks.{name}").rows)
