"""How long a page takes to show something else, by the browser's own clock."""

from playwright.sync_api import Page

WATCH = """([shown, event]) => {
  const shownNow = new Function(`return ${shown}`);
  const before = shownNow();
  window.redrawn = new Promise(done => {
    addEventListener(event, () => {
      const begun = performance.now();
      const look = () => {
        const now = shownNow();
        if (now && now !== before) requestAnimationFrame(() => done(performance.now() - begun));
        else requestAnimationFrame(look);
      };
      look();
    }, {capture: true, once: true});
  });
}"""


def watch(page: Page, shown: str, event: str) -> None:
    """Start the clock at the next event of this kind. `shown`: an expression in JavaScript for what
    is to differ."""
    page.evaluate(WATCH, [shown, event])


def redrawn(page: Page) -> float:
    """Seconds from the event to the frame after what is shown differs."""
    return page.evaluate("window.redrawn") / 1000
