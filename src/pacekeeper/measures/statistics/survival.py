"""Time to an event where some have not had it yet (Kaplan-Meier).

durations: in any one unit (days, hours, sessions), from the start to the event, or to the last moment it had not
  happened; rows with an unknown duration are left out.
observed: true where the event happened, false where the row is censored.

One curve per group is made in turn: SciPy fits a single sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import Flags, Floats, Groups, PerGroup, floats


def survival_at(groups: ArrayLike, durations: ArrayLike, observed: ArrayLike, *, times: Sequence[float]) -> PerGroup:
    """Share that has not had the event by each time; values has one row per group and one column per time.

    NaN after the last duration of the group, unless the curve has come down to 0.
    """

    def at_times(curve: Any, longest: float) -> Floats:
        share = np.asarray(curve.evaluate(times))
        return np.where((np.asarray(times) > longest) & (share > 0), np.nan, share)

    return _per_curve(groups, durations, observed, len(times), at_times)


def waiting_time(
    groups: ArrayLike, durations: ArrayLike, observed: ArrayLike, *, quantiles: Sequence[float]
) -> PerGroup:
    """First duration by which the share `quantile` had the event; one row per group, one column per quantile.

    NaN where the curve does not come down that far: too many still wait.
    """

    def first_reached(curve: Any, _longest: float) -> Floats:
        reached = curve.probabilities[None, :] <= (1 - np.asarray(quantiles))[:, None] + 1e-12
        return np.where(reached.any(axis=1), curve.quantiles[reached.argmax(axis=1)], np.nan)

    return _per_curve(groups, durations, observed, len(quantiles), first_reached)


def _per_curve(
    groups: ArrayLike,
    durations: ArrayLike,
    observed: ArrayLike,
    columns: int,
    read: Callable[[Any, float], Floats],  # a curve is SciPy's, which has no types
) -> PerGroup:
    from scipy.stats import CensoredData, ecdf

    durations = floats(durations)
    happened: Flags = np.asarray(observed, dtype=bool)
    by = Groups.of(groups)
    values = np.full((len(by.labels), columns), np.nan)
    rows = np.flatnonzero(~np.isnan(durations))
    rows = rows[np.argsort(by.codes[rows], kind="stable")]
    ends = np.searchsorted(by.codes[rows], np.arange(len(by.labels) + 1))
    for code in np.flatnonzero(np.diff(ends)):
        of_group = rows[ends[code] : ends[code + 1]]
        length = durations[of_group]
        curve = ecdf(CensoredData.right_censored(length, ~happened[of_group])).sf
        values[code] = read(curve, float(length.max()))
    return PerGroup(by.labels, values)
