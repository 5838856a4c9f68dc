"""Partial pooling: a unit's value drawn towards that of its group, the more the less the unit's own data says."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import Floats, Groups, floats
from pacekeeper.measures.statistics.intervals import normal_quantile


class Pooled(NamedTuple):
    """One per unit, in the order of the input; NaN where the unit's data is unknown, or its group has no second unit.

    value: between the unit's own and `centre`, that of its group. own_weight: 1 is no pooling, 0 is only the group.
    lo, hi: interval of the unit's true value.
    """

    value: Floats
    lo: Floats
    hi: Floats
    centre: Floats
    own_weight: Floats


def pool_rates(groups: ArrayLike, successes: ArrayLike, n: ArrayLike, *, confidence: float) -> Pooled:
    """Beta-binomial by the method of moments (Kleinman 1973), a prior for each group.

    The prior weighs between one observation and all of its group: else units that are all or nothing, or all alike,
    would seem certain. lo and hi are NaN where the group's rate is 0 or 1.
    """
    from scipy.stats import beta

    k, n = np.broadcast_arrays(floats(successes), floats(n))
    known = (n > 0) & np.isfinite(k)
    k, n = np.where(known, k, 0.0), np.where(known, n, 0.0)
    by = Groups.of(groups)
    units, total, squares = (by.sum_by_row(x) for x in (known.astype(np.float64), n, n * n))
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = by.sum_by_row(k) / total
        own = k / n
        excess = by.sum_by_row(np.where(known, n * (own - centre) ** 2, 0.0)) / (centre * (1 - centre)) - (units - 1)
        room = total - squares / total - (units - 1)  # 0 where all denominators are 1: then nothing tells units apart
        correlation = np.where(room > 1e-9, excess / room, 0.0)
        weight = np.where(correlation > 0, np.clip(1 / correlation - 1, 1.0, total), total)
        value = (k + weight * centre) / (n + weight)
        first, second = k + weight * centre, n - k + weight * (1 - centre)
        tail = (1 - confidence) / 2
        pooled = Pooled(value, beta.ppf(tail, first, second), beta.isf(tail, first, second), centre, n / (n + weight))
    return _only(pooled, known & (units >= 2))


def pool_means(
    groups: ArrayLike, means: ArrayLike, n: ArrayLike, *, within_variance: ArrayLike, confidence: float
) -> Pooled:
    """Normal-normal: a unit's mean has variance within_variance / n; that between units is by moments.

    Source of the variance between units: DerSimonian, Laird 1986. The interval includes the doubt about the centre.
    """
    own, n, within = np.broadcast_arrays(floats(means), floats(n), floats(within_variance))
    known = (n > 0) & np.isfinite(own) & (within > 0)
    own = np.where(known, own, 0.0)
    by = Groups.of(groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(known, within / n, np.inf)
        precision = 1 / variance
        units, total, squares = (by.sum_by_row(x) for x in (known.astype(np.float64), precision, precision**2))
        fixed = by.sum_by_row(precision * own) / total
        excess = by.sum_by_row(precision * (own - fixed) ** 2) - (units - 1)
        between = np.maximum(excess / (total - squares / total), 0.0)
        weight = 1 / (variance + between)
        certainty = by.sum_by_row(weight)
        centre = by.sum_by_row(weight * own) / certainty
        own_weight = between / (between + variance)
        value = own_weight * own + (1 - own_weight) * centre
        spread = np.sqrt(own_weight * variance + (1 - own_weight) ** 2 / certainty)
    half = normal_quantile(confidence) * spread
    return _only(Pooled(value, value - half, value + half, centre, own_weight), known & (units >= 2))


def _only(pooled: Pooled, told: np.ndarray) -> Pooled:
    return Pooled(*(np.where(told, column, np.nan) for column in pooled))
