"""reminder_month: reminders by month they were due, offset and channel."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

from tests.oracle.marts.completeness import ended_months, month_bounds
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio


def reminder_month(practice: Practice) -> MartRows:
    tolerance = timedelta(minutes=practice.rule("reminders", "tolerance"))
    groups: dict[tuple[date, int, str], list[Row]] = defaultdict(list)
    for row in practice.rows["reminder"]:
        groups[practice.day("", row["due_at"]).replace(day=1), row["offset_h"], row["channel"]].append(row)
    months = ended_months(practice)
    return {
        key: month_bounds(practice, key[0]) | _counts(rows, tolerance)
        for key, rows in groups.items()
        if key[0] in months
    }


def _counts(rows: list[Row], tolerance: timedelta) -> Row:
    in_time = sum(r["sent_at"] is not None and abs(r["sent_at"] - r["due_at"]) <= tolerance for r in rows)
    delivered = sum(r["is_delivered"] is True for r in rows)
    told = sum(r["is_delivered"] is not None for r in rows)
    return {
        "reminders_n": len(rows),
        "in_time_n": in_time,
        "delivered_n": delivered,
        "delivery_known_n": told,
        "confirmed_n": sum(r["is_confirmed"] is True for r in rows),
        "in_time_ratio": Fraction(in_time, len(rows)),
        "delivered_ratio": ratio(Fraction(delivered), told),
    }
