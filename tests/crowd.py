"""python -m tests.crowd [SESSIONS SECONDS]: many people at once (default 20, 60 seconds).

Each session has a browser context of its own, types texts that no other one types, goes from page
to page and chooses other models. No text of another session may be seen, nothing may be
logged as an exception; told are the time from key press to the painted text, and the
server's memory before, at its highest and after.
"""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.browser import LAUNCH_ARGS, install_browser
from tests.conftest import Server, running_server

PAGES = (("Gates", "Gates"), ("Cell state", "Cell state"), ("Gradients", "Gradients through time"))
THINKING = 3.0, 9.0  # seconds a person looks before the next act

SHOWN = """text => new Promise(done => {
  const ready = () => {
    for (const place of document.querySelectorAll('[data-testid=stBidiComponentIsolated]')) {
      const tokens = [...(place.shadowRoot?.querySelectorAll('.token') ?? [])];
      if (tokens.slice(0, text.length).map(t => t.textContent).join('') === text)
        return requestAnimationFrame(() => done(performance.now()));
    }
    requestAnimationFrame(ready);
  };
  ready();
})"""
VISIBLE = """() => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
  .map(place => place.shadowRoot?.textContent ?? '').join(' ') + document.body.innerText"""


def resident(server: Server) -> float:
    """MB of memory that the server holds."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise OSError("the server is gone")


def busy(server: Server) -> float:
    """Seconds of processor time that the server took so far."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def session(number: int, page: Page, end: float, found: list[float]) -> int:
    """One person until the end; how often another's text was seen."""
    rng, seen, count = random.Random(number), 0, 0
    while time.monotonic() < end:
        await asyncio.sleep(rng.uniform(*THINKING))
        act = rng.random()
        if act < 0.6:
            count += 1
            found.append(await change_text(page, f"zq{number}x{count}y"))
        elif act < 0.8:
            name, title = rng.choice(PAGES)
            await page.get_by_role("link", name=name).first.click()
            await page.locator("h1", has_text=title).wait_for()
        else:
            box = page.get_by_role("combobox", name="Models shown")
            await box.click()
            if (other := page.get_by_role("option").nth(rng.randrange(3))) and await other.count():
                await other.click()  # one more beside those that are shown, at most four
            else:
                await page.keyboard.press("Backspace")  # one less
            await page.keyboard.press("Escape")
        words = (await page.evaluate(VISIBLE)).split("zq")[1:]
        seen += any(not word.startswith(f"{number}x") for word in words)
    return seen


async def change_text(page: Page, mark: str) -> float:
    """Seconds from the key press that applies a text to the frame that shows it."""
    box = page.get_by_label("Text", exact=True)
    await box.fill(mark + " def f(x): return x" * 9)
    await page.evaluate(
        "addEventListener('keydown', () => (window.pressed = performance.now()), true)"
    )
    await box.press("Control+Enter")
    done = await page.evaluate(SHOWN, mark)
    return (done - await page.evaluate("window.pressed")) / 1000


async def first_page(browser: Browser, server: Server) -> Page:
    """A person's page, once its first text is drawn."""
    page = await (await browser.new_context()).new_page()
    page.set_default_timeout(30_000)
    await page.goto(f"{server.url}/gates?runs=python-source-lstm")
    await page.locator(".token").first.wait_for()
    return page


async def crowd(sessions: int, seconds: float, server: Server, path: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=LAUNCH_ARGS)
        found: list[float] = []
        pages = [await first_page(browser, server) for _ in range(sessions)]
        before, highest, worked = resident(server), 0.0, busy(server)
        end = time.monotonic() + seconds
        people = [asyncio.create_task(session(n, page, end, found)) for n, page in enumerate(pages)]
        while not all(person.done() for person in people):
            highest = max(highest, resident(server))
            await asyncio.sleep(0.5)
        seen = sum([await person for person in people])
        worked = busy(server) - worked
        await browser.close()
    await asyncio.sleep(20)
    late = sorted(found)[round(0.95 * (len(found) - 1))]
    log = server.log.read_text()
    print(
        f"{len(found)} changes of text: median {statistics.median(found):.2f} s, 95% {late:.2f} s"
    )
    print(
        f"memory: {before:.0f} MB before, {highest - before:+.0f} MB at its highest, "
        f"{resident(server) - before:+.0f} MB after"
    )
    print(f"the server worked {worked:.0f} s of {seconds:.0f} s on {os.cpu_count()} cores")
    print(f"texts of others seen: {seen}; exceptions logged: {log.count('Traceback')}")
    if seen or "Traceback" in log:
        sys.exit(log[-3000:] or 1)


def main() -> None:
    sessions, seconds = (int(a) for a in sys.argv[1:3]) if len(sys.argv) > 2 else (20, 60)
    path = install_browser()
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder)) as server:
        asyncio.run(crowd(sessions, seconds, server, path))


if __name__ == "__main__":
    main()
