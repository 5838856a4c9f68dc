"""Control charts over the points of many groups.

Rows are in order of time within their group; groups may interleave. The baseline of a group are its first
`baseline_points` evaluated points; limits stand from the last of them on, so that no row changes when later points
arrive.
One row per point, in the order of the input:

centre, lo, hi: limits at that point; null where the signal is insufficient or not_evaluated.
signal: the first that holds of beyond_limits, two_of_three (beyond 2 sigma), four_of_five (beyond 1 sigma),
  eight_on_side, moving_range; insufficient before the baseline is complete or where it does not vary;
  not_evaluated where the point is unknown; null where there is no signal.
side: above or below the centre; null without a signal of a side.
Sources: limits of XmR charts as Wheeler gives them; signals are the Western Electric rules.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from pacekeeper.measures.statistics.grouped import Flags, Floats, Series, floats

_LIMIT_PER_RANGE = 2.66
_RANGE_LIMIT_PER_RANGE = 3.267

_INSUFFICIENT = "insufficient"
_NOT_EVALUATED = "not_evaluated"


def xmr_chart(groups: ArrayLike, values: ArrayLike, *, baseline_points: int) -> pa.Table:
    """Individual values: limits are mean +- 2.66 mean moving ranges, and 3.267 of them for the range itself.

    moving_range: distance to the group's previous evaluated point; null at the first. moving_range_hi: its limit.
    Unknown values are skipped, by the moving range too.
    """
    values = floats(values)
    series = Series.of(groups, np.isfinite(values))
    x = values[series.rows]
    moving_range = np.where(series.position == 0, np.nan, np.abs(np.diff(x, prepend=np.nan)))
    baseline = series.position < baseline_points
    centre = series.mean(x, baseline)
    mean_range = series.mean(moving_range, baseline & (series.position > 0))
    sigma = mean_range * _LIMIT_PER_RANGE / 3
    judged = (series.position >= baseline_points - 1) & (sigma > 0)
    signal, side = _signals(series, x, centre, sigma)
    range_hi = mean_range * _RANGE_LIMIT_PER_RANGE
    signal = np.where((signal == "") & (moving_range > range_hi), "moving_range", signal)
    return _table(
        len(values),
        series,
        judged,
        numbers={"centre": centre, "lo": centre - 3 * sigma, "hi": centre + 3 * sigma, "moving_range_hi": range_hi},
        signal=signal,
        side=side,
    ).append_column("moving_range", _scattered(len(values), series, moving_range))


def p_chart(groups: ArrayLike, successes: ArrayLike, n: ArrayLike, *, baseline_points: int) -> pa.Table:
    """Rates: the centre p is sum / sum over the baseline, limits are p +- 3 sqrt(p (1 - p) / n), within 0 to 1.

    A point without a denominator is not evaluated.
    """
    successes, n = floats(successes), floats(n)
    series = Series.of(groups, (n > 0) & np.isfinite(successes))
    k, size = successes[series.rows], n[series.rows]
    baseline = series.position < baseline_points
    centre = series.mean(k, baseline) / series.mean(size, baseline)
    sigma = np.sqrt(centre * (1 - centre) / size)
    judged = (series.position >= baseline_points - 1) & (sigma > 0)
    signal, side = _signals(series, k / size, centre, sigma)
    limits = {"lo": np.maximum(centre - 3 * sigma, 0.0), "hi": np.minimum(centre + 3 * sigma, 1.0)}
    return _table(len(n), series, judged, numbers={"centre": centre, **limits}, signal=signal, side=side)


def _signals(series: Series, x: Floats, centre: Floats, sigma: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Signal and side of every point, empty without one."""
    signal, side = np.full(len(x), "", dtype="U16"), np.full(len(x), "", dtype="U5")
    # A point on a line is not beyond it, whatever rounding says.
    slack = 1e-12 * (np.abs(x) + np.abs(centre))
    for name, sign in (("above", 1), ("below", -1)):
        distance = sign * (x - centre) - slack
        rules: dict[str, Flags] = {
            "beyond_limits": distance > 3 * sigma,
            "two_of_three": _out_of(series, distance > 2 * sigma, enough=2, length=3),
            "four_of_five": _out_of(series, distance > sigma, enough=4, length=5),
            "eight_on_side": _out_of(series, distance > 0, enough=8, length=8),
        }
        found = np.select(list(rules.values()), list(rules), default="")
        signal = np.where(found != "", found, signal)
        side = np.where(found != "", name, side)
    return signal, side


def _out_of(series: Series, flags: Flags, *, enough: int, length: int) -> Flags:
    return flags & (series.count_last(flags, length) >= enough)


def _table(
    rows: int, series: Series, judged: Flags, *, numbers: dict[str, Floats], signal: np.ndarray, side: np.ndarray
) -> pa.Table:
    columns = {name: _scattered(rows, series, np.where(judged, column, np.nan)) for name, column in numbers.items()}
    all_signals = np.full(rows, _NOT_EVALUATED, dtype="U16")
    all_signals[series.rows] = np.where(judged, signal, _INSUFFICIENT)
    all_sides = np.full(rows, "", dtype="U5")
    all_sides[series.rows] = np.where(judged, side, "")
    return pa.table({**columns, "signal": _text(all_signals), "side": _text(all_sides)})


def _scattered(rows: int, series: Series, values: Floats) -> pa.DoubleArray:
    column = np.full(rows, np.nan)
    column[series.rows] = values
    nullable: pa.DoubleArray = pa.array(column, from_pandas=True)
    return nullable


def _text(values: np.ndarray) -> pa.StringArray:
    return pa.array(values.tolist(), pa.string(), mask=values == "")
