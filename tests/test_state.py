"""Keys of the session and of elements: each is named once, in rnnviz/app/state.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnviz.app import navigation, state
from rnnviz.nn.cell_types import RNN_TYPES

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    ROOT / "app.py",
    *sorted((ROOT / "pages").glob("*.py")),
    *sorted((ROOT / "rnnviz/app").rglob("*.py")),
]
READS = ("get", "pop", "setdefault")
WIDGETS = {"checkbox", "multiselect", "number_input", "pills", "radio", "segmented_control"}
WIDGETS |= {"select_slider", "selectbox", "slider", "text_area", "text_input", "toggle"}
# Each run draws these, or their page never ends early
NOT_KEPT = {"EXAMPLE", "PRESET", "RECALL_DELAYS", "OWN_RUN", "NEW_NAME", "TRAINED_ON", "PARTS"}
NOT_KEPT |= {"SHAPE_TASKS", "STEPPER"}


def is_text(node: ast.AST) -> bool:
    """Whether an expression is a string or an f-string, or chooses between some."""
    if isinstance(node, ast.IfExp):
        return is_text(node.body) or is_text(node.orelse)
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def is_session(node: ast.AST, names: set[str]) -> bool:
    """Whether an expression is st.session_state or a name of it."""
    if isinstance(node, ast.Attribute):
        return node.attr == "session_state"
    return isinstance(node, ast.Name) and node.id in names


def pairs(assignment: ast.Assign) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each target of an assignment with its value; `a, b = c, d` has two."""
    for target in assignment.targets:
        if isinstance(target, ast.Tuple) and isinstance(assignment.value, ast.Tuple):
            yield from zip(target.elts, assignment.value.elts, strict=True)
        else:
            yield target, assignment.value


def literal_keys(code: str) -> list[str]:
    """Lines of a file whose key of the session or of an element is a literal."""
    tree = ast.parse(code)
    names = {"session"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names |= {
                target.id
                for target, value in pairs(node)
                if isinstance(target, ast.Name) and is_session(value, set())
            }
    found = []
    for node in ast.walk(tree):
        used: list[ast.AST] = []
        if isinstance(node, ast.Call):
            used += [keyword.value for keyword in node.keywords if keyword.arg == "key"]
            method = node.func
            if isinstance(method, ast.Attribute) and method.attr in READS:
                used += node.args[:1] if is_session(method.value, names) else []
        elif isinstance(node, ast.Subscript) and is_session(node.value, names):
            used.append(node.slice)
        elif isinstance(node, ast.Compare) and is_session(node.comparators[0], names):
            used.append(node.left)
        elif isinstance(node, ast.Attribute) and is_session(node.value, names):
            used += [] if node.attr in READS else [ast.Constant(node.attr)]
        found += [f"line {node.lineno}: {ast.unparse(node)}" for key in used if is_text(key)]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_key_is_a_literal(file):
    assert literal_keys(file.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "st.slider('a', key='b')",
        "st.slider('a', key=f'b{n}')",
        "st.session_state['a']",
        "st.session_state.a",
        "held = st.session_state\nheld.pop('a', 0)",
        "n, held = 1, st.session_state\nheld['a'] = 2",
        "'a' in st.session_state",
        "session.setdefault('a', 1)",
    ],
)
def test_a_literal_key_is_found(line):
    assert len(literal_keys(line)) == 1


def test_a_widget_keeps_its_value_where_a_run_ends_before_it():
    """An empty text ends a page early. Of what came after it, the browser forgot the value that is
    used here: training began with words where it said characters."""
    kept, others = set(), set()
    for file in FILES:
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in WIDGETS:
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                is_kept = (given.get(None) or "").endswith("KEEP")
                (kept if is_kept else others).add(given.get("key", "").removeprefix("state."))
    assert others - {""} == NOT_KEPT
    assert len(kept) > 40


def test_no_two_names_have_one_key():
    keys = [value for name, value in vars(state).items() if name.isupper() and name != "KEEP"]
    assert len(keys) > 70
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_cell_type_is_named(file):
    """What sets cell types apart is read from their table."""
    nodes = ast.walk(ast.parse(file.read_text()))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and is_text(node)}
    assert not texts & set(RNN_TYPES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_pages_are_named_in_the_list_of_pages_only(file):
    if file.name != "navigation.py":
        assert not [page.file for page in navigation.PAGES if f'"{page.file}"' in file.read_text()]


def test_the_list_of_pages_is_the_folder():
    files = {f"pages/{file.name}" for file in (ROOT / "pages").glob("*.py")}
    assert {page.file for page in navigation.PAGES} == files
