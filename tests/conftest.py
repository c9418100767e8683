"""Servers and pages for the browser tests; hypothesis that gives the same cases in CI."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import LAUNCH_ARGS, find_browser

ROOT = Path(__file__).resolve().parent.parent
settings.register_profile(
    "rnnviz",
    deadline=None,
    max_examples=30,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("rnnviz")


@dataclass(frozen=True)
class Server:
    url: str
    log: Path


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """The app in a process of its own, its runs in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=ROOT,
            env=os.environ | {"RNNVIZ_RUNS": str(folder / "runs")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail(f"the app did not start: {log.read_text()}")
        yield Server(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def fresh_server(tmp_path) -> Iterator[Server]:
    with running_server(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.fail("no browser: run `make browser`")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        yield started
        started.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A new page at 1440x900; the test fails on any error in its console."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    problems: list[str] = []

    def listen(message) -> None:
        # Streamlit asks below the deep link for its own server first, and goes on from the 404.
        if message.type == "error" and "/_stcore/" not in message.location["url"]:
            problems.append(f"{message.text} {message.location}")

    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", listen)
    yield opened
    context.close()
    assert not problems
