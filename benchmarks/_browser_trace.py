"""What the browser's main thread does, from a trace of Chromium."""

import json
from collections import defaultdict

CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline"]
SCRIPT = {"EventDispatch", "FunctionCall", "FireAnimationFrame", "TimerFire", "RunMicrotasks"}
KINDS = {
    "UpdateLayoutTree": "style",
    "Layout": "layout",
    "PrePaint": "paint",
    "Paint": "paint",
    "Layerize": "paint",
    "UpdateLayer": "paint",
    "Commit": "paint",
}


def main_thread(trace: bytes) -> dict[str, float]:
    """Milliseconds of processor time by kind (script, style, layout, paint, other) of the page's
    main thread, the one that painted longest. Time in a nested event counts for that alone."""
    events = json.loads(trace)["traceEvents"]
    by_thread = defaultdict(list)
    for event in events:
        if event.get("ph") == "X" and "tdur" in event:
            by_thread[event["pid"], event["tid"]].append(event)
    painted = {
        thread: sum(event["tdur"] for event in those if event["name"] == "Paint")
        for thread, those in by_thread.items()
    }
    return _own_times(by_thread[max(painted, key=painted.__getitem__)])


def _own_times(events: list[dict]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    around: list[dict] = []
    for event in sorted(events, key=lambda e: (e["ts"], -e["dur"])):
        while around and around[-1]["ts"] + around[-1]["dur"] <= event["ts"]:
            around.pop()
        if around:
            found[_kind(around[-1]["name"])] -= event["tdur"] / 1000
        found[_kind(event["name"])] += event["tdur"] / 1000
        around.append(event)
    return found


def _kind(name: str) -> str:
    is_script = name in SCRIPT or name.startswith("V8.") or name in ("MinorGC", "MajorGC")
    return "script" if is_script else KINDS.get(name, "other")
