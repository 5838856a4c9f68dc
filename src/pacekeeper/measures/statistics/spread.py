"""How evenly something is spread over time or people. A group with an unknown value is unknown (NaN)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import Floats, Groups, PerGroup, floats


def coefficient_of_variation(groups: ArrayLike, values: ArrayLike) -> PerGroup:
    """Sample standard deviation / mean; NaN with fewer than two values or a mean of 0 or less."""
    values, by = floats(values), Groups.of(groups)
    size = by.size()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = by.sum(values) / size
        sd = np.sqrt(by.sum((values - mean[by.codes]) ** 2) / (size - 1))
        return PerGroup(by.labels, np.where(mean > 0, sd / mean, np.nan))


def gini(groups: ArrayLike, values: ArrayLike) -> PerGroup:
    """Gini coefficient: 0 is all equal, (n - 1) / n one has all; NaN where all are 0 or any is negative."""
    values, by = floats(values), Groups.of(groups)
    order = np.lexsort((values, by.codes))
    size = by.size()
    rank = np.empty(len(values))
    rank[order] = np.arange(len(values)) - (np.cumsum(size) - size)[by.codes[order]] + 1
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = by.sum((2 * rank - size[by.codes] - 1) * values) / (size * by.sum(values))
    negative = by.sum((values < 0).astype(np.float64)) > 0
    return PerGroup(by.labels, np.where(negative, np.nan, weighted))


def fairness_ratio(groups: ArrayLike, held: ArrayLike, fte: ArrayLike) -> Floats:
    """Held / (the group's total x share of its FTE), one per row: 1 is a fair share.

    NaN for the whole group where it held nothing or anyone's amount or FTE is unknown.
    """
    held, fte, by = floats(held), floats(fte), Groups.of(groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        fair = by.sum_by_row(held) * fte / by.sum_by_row(fte)
        return np.asarray(np.where(fair > 0, held / fair, np.nan))
