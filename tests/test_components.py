"""The JavaScript of the components: files that import each other, sent to the browser as one."""

import re

import pytest

from rnnviz._paths import COMPONENTS, component
from rnnviz.nn.cell_types import RNN_TYPES

SOURCES = {file.name: file.read_text(encoding="utf-8") for file in COMPONENTS.glob("*.js")}
IMPORT = re.compile(r'\bimport\s*\{([^}]*)\}\s*from\s*"\./([^"]*)"')
NAMED = r"(?:async )?(?:function|class|const|let) (\w+)"


def imported(name: str) -> set[tuple[str, str]]:
    """(file, name) of all that a script imports."""
    found = IMPORT.findall(SOURCES[name])
    return {(file, each) for names, file in found for each in re.findall(r"\w+", names)}


def exported(name: str) -> set[tuple[str, str]]:
    found = re.findall(rf"^export {NAMED}", SOURCES[name], re.MULTILINE)
    return {(name, each) for each in found}


def test_what_is_imported_is_what_is_exported():
    assert set().union(*map(imported, SOURCES)) == set().union(*map(exported, SOURCES))


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_component_is_one_module_without_imports(name):
    text = component(name)
    assert not re.search(r"^[ \t]*import\b", text, re.MULTILINE)
    exports = re.findall(r"^[ \t]*export .*", text, re.MULTILINE)
    assert exports == re.findall(r"^export default .*", SOURCES[name], re.MULTILINE)
    defined = re.findall(rf"^{NAMED}", text, re.MULTILINE)
    assert len(defined) == len(set(defined)), "two of the files define the same name"
    assert {each for _, each in imported(name)} <= set(defined)


@pytest.mark.parametrize("name", ["heatmaps.css", "temperature.html"])
def test_other_files_come_as_they_are(name):
    assert component(name) == (COMPONENTS / name).read_text(encoding="utf-8")


def test_every_cell_type_has_a_circuit():
    table = re.search(r"export const CIRCUITS = \{(.*?)\};", SOURCES["cell_circuit.js"])[1]
    assert set(re.findall(r"\b[A-Z][A-Z_]+\b", table)) == set(RNN_TYPES)
