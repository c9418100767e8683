"""Take the README's picture of the app anew: assets/screenshot.png."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import LAUNCH_ARGS, install_browser
from tests.conftest import ROOT, running_server


def main() -> None:
    path = install_browser()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1100})
        page.goto(f"{server.url}/gates")
        page.locator("canvas").nth(6).wait_for()
        page.wait_for_timeout(1500)
        page.locator(".area").nth(1).hover(position={"x": 120, "y": 90})
        page.wait_for_timeout(300)
        page.screenshot(path=ROOT / "assets" / "screenshot.png")
        browser.close()


if __name__ == "__main__":
    main()
