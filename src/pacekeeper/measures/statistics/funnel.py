"""Funnel plots: is a rate unusual for its denominator?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import floats
from pacekeeper.measures.statistics.intervals import Interval

ALERT = 0.95
ALARM = 0.998

_WINSORISED_SHARE = 0.1


def funnel_limits(n: ArrayLike, *, centre: ArrayLike, level: float) -> Interval:
    """Exact binomial limits of a rate around `centre`, two-sided; a rate on a limit is inside.

    NaN where n is 0, or n or centre is unknown. Source: Spiegelhalter 2005.
    """
    from scipy.stats import binom

    n, centre = np.broadcast_arrays(floats(n), floats(centre))
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return Interval(binom.ppf(tail, n, centre) / n, binom.isf(tail, n, centre) / n)


def funnel_zone(successes: ArrayLike, n: ArrayLike, *, centre: ArrayLike, min_n: int) -> pa.StringArray:
    """inside, alert_low, alert_high (beyond 95 %), alarm_low, alarm_high (beyond 99.8 %), insufficient; never null.

    insufficient: n below min_n, or anything unknown.
    """
    n = floats(n)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = floats(successes) / n
        alert = funnel_limits(n, centre=centre, level=ALERT)
        alarm = funnel_limits(n, centre=centre, level=ALARM)
        zones = {
            "insufficient": ~(n >= min_n) | np.isnan(rate) | np.isnan(alert.lo),
            "alarm_low": rate < alarm.lo,
            "alarm_high": rate > alarm.hi,
            "alert_low": rate < alert.lo,
            "alert_high": rate > alert.hi,
        }
    return pa.array(np.select(list(zones.values()), list(zones), default="inside").tolist(), pa.string())


def overdispersion(successes: ArrayLike, n: ArrayLike, *, centre: float) -> float:
    """Mean squared z-score of the units of one funnel, its outer tenths winsorised: 1 is binomial variation alone.

    Well above 1, the limits are too narrow for these units. NaN with fewer than two units or a centre of 0 or 1.
    Source: Spiegelhalter 2005.
    """
    from scipy.stats.mstats import winsorize

    k, n = np.broadcast_arrays(floats(successes), floats(n))
    known = (n > 0) & ~np.isnan(k)
    if known.sum() < 2 or not 0 < centre < 1:
        return float("nan")
    z = (k[known] / n[known] - centre) / np.sqrt(centre * (1 - centre) / n[known])
    return float(np.mean(np.asarray(winsorize(z, limits=(_WINSORISED_SHARE, _WINSORISED_SHARE))) ** 2))
