"""Where a rate lies around that of all: funnel plot with exact binomial limits."""

from __future__ import annotations

from fractions import Fraction
from math import comb

#: Tails below which a count is beyond the 99.8 % and the 95 % limits.
TAILS = {"alarm": Fraction(1, 1000), "alert": Fraction(25, 1000)}


def zone(hits: int, n: int, rate: Fraction) -> str:
    """inside, or alert_ or alarm_ and low or high: so few or so many come less often than the tail says."""
    chances = [comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
    low, high = sum(chances[: hits + 1]), sum(chances[hits:])
    for name, tail in TAILS.items():
        if low < tail:
            return f"{name}_low"
        if high < tail:
            return f"{name}_high"
    return "inside"
