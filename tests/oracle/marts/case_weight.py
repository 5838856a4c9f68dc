"""case_weight_rater: who or what rated the open cases at a month's end (decision 8, W12)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction

from tests.oracle.marts.completeness import ended_months, month_bounds
from tests.oracle.marts.leave import last_day
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio


def case_weight_rater(practice: Practice) -> MartRows:
    ratings: dict[str, list[Row]] = defaultdict(list)
    for row in practice.rows["case_weight"]:
        ratings[row["episode_key"]].append(row)
    found: MartRows = {}
    for person, assigned in practice.by_person("case_assignment").items():
        weeks = practice.weeks.get(person, [])
        for month in ended_months(practice):
            if not any(month <= week.monday <= last_day(month) for week in weeks):
                continue
            by_method = _by_method(practice, person, assigned, ratings, last_day(month))
            for method, weights in by_method.items():
                found[person, month, method] = month_bounds(practice, month) | _counts(weights)
    return found


def _by_method(
    practice: Practice, person: str, assigned: list[Row], ratings: dict[str, list[Row]], day: date
) -> dict[str, list[int | None]]:
    is_open = [r for r in assigned if r["from_date"] <= day and (r["to_date"] is None or r["to_date"] >= day)]
    found: dict[str, list[int | None]] = defaultdict(list)
    for episode in sorted({r["episode_key"] for r in is_open}):
        in_force = [
            r
            for r in ratings[episode]
            if r["effective_from"] <= day and practice.person(r["clinician_key"]) in {None, person}
        ]
        if in_force:
            latest = max(in_force, key=lambda r: r["effective_from"])
            found[latest["method"]].append(latest["weight"])
        else:
            found["unrated"].append(None)
    return found


def _counts(weights: list[int | None]) -> Row:
    rated = [w for w in weights if w is not None]
    heavy = rated.count(3)
    return {
        "cases_n": len(weights),
        "weight1_n": rated.count(1),
        "weight2_n": rated.count(2),
        "weight3_n": heavy,
        "weight3_ratio": ratio(Fraction(heavy), len(rated)),
        "mean_weight": ratio(Fraction(sum(rated)), len(rated)),
    }
