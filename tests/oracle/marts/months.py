"""Months, quarters and business days of a practice, on the wall clock of its home zone."""

from __future__ import annotations

from datetime import date, timedelta

from tests.oracle.marts.completeness import ended_months, month_bounds, next_month
from tests.oracle.marts.practice import Practice, Row
from tests.oracle.weeks import day_stretch, local_midnight

__all__ = ["business_days", "closed_days", "ended_months", "month_bounds", "next_month", "quarter_bounds", "quarters"]


def closed_days(practice: Practice, *kinds: str) -> set[date]:
    """Days on which the whole practice is closed."""
    return {
        row["from_date"] + timedelta(days=n)
        for row in practice.rows["practice_closure"]
        if row["location_key"] is None and row["kind"] in kinds
        for n in range((row["to_date"] - row["from_date"]).days + 1)
    }


def business_days(first: date, last: date, holidays: set[date]) -> int:
    """Monday to Friday after the first day, the last one included."""
    days = [first + timedelta(days=n + 1) for n in range((last - first).days)]
    return sum(day.weekday() < 5 and day not in holidays for day in days)


def quarter_of(day: date) -> date:
    return day.replace(month=day.month - (day.month - 1) % 3, day=1)


def next_quarter(quarter: date) -> date:
    return next_month(next_month(next_month(quarter)))


def quarter_bounds(practice: Practice, quarter: date) -> Row:
    end = day_stretch(next_quarter(quarter), practice.home_tz)[0]
    return {"quarter_start_at": day_stretch(quarter, practice.home_tz)[0], "quarter_end_at": end}


def quarters(practice: Practice) -> list[date]:
    """Quarters that have ended by as_of, of three months with data."""
    assert practice.data_begins is not None
    months = set(ended_months(practice))
    quarter, found = quarter_of(practice.day("", practice.data_begins)), []
    while local_midnight(next_quarter(quarter), practice.home_tz) <= practice.as_of:
        if quarter in months:
            found.append(quarter)
        quarter = next_quarter(quarter)
    return found
