"""Months and quarters of the practice that are over, and the people who were there."""

from __future__ import annotations

from pacekeeper.expr import Table, Value, literal
from pacekeeper.measures.instant import day_number, seconds
from pacekeeper.measures.mart import Step
from pacekeeper.measures.tables import CanonicalTables
from pacekeeper_assets.productivity import PERSON_WEEK

_MONTHS_PER_QUARTER = 3


def practice_day(tables: CanonicalTables) -> Table:
    """One row per local day of the practice's own zone: `day`, `day_no`, `from_s`, `to_s`, month and quarter."""
    home = tables.practice.aggregate(zone=tables.practice.home_tz.min())
    days = tables.calendar_day.inner_join(home, "zone")
    day: Value = days.local_date
    # The first day of the month, by taking the days before it off.
    month_no = day_number(day) - day.day().cast("int64") + 1
    return days.select(
        day=day,
        day_no=day_number(day),
        from_s=seconds(days.starts_at),
        to_s=seconds(days.ends_at),
        starts_at=days.starts_at,
        ends_at=days.ends_at,
        month_no=month_no,
        quarter=day.year().cast("int64") * 4 + (day.month().cast("int64") - 1) // _MONTHS_PER_QUARTER,
    )


def practice_month(tables: CanonicalTables) -> Table:
    """One row per whole month that has ended by `as_of`, from the first appointment or session of the practice on.

    `month_id` (first local day), `month_start_at`, `month_end_at`, `first_no`, `last_no` (day numbers), `quarter`.
    """
    days = tables.practice_day
    months = days.group_by("month_no").aggregate(
        month_id=days.day.min(),
        month_start_at=days.starts_at.min(),
        month_end_at=days.ends_at.max(),
        first_no=days.day_no.min(),
        last_no=days.day_no.max(),
        quarter=days.quarter.min(),
    )
    # A month whose first day the calendar lacks is no whole one.
    whole = months.filter((months.first_no == months.month_no) & (months.month_end_at <= tables.as_of))
    first = tables.person_week.aggregate(first_at=tables.person_week.week_start_at.min())
    return whole.cross_join(first).filter(lambda t: t.month_end_at > t.first_at).drop("first_at", "month_no")


def practice_quarter(tables: CanonicalTables) -> Table:
    """One row per quarter of three such months: `quarter_id` (first local day), its ends, `first_no`, `last_no`."""
    months = tables.practice_month
    quarters = months.group_by("quarter").aggregate(
        quarter_id=months.month_id.min(),
        quarter_start_at=months.month_start_at.min(),
        quarter_end_at=months.month_end_at.max(),
        first_no=months.first_no.min(),
        last_no=months.last_no.max(),
        months_n=months.count(),
    )
    return quarters.filter(quarters.months_n == literal(_MONTHS_PER_QUARTER, "int64")).drop("months_n")


def person_month(tables: CanonicalTables) -> Table:
    """One row per person and such month in which a judged week of theirs begins: `person_key` and the month."""
    weeks = tables.person_week.select("person_key", "first_no")
    months = tables.practice_month
    joined = weeks.inner_join(
        months.rename(month_first_no="first_no", month_last_no="last_no"),
        [weeks.first_no >= months.first_no, weeks.first_no <= months.last_no],
    )
    return joined.drop("first_no").rename(first_no="month_first_no", last_no="month_last_no").distinct()


PRACTICE_DAY = Step("practice_day", lambda tables, policy: practice_day(tables))
PRACTICE_MONTH = Step("practice_month", lambda tables, policy: practice_month(tables), (PRACTICE_DAY, PERSON_WEEK))
PRACTICE_QUARTER = Step("practice_quarter", lambda tables, policy: practice_quarter(tables), (PRACTICE_MONTH,))
PERSON_MONTH = Step("person_month", lambda tables, policy: person_month(tables), (PRACTICE_MONTH,))

__all__ = ["PERSON_MONTH", "PRACTICE_DAY", "PRACTICE_MONTH", "PRACTICE_QUARTER"]
