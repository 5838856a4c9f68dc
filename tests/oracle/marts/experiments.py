"""experiment_result: a metric before and after a change (decision 8, T10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from tests.oracle.marts.attendance import attendance_week
from tests.oracle.marts.caseload import caseload_snapshot
from tests.oracle.marts.clinician_week import clinician_week
from tests.oracle.marts.ehr import ehr_time_week
from tests.oracle.marts.messages import message_load
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import exact

WEEKLY: Mapping[str, Callable[[Practice], MartRows]] = MappingProxyType(
    {
        "attendance_week": attendance_week,
        "caseload_snapshot": caseload_snapshot,
        "clinician_week": clinician_week,
        "ehr_time_week": ehr_time_week,
        "message_load": message_load,
    }
)
#: Numerator and denominators of the ratios that the generated experiments measure.
RATIOS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "attendance_week.no_show_ratio": ("no_show_n", ("kept_n", "no_show_n")),
        "clinician_week.utilization_ratio": ("direct_h", ("available_h",)),
    }
)
BASELINE = 12
LIMIT = Fraction(266, 100)
SIGNALS = (("beyond_limits", 3, 1, 1), ("two_of_three", 2, 2, 3), ("four_of_five", 1, 4, 5), ("eight_on_side", 0, 8, 8))
Points = dict[date, list[tuple[Any, Any]]]


def experiment_result(practice: Practice) -> MartRows:
    spine = clinician_week(practice)
    return {(r["experiment_key"],): _result(practice, r, spine) for r in practice.rows["experiment"]}


def _result(practice: Practice, row: Row, spine: MartRows) -> Row:
    points, reason = _points(practice, row["mart_column"])
    seen = _weekly(spine, "distinct_clients_n")
    windows = {
        "before": (row["before_from"], row["before_to"]),
        "after": (row["after_from"], row["after_to"]),
    }
    names = ("metric", "mart_column", "declared_on", "is_opt_in", "decision")
    found: Row = {name: row[name] for name in names}
    found["is_declared_before"] = row["declared_on"] < row["after_from"]
    within: dict[str, Points] = {}
    for name, (first, last) in windows.items():
        within[name] = _inside(points, first, last)
        found |= {f"{name}_from": first, f"{name}_to": last, f"weeks_{name}_n": len(within[name])}
        found[f"mean_{name}"] = _mean(within[name])
        found[f"clients_seen_{name}"] = _mean(_inside(seen, first, last))
    before, after = found["mean_before"], found["mean_after"]
    is_known = before is not None and after is not None
    found["effect"] = after - before if is_known else None
    found["effect_share"] = found["effect"] / before if is_known and before else None
    found["reason"] = reason or (None if is_known else "no_weeks")
    found["chart_signal"], found["chart_side"] = _chart(within["before"], within["after"])
    return found


def _points(practice: Practice, mart_column: str | None) -> tuple[Points, str | None]:
    """Numerators and denominators by week, of which something is known."""
    mart, _, column = (mart_column or "").partition(".")
    if not column:
        return {}, "in_no_mart"
    if mart not in WEEKLY:
        return {}, "not_by_week"
    rows = WEEKLY[mart](practice)
    if mart_column is not None and mart_column in RATIOS:
        numerator, denominators = RATIOS[mart_column]
        return _weekly(rows, numerator, denominators), None
    if not any(isinstance(row[column], int | float | Fraction) for row in rows.values()):
        return {}, "not_by_week"
    return _weekly(rows, column), None


def _weekly(rows: MartRows, numerator: str, denominators: tuple[str, ...] = ()) -> Points:
    found: Points = defaultdict(list)
    for (_, monday), row in rows.items():
        parts = [row[name] for name in (numerator, *denominators)]
        if None not in parts:
            exactly = [exact(part) if isinstance(part, float) else Fraction(part) for part in parts]
            found[monday].append((exactly[0], sum(exactly[1:]) if denominators else 1))
    return {monday: pairs for monday, pairs in found.items() if sum(pair[1] for pair in pairs) > 0}


def _inside(points: Points, first: date, last: date) -> Points:
    return {monday: pairs for monday, pairs in points.items() if first <= monday <= last - timedelta(days=6)}


def _mean(points: Points) -> Any:
    pairs = [pair for found in points.values() for pair in found]
    return ratio(sum((n for n, _ in pairs), Fraction(0)), sum(d for _, d in pairs))


def _chart(before: Points, after: Points) -> tuple[str | None, str | None]:
    """The first signal after the change on a chart of the practice's weeks."""
    baseline = [_mean({monday: before[monday]}) for monday in sorted(before)][-BASELINE:]
    values = [_mean({monday: after[monday]}) for monday in sorted(after)]
    moving = sum((abs(b - a) for a, b in pairwise(baseline)), Fraction(0))
    if len(baseline) < BASELINE or not values or not moving:
        return "insufficient", None
    centre, sigma = sum(baseline, Fraction(0)) / BASELINE, LIMIT * moving / (BASELINE - 1) / 3
    sigmas = [(value - centre) / sigma for value in [*baseline, *values]]
    for seen in range(BASELINE + 1, len(sigmas) + 1):
        signal = _signal(sigmas[:seen])
        if signal is not None:
            return signal, "above" if sigmas[seen - 1] > 0 else "below"
    return None, None


def _signal(sigmas: Sequence[Fraction]) -> str | None:
    signed = [s if sigmas[-1] > 0 else -s for s in sigmas]
    for name, limit, enough, window in SIGNALS:
        last = signed[-window:]
        if len(last) == window and last[-1] > limit and sum(s > limit for s in last) >= enough:
            return name
    return None
