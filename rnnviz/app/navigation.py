"""The list of pages, once: the router, Home's links and every jump between pages use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page. `file`: its path in the project. `link`: what Home says of it, short enough for
    one line on a phone."""

    file: str
    title: str
    icon: str
    url_path: str | None = None
    link: str = ""


HOME = Page("pages/home.py", "Home", ":material/home:")
LESSON = Page(
    "pages/lesson.py",
    "Lesson",
    ":material/school:",
    "lesson",
    "**Lesson**: predict, move and check",
)
GATES = Page(
    "pages/gates.py",
    "Gates",
    ":material/grid_on:",
    "gates",
    "**Gates**: every gate at every token",
)
STATES = Page(
    "pages/states.py",
    "Cell state",
    ":material/memory:",
    "states",
    "**Cell state**: what is held, and for how long",
)
SAMPLING = Page(
    "pages/sampling.py",
    "Sampling",
    ":material/casino:",
    "sampling",
    "**Sampling**: text at any temperature",
)
GRADIENTS = Page(
    "pages/gradients.py",
    "Gradients",
    ":material/trending_down:",
    "gradients",
    "**Gradients**: how far back learning reaches",
)
CONTEXT = Page(
    "pages/context.py",
    "Context",
    ":material/history:",
    "context",
    "**Context**: what of the past matters",
)
SHAPES = Page(
    "pages/shapes.py",
    "Shapes",
    ":material/category:",
    "shapes",
    "**Shapes**: pictures, dates, films in and out",
)
TRAIN = Page(
    "pages/train.py",
    "Train",
    ":material/model_training:",
    "train",
    "**Train**: your own models, on any text",
)
COMPARE = Page(
    "pages/compare.py",
    "Compare",
    ":material/compare_arrows:",
    "compare",
    "**Compare**: cell types on equal terms",
)
MODELS = Page(
    "pages/models.py",
    "Models",
    ":material/inventory_2:",
    "models",
    "**Models**: rename, download, add",
)
PAGES = (HOME, LESSON, GATES, STATES, SAMPLING, GRADIENTS, CONTEXT, SHAPES, TRAIN, COMPARE, MODELS)


def at(url_path: str) -> Page:
    """The page with a place in the address, Home's being "home"."""
    return next(page for page in PAGES if (page.url_path or "home") == url_path)
