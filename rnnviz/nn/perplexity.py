"""Perplexity of a loss. Free of torch: tables and figures need it before any model is loaded."""

from __future__ import annotations

import math

MAX_NATS = 80.0  # exp of it, the largest perplexity given, is still a float32


def perplexity(nats: float) -> float:
    """exp of a mean loss in nats a token, at most exp(MAX_NATS)."""
    return math.exp(min(nats, MAX_NATS))
