"""The wheel: built from the sdist, installed without the checkout, with the app in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import lazy_loader
import pytest
from playwright.sync_api import expect

from rnnviz._paths import ASSETS, LESSON, SHIPPED_RUNS
from tests.conftest import ROOT, free_port, serving
from tests.test_browser import check_first_page, open_page


def python(*arguments: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options
    )


def build(target: str, source: Path, folder: Path) -> Path:
    """Build "sdist" or "wheel" of the project in `source`; the path of the file in `folder`."""
    built = python("-m", "hatchling", "build", "-t", target, "-d", folder, cwd=source)
    assert built.returncode == 0, built.stderr
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that is built from the sdist, as an index or a Linux distribution does it."""
    sdist = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    shutil.unpack_archive(sdist, sdist.parent)
    source = sdist.with_name(sdist.name.removesuffix(".tar.gz"))
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """A folder with nothing but the installed wheel."""
    folder = tmp_path_factory.mktemp("site")
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel)
    installed = python(*pip)
    assert installed.returncode == 0, installed.stderr
    return folder


@pytest.fixture
def outside(site, tmp_path) -> dict:
    """Options of a process in an empty folder, for which rnnviz is what was installed."""
    environment = os.environ | {"PYTHONPATH": str(site), "STREAMLIT_SERVER_HEADLESS": "true"}
    del environment["RNNVIZ_RUNS"]
    return {"cwd": tmp_path, "env": environment}


def test_the_wheel_from_the_sdist_is_that_of_the_checkout(wheel, tmp_path):
    with ZipFile(wheel) as one, ZipFile(build("wheel", ROOT, tmp_path)) as other:
        (record,) = (name for name in one.namelist() if name.endswith("/RECORD"))
        assert one.read(record) == other.read(record)  # names and hashes of all files
        assert not [name for name in one.namelist() if "__pycache__" in name]
        pages = {f"rnnviz/_bundle/pages/{path.name}" for path in ROOT.glob("pages/*.py")}
        lesson = {f"rnnviz/_bundle/assets/lesson/en/{path.name}" for path in LESSON.glob("*.md")}
        assert pages | lesson < set(one.namelist())


def test_the_first_example_of_the_readme_runs_in_an_empty_folder(site, outside):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    result = python("-c", f"{example}\nprint(rnnviz.__file__)", **outside)
    assert result.returncode == 0, result.stderr
    shapes, residual, file = result.stdout.splitlines()
    assert shapes == "torch.Size([9, 1, 288]) torch.Size([10, 1, 288])"
    assert float(residual) < 1e-4
    assert Path(file).is_relative_to(site)


def test_the_console_script_lists_the_shipped_runs(site, outside):
    listed = subprocess.check_output([site / "bin" / "rnnviz", "runs"], text=True, **outside)
    names = [line.split()[0] for line in listed.splitlines()]
    assert sorted(names) == sorted(path.name for path in SHIPPED_RUNS.iterdir())
    assert all(str(site) in line for line in listed.splitlines())


def test_without_the_extra_the_app_says_what_to_install(outside, tmp_path):
    package = Path(lazy_loader.__file__).parent  # all that the command line needs beside rnnviz
    shutil.copytree(package, tmp_path / "lazy_loader")
    result = python("-S", "-m", "rnnviz", "app", **outside)  # -S: without site-packages
    assert result.returncode == 2
    wanted = 'rnnviz: the app needs streamlit and plotly: pip install "rnnviz[app]"\n'
    assert result.stderr == wanted


def test_the_app_opens_from_any_folder_with_its_own_settings(site, outside, page, tmp_path):
    """Neither settings nor modules of the folder in which it is started take part."""
    (tmp_path / "pandas.py").write_text("raise ImportError('this is not pandas')")
    (tmp_path / ".streamlit").mkdir()
    settings = '[theme.light]\nprimaryColor = "#FF0000"\n[client]\ntoolbarMode = "developer"\n'
    (tmp_path / ".streamlit" / "config.toml").write_text(settings)
    port, log = free_port(), tmp_path / "server.log"
    command = [str(site / "bin" / "rnnviz"), "app", "--port", str(port)]
    command += ["--host", "localhost", "--base-url-path", "lab"]
    with serving(command, f"http://localhost:{port}/lab", log, **outside) as server:
        open_page(page, f"{server.url}/?runs=recall-lstm&text=Aab%3FA")
        expect(page.locator("h1")).to_have_text("See inside a recurrent network")
        expect(page.get_by_label("Text", exact=True)).to_have_value("Aab?A")
        check_first_page(server, page)
        expect(page.get_by_test_id("stAppDeployButton")).to_have_count(0)
        icon = "fetch(document.querySelector('link[rel*=icon]').href).then(got => got.text())"
        assert page.evaluate(icon) == (ASSETS / "icon.svg").read_text()

        open_page(page, f"{server.url}/gates")
        heatmaps = page.locator(".root:has(canvas)").first
        heatmaps.locator("canvas").nth(3).wait_for()
        colour = "root => getComputedStyle(root).getPropertyValue('--st-primary-color')"
        assert heatmaps.evaluate(colour).upper() == "#0072B2"
    for word in ("Traceback", "usage statistics"):
        assert word not in log.read_text()
