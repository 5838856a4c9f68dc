"""Change of a score between two measurements.

A score, limit or reference is one number for all rows or one per row. higher_is_better: the instrument's direction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import Floats, floats
from pacekeeper.measures.statistics.intervals import normal_quantile


def reliable_change_index(base: ArrayLike, last: ArrayLike, *, sd: ArrayLike, r: ArrayLike) -> Floats:
    """Change in standard errors of a difference, sd sqrt(2) sqrt(1 - r). Source: Jacobson and Truax 1991.

    sd: of the reference sample; r: reliability of the instrument.
    """
    return np.asarray((floats(last) - floats(base)) / _error_of_difference(sd, r))


def reliable_change_points(*, sd: ArrayLike, r: ArrayLike, confidence: float) -> Floats:
    """Smallest reliable change, in points of the instrument: at 0.95, 1.96 standard errors of a difference."""
    return normal_quantile(confidence) * _error_of_difference(sd, r)


def _error_of_difference(sd: ArrayLike, r: ArrayLike) -> Floats:
    return np.asarray(floats(sd) * np.sqrt(2 * (1 - floats(r))))


def change_class(
    base: ArrayLike,
    last: ArrayLike,
    *,
    reliable_change: ArrayLike,
    cut_off: ArrayLike,
    higher_is_better: ArrayLike,
) -> pa.StringArray:
    """recovered, improved, no_change or deteriorated; null where anything is unknown.

    reliable_change: points from which a change is reliable. A case lies at the cut-off or on its worse side (under it
    where higher is better). Recovered: reliably improved, a case before and none now; who was none cannot recover.
    """
    base, last, least, edge = (floats(x) for x in (base, last, reliable_change, cut_off))
    better_up = np.asarray(higher_is_better, dtype=bool)
    gain = np.where(better_up, last - base, base - last)
    was_case, is_case = (np.where(better_up, score < edge, score >= edge) for score in (base, last))
    # Scores carry decimals (ORS): a change of exactly the limit counts, whatever rounding says.
    least = least - 1e-9
    classes = {
        "recovered": (gain >= least) & was_case & ~is_case,
        "improved": gain >= least,
        "deteriorated": gain <= -least,
    }
    unknown = np.isnan(gain) | np.isnan(least) | np.isnan(edge)
    named = np.select(list(classes.values()), list(classes), default="no_change")
    return pa.array(named.tolist(), pa.string(), mask=unknown)


def effect_size(base: ArrayLike, last: ArrayLike, *, sd: ArrayLike, higher_is_better: ArrayLike) -> Floats:
    """Change in standard deviations of the reference; negative is better, whatever the instrument's direction."""
    return np.asarray(_worse(higher_is_better) * (floats(last) - floats(base)) / floats(sd))


class SeverityLine(NamedTuple):
    """Expected last score at a base score: intercept + slope x base. n: pairs it was fitted to."""

    slope: float
    intercept: float
    n: int


def fit_severity(base: ArrayLike, last: ArrayLike) -> SeverityLine | None:
    """Least squares over the pairs of one instrument; None with fewer than three pairs or a single base score."""
    from scipy.stats import linregress

    pairs = np.stack((floats(base), floats(last)))
    before, after = pairs[:, ~np.isnan(pairs).any(axis=0)]
    if len(before) < 3 or np.ptp(before) == 0:
        return None
    line = linregress(before, after)
    return SeverityLine(float(line.slope), float(line.intercept), len(before))


def severity_adjusted_effect_size(
    base: ArrayLike, last: ArrayLike, line: SeverityLine, *, sd: ArrayLike, higher_is_better: ArrayLike
) -> Floats:
    """Last score against the one expected at that base, in standard deviations of the reference; negative is better."""
    expected = line.intercept + line.slope * floats(base)
    return np.asarray(_worse(higher_is_better) * (floats(last) - expected) / floats(sd))


def _worse(higher_is_better: ArrayLike) -> Floats:
    return np.where(np.asarray(higher_is_better, dtype=bool), -1.0, 1.0)
