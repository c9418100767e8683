"""Sweeps over temperatures as one message for sampler.js, which moves its slider over them alone.

The message is zlib-compressed: a little-endian uint32 n, a JSON header of n bytes, then the
arrays; the header gives the offset of each.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnviz.analysis.sweeps import MANY_TOKENS, TEMPERATURES, RunSweep
from rnnviz.data.vocab import EOS
from rnnviz.figures import style

PROMPT_SHOWN = 300  # characters


def pack(originals: Sequence[RunSweep], forks: Sequence[RunSweep], dark: bool) -> bytes:
    """The message. `forks` is empty, or has the fork of each original in the same order."""
    arrays = _Arrays()
    dashes = style.dashes([sweep.info.rnn_type for sweep in originals])

    def described(sweeps: Sequence[RunSweep]) -> list[dict[str, Any]]:
        return [
            _model(sweep, arrays, dark) | {"dash": dash}
            for sweep, dash in zip(sweeps, dashes, strict=False)
        ]

    header = {
        "temperatures": TEMPERATURES,
        "models": described(originals),
        "forks": described(forks),
    }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 4)  # typed arrays must begin at a multiple of four bytes
    return zlib.compress(struct.pack("<I", len(encoded)) + encoded + bytes(arrays.content), 1)


def height(originals: Sequence[RunSweep], forks: Sequence[RunSweep]) -> int:
    """The height of what the message shows on a wide page, as sampler.css has it, so that its place
    is kept before it is drawn."""
    rows = len(originals) if forks else math.ceil(len(originals) / 2)
    words = any(sweep.info.vocab.level == "word" for sweep in originals)
    return 284 + rows * (417 + 82 * words) + 77 * (len(originals) == 1)


class _Arrays:
    """Arrays one after another, each at a multiple of four bytes."""

    def __init__(self) -> None:
        self.content = bytearray()

    def put(self, values, dtype: str) -> list:
        """Append an array; its [offset, dtype]."""
        offset = len(self.content)
        self.content += np.ascontiguousarray(values, dtype).tobytes()
        self.content += b"\0" * (-len(self.content) % 4)
        return [offset, dtype[1:]]


def _model(of: RunSweep, arrays: _Arrays, dark: bool) -> dict[str, Any]:
    """The header's entry of one run; its arrays are appended to `arrays`."""
    vocab = of.info.vocab
    return {
        "label": style.cell_name(of.info.rnn_type),
        "title": of.info.name,
        "color": style.color(of.info.rnn_type, dark),
        "tokens": ["\n" if token == EOS else token for token in vocab.id2token],
        "words": vocab.level == "word",
        "prompt": _prompt(of),
        "fixed": of.fixed,
        "count": of.sweep.tokens.shape[1],
        "tops": of.sweep.top_tokens.shape[-1],
        "arrays": _put(of, arrays),
        "next": of.likeliest.tolist(),
        "logits": _rounded(of.logits),
        "probs": [_rounded(row) for row in of.probs],
        "next_entropy": _rounded(of.next_entropy),
        "cue": None if of.info.cue is None else vocab.id2token[of.info.cue],
        "next_counts": of.next_counts,
    }


def _put(of: RunSweep, arrays: _Arrays) -> dict[str, list]:
    """Append the arrays of a sweep: name -> [offset, dtype]. The surprise of a token that does not
    count is nan. A vocabulary of more than
    MANY_TOKENS has no likeliest tokens of each step: they are sent on request."""
    sweep, vocab_size = of.sweep, len(of.info.vocab)
    ids = "<u2" if vocab_size < 2**16 else "<u4"
    placed = {
        "tokens_at": arrays.put(sweep.tokens, ids),
        "rank": arrays.put(sweep.rank, ids),
        "surprise": arrays.put(np.where(of.counts, -sweep.log_prob, np.nan), "<f4"),
        "entropy": arrays.put(sweep.entropy, "<f4"),
    }
    if vocab_size <= MANY_TOKENS:
        placed["top"] = arrays.put(sweep.top_tokens, ids)
        steps = (sweep.top_probs * 65535).round().clamp(min=1)  # only a true zero is sent as 0
        placed["share"] = arrays.put(steps.masked_fill(sweep.top_probs == 0, 0), "<u2")
    return placed


def _prompt(of: RunSweep) -> str:
    """The end of the prompt as it stands before the text."""
    prompt = of.prompt[-PROMPT_SHOWN:]
    if prompt != of.prompt:
        prompt = f"\u2026{prompt}"
    if of.info.vocab.level == "word" and prompt[-1:].strip():
        prompt += " "
    return prompt


def _rounded(values: np.ndarray) -> list[float]:
    """Six significant digits of each number: more than are shown."""
    return [float(f"{value:.6g}") for value in values]
