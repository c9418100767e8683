"""Perplexity of a loss. Free of torch: tables and figures need it before any model is loaded."""

from __future__ import annotations

import math

MAX_NATS = 80.0  # exp of it, the largest perplexity given, is still a float32
LONG = 1e6  # from here on a perplexity is written with a power of ten


def perplexity(nats: float) -> float:
    """exp of a mean loss in nats a token, at most exp(MAX_NATS)."""
    return math.exp(min(nats, MAX_NATS))


def perplexity_text(nats: float, decimals: int = 2) -> str:
    """The perplexity for people to read: 1,234.50, or 1.2e+15 from a million on."""
    value = perplexity(nats)
    return f"{value:,.{decimals}f}" if value < LONG else f"{value:.1e}"
