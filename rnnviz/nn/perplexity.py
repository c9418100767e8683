"""Perplexity of a loss. Free of torch: tables and figures need it before any model is loaded."""

from __future__ import annotations

import math

LONG = 1e6  # from here on a perplexity is written with a power of ten
MOST = 1_000_000  # the largest power of ten that is written


def perplexity(nats: float) -> float | None:
    """exp of a mean loss in nats a token; None where it is larger than every float."""
    try:
        return math.exp(nats)
    except OverflowError:
        return None


def perplexity_text(nats: float, decimals: int = 2) -> str:
    """The perplexity for people to read: 1,234.50, or 1.2e+15 from a million on; it may be larger
    than every float."""
    power = float(nats) / math.log(10)
    if power >= MOST:
        return f"more than 1.0e+{MOST}"
    if not power >= math.log10(LONG):  # NaN is not
        return f"{math.exp(nats):,.{decimals}f}"
    digits, _, carry = f"{10 ** (power % 1):.1e}".partition("e")  # 9.96 is written 1.0e+01
    return f"{digits}e+{math.floor(power) + int(carry):02d}"
