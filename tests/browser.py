"""Find, or with --install install, the Chromium that the browser tests drive; prints its path."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Error, sync_playwright

NAMES = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
]
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
LAUNCH_ARGS = [
    "--no-first-run",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    # Where a stack of calls is noted, V8 would read each script once more, a fifth of a page's time
    "--js-flags=--no-enable-lazy-source-positions",
    *(["--no-sandbox"] if IS_ROOT else []),  # Chromium refuses to run as root with one
]


def find_browser() -> str | None:
    """RNNVIZ_BROWSER where it is set, else Playwright's own Chromium, else one of the system."""
    if chosen := os.environ.get("RNNVIZ_BROWSER"):
        candidates = [chosen]
    else:
        with ThreadPoolExecutor(1) as thread:  # the caller's thread may be driving Playwright
            candidates = [thread.submit(_playwrights_own).result()]
        candidates += [*map(shutil.which, [*NAMES, "microsoft-edge"]), MAC]
    # A stub, or one that lacks a library, cannot say its version.
    return next((p for p in candidates if p and not _error_of([p, "--version"], 30)), None)


def _playwrights_own() -> str:
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def install_browser() -> str:
    """Path of a browser that opens a page, installed where there is none, else a clear exit."""
    if not find_browser() and not os.environ.get("RNNVIZ_BROWSER"):
        steps = [([sys.executable, "-m", "playwright", "install", "chromium"], 180)]
        if IS_ROOT and shutil.which("apt-get"):
            apt = ["apt-get", "install", "-y", "--no-install-recommends"]
            steps += [(["apt-get", "update"], 180)]
            steps += [([*apt, name, "fonts-dejavu-core"], 600) for name in NAMES[:2]]
        for command, seconds in steps:
            print(f"no browser for the tests yet: {' '.join(command)}", file=sys.stderr)
            if error := _error_of(command, seconds):
                print(error, file=sys.stderr)
            elif find_browser():
                break
    if (path := find_browser()) is None:
        sys.exit("no browser for the tests: install Chromium, or set RNNVIZ_BROWSER to a Chrome")
    try:
        with sync_playwright() as playwright:
            playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS).new_page().close()
    except Error as error:
        sys.exit(
            f"{path} opens no page, set RNNVIZ_BROWSER to another: {error.message.splitlines()[0]}"
        )
    return path


def _error_of(command: list[str], seconds: int) -> str | None:
    """Run it, and all that it starts, for so long at most; its last line where it fails."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, start_new_session=True, env=env
            )
            if process.wait(seconds) == 0:
                return None
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"stopped after {seconds} s"
        except OSError as error:
            return str(error)
        out.seek(0)
        return out.read().decode(errors="replace").strip().rpartition("\n")[2] or "failed"


if __name__ == "__main__":
    install = "--install" in sys.argv[1:]
    print(install_browser() if install else find_browser() or sys.exit("run `make browser`"))
