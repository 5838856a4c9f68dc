"""Intervals around a rate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import Floats, floats


class Interval(NamedTuple):
    lo: Floats
    hi: Floats


def wilson(successes: ArrayLike, n: ArrayLike, *, confidence: float) -> Interval:
    """Wilson score interval, a share from 0 to 1; NaN where n is 0 or unknown. Source: Wilson 1927."""
    k, n = floats(successes), floats(n)
    z = normal_quantile(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = k / n
        centre = p + z * z / (2 * n)
        half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        # The ends are exact at 0 and n; the formula misses them by a rounding error.
        lo = np.where(k == 0, 0.0, (centre - half) / scale)
        hi = np.where(k == n, 1.0, (centre + half) / scale)
    known = n > 0
    return Interval(np.where(known, lo, np.nan), np.where(known, hi, np.nan))


def normal_quantile(confidence: float) -> float:
    """Half width of the two-sided interval, in standard deviations: 1.96 for 0.95."""
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2))
