"""A film of a dot that a person moves, with what a model says of it, as a message for film.js: a
header of `binary_message` without arrays."""

from __future__ import annotations

from collections.abc import Sequence

from rnnviz.figures import binary_message

SIZE, MOST = 8, 30  # cells of a side, frames
PER_LINE, ABOVE, LINE = 10, 294, 78  # small frames and pixels, as in film.css


def pack(
    path: Sequence[tuple[int, int]], said: Sequence[str], right: Sequence[bool | None]
) -> bytes:
    """The message. `path`: the dot's column from the left and row from the top in each frame, from
    0. `said`: what the model says at each frame, "" for nothing; `right`: whether that is so.

    Raises ValueError for a path that does not fit the film, and for words that do not fit the path.
    """
    if not 1 <= len(path) <= MOST:
        raise ValueError(f"{len(path)} frames; 1 to {MOST} are accepted")
    if not all(0 <= place < SIZE for xy in path for place in xy):
        raise ValueError(f"the dot leaves the {SIZE} x {SIZE} cells")
    if not len(path) == len(said) == len(right):
        raise ValueError(f"{len(path)} frames, {len(said)} texts and {len(right)} marks")
    header = {
        "size": SIZE,
        "most": MOST,
        "path": [[int(x), int(y)] for x, y in path],
        "said": list(said),
        "right": [None if mark is None else bool(mark) for mark in right],
    }
    return binary_message.join(header, ())


def height(message: bytes) -> int:
    """The height in pixels on a wide screen, so that its place is kept before it is drawn."""
    frames = len(binary_message.header_of(message)["path"])
    return ABOVE + LINE * -(-frames // PER_LINE)
