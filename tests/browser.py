"""Find, or install, the Chromium that the browser tests drive. Run as a script: prints its path."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
LAUNCH_ARGS = [
    "--no-first-run",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    LAUNCH_ARGS.append("--no-sandbox")  # Chromium refuses to run as root with one


def find_browser() -> str | None:
    """RNNVIZ_BROWSER, else Playwright's own Chromium, else one of the system; None without."""
    candidates = [os.environ.get("RNNVIZ_BROWSER"), _playwrights_own()]
    candidates += [shutil.which(name) for name in NAMES] + [MAC]
    return next((path for path in candidates if path and Path(path).exists()), None)


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def install_browser() -> str:
    """Path of a browser, installed where there is none; exits with a sentence if that fails."""
    if path := find_browser():
        return path
    print("installing a browser for the tests", file=sys.stderr)
    _try([sys.executable, "-m", "playwright", "install", "chromium"])
    if not find_browser() and shutil.which("apt-get"):
        _try(["apt-get", "update"])
        packages = ["chromium", "fonts-dejavu-core"]
        _try(["apt-get", "install", "-y", "--no-install-recommends", *packages])
    if path := find_browser():
        return path
    sys.exit("no browser for the tests: install Chromium or Chrome, or set RNNVIZ_BROWSER to one")


def _try(command: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=600, env=environment)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)


if __name__ == "__main__":
    print(install_browser())
