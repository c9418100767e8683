"""Servers and pages for the browser tests; hypothesis that gives the same cases in CI.

Tests run in parallel workers (pytest-xdist). Each has a server and a browser of its own, which its
tests share as long as they do not change what others see.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.browser import LAUNCH_ARGS, find_browser

ROOT = Path(__file__).resolve().parent.parent
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=30,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("ci")
PATIENCE = 60_000  # milliseconds after which what a page does not show counts as missing
expect.set_options(timeout=PATIENCE)


def pytest_configure() -> None:
    """One core a process: with workers side by side, more threads of torch slow all of them."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers() -> int:
    """Of `--numprocesses auto`: one more than cores, since some tests wait for a network that is
    slow on purpose. Each takes a gigabyte for its server and browser."""
    return min(4, 1 + (os.cpu_count() or 1))


@pytest.fixture(scope="session", autouse=True)
def no_runs_of_the_developer(tmp_path_factory) -> None:
    os.environ["RNNVIZ_RUNS"] = str(tmp_path_factory.mktemp("own"))


@dataclass(frozen=True)
class Server:
    url: str
    log: Path
    pid: int


@contextmanager
def running_server(folder: Path, port: int = 0) -> Iterator[Server]:
    """The app of the checkout in a process of its own, its runs in `folder`, at a free port or a
    given one."""
    port = port or free_port()
    runs = folder / "runs"
    runs.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.port", str(port)]
    environment = os.environ | {"RNNVIZ_RUNS": str(runs)}
    url = f"http://127.0.0.1:{port}"
    with serving(command, url, folder / "server.log", cwd=ROOT, env=environment) as server:
        yield server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(command: list[str], url: str, log: Path, **options) -> Iterator[Server]:
    """A process that serves the app at `url`; `options` go to Popen. It is ended afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        wait_until_healthy(f"{url}/_stcore/health", process, log)
        yield Server(url, log, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_healthy(url: str, process: subprocess.Popen, log: Path, seconds: int = 120) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            direct.open(url, timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the app did not start: {log.read_text()}")


def label_of(tag: str) -> str:
    """The label of a model without what keeps its parts in one line."""
    return tag.replace("\u2060", "").replace("\xa0", " ")


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """For what no locator can wait for; fails when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of the test's own, with a small text in it, its runs, and none that ship."""
    (tmp_path / "notes.txt").write_text("the cat sat on the mat.\n" * 60, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNVIZ_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("rnnviz._paths.SHIPPED_RUNS", tmp_path / "assets")
    monkeypatch.setattr("rnnviz._paths.RECALL_RUNS", tmp_path / "recall")
    monkeypatch.setattr("rnnviz._paths.PROBE", tmp_path / "no probe")
    return tmp_path


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def fresh_server(tmp_path_factory) -> Iterator[Server]:
    """A process that has shown no page yet."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.fail("no browser: run `make browser`")
    with sync_playwright() as playwright:
        args = [*LAUNCH_ARGS, "--process-per-site"]  # see `warm`
        started = playwright.chromium.launch(executable_path=path, args=args)
        yield started
        started.close()


@contextmanager
def new_context(browser: Browser) -> Iterator[BrowserContext]:
    """1440x900, without animations: without a graphics card, those of Streamlit's placeholders take
    more of the processor than the app."""
    size = {"width": 1440, "height": 900}
    opened = browser.new_context(viewport=size, reduced_motion="reduce")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def warm(browser) -> Iterator[BrowserContext]:
    """What pages share: the scripts of the app, fetched, and compiled as long as a page of the site
    is open: so one is, an empty one. A page takes a quarter less of the processor."""
    with new_context(browser) as opened:
        keeper = opened.new_page()
        keeper.route("**/*", lambda route: route.fulfill(body=""))
        keeper.goto("http://127.0.0.1")
        yield opened


@pytest.fixture
def page(warm) -> Iterator[Page]:
    """In a browser that has been here, but remembers nothing that was chosen."""
    with checked_page(warm) as opened:
        yield opened
        opened.context.set_offline(False)
        opened.evaluate("try { localStorage.clear() } catch {}")


@pytest.fixture
def cold_page(browser) -> Iterator[Page]:
    """In a browser that has never been here."""
    with new_context(browser) as opened, checked_page(opened) as page:
        yield page


@contextmanager
def checked_page(context: BrowserContext) -> Iterator[Page]:
    """A new page. Errors of its console and scripts and requests to the app that failed gather in
    `page.problems`; it is a failure if any is left at the end."""
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    problems: list[str] = []
    opened.problems = problems

    def on_console(message: ConsoleMessage) -> None:
        # Streamlit asks below the deep link for its own server first, and goes on from the 404.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            problems.append(f"{message.text} {message.location}")

    def on_request_failed(request: Request) -> None:
        url = urlsplit(request.url)
        ours = url.netloc == urlsplit(opened.url).netloc and "/_stcore/" not in url.path
        if ours and request.failure != "net::ERR_ABORTED":  # aborted: the page was left
            problems.append(f"{request.url} {request.failure}")

    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", on_console)
    opened.on("requestfailed", on_request_failed)
    yield opened
    found = list(opened.problems)  # before the page closes, which cuts its requests off
    opened.close()
    assert not found
