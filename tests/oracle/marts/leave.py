"""leave_month: leave taken of what was due, and days since the last (decision 8, M12)."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from fractions import Fraction

from tests.oracle.marts.completeness import ended_months, month_bounds, next_month
from tests.oracle.marts.practice import MartRows, Practice, Row, ratio
from tests.oracle.weeks import exact, is_employed_on

RESTING = {"take", "parental"}


def last_day(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def before(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def entries(practice: Practice, person: str, *kinds: str) -> list[Row]:
    """Entries of the ledger that nobody refused."""
    mine = practice.by_person("pto_ledger").get(person, [])
    return [r for r in mine if r["kind"] in kinds and r["is_approved"] is not False]


def employed_since(practice: Practice, person: str, day: date) -> date | None:
    """First day of the employment that is continuous up to a day; null where there is none."""
    since: date | None = None
    until = date.min
    for contract in sorted(practice.employments.get(person, []), key=lambda c: c.start):
        if contract.start > day:
            break
        if since is None or contract.start.toordinal() - until.toordinal() - 1 > 1:
            since, until = contract.start, contract.end or date.max
        else:
            until = max(until, contract.end or date.max)
    return since if until >= day else None


def leave_month(practice: Practice) -> MartRows:
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        for month in ended_months(practice):
            if any(month <= week.monday <= last_day(month) for week in weeks):
                found[person, month] = _month(practice, person, month)
    return found


def _month(practice: Practice, person: str, month: date) -> Row:
    last = last_day(month)
    is_employed = any(is_employed_on(c, last) for c in practice.employments.get(person, []))
    is_parental = any(month <= r["entry_date"] <= last for r in entries(practice, person, "parental"))
    from_month = practice.rule("pto_low", "from_month")
    row: Row = month_bounds(practice, month) | {
        "is_employed": is_employed,
        "is_pto_judged": is_employed and month.month >= from_month and not is_parental,
        **_without_leave(practice, person, last),
    }
    if not practice.knows(person, "pto_ledger"):
        return row | dict.fromkeys(("pto_taken_h", "pto_due_h", "pto_used_ratio", "sick_days", "sick_days_12m"))
    year = date(month.year, 1, 1)
    taken = [r for r in entries(practice, person, "take") if year <= r["entry_date"] <= last]
    taken_h = sum((abs(exact(r["hours"])) for r in taken), Fraction(0))
    due_h = _due(practice, person, month)
    sick = {r["entry_date"] for r in entries(practice, person, "sick")}
    return row | {
        "pto_taken_h": taken_h,
        "pto_due_h": due_h,
        "pto_used_ratio": ratio(taken_h, due_h),
        "sick_days": sum(month <= day <= last for day in sick),
        "sick_days_12m": sum(before(month, 12) <= day < month for day in sick),
    }


def _due(practice: Practice, person: str, month: date) -> Fraction | None:
    """Null where the ledger names nothing that was earned."""
    this_year = [
        r
        for r in entries(practice, person, "accrue", "grant")
        if r["entry_date"].year == month.year and r["entry_date"] <= last_day(month)
    ]
    accrued = [r for r in this_year if r["kind"] == "accrue"]
    if accrued:
        return sum((exact(r["hours"]) for r in accrued), Fraction(0))
    if not this_year:
        return None
    grants = ((exact(r["hours"]), r["entry_date"].month) for r in this_year)
    return sum((h * (month.month - since + 1) / (13 - since) for h, since in grants), Fraction(0))


def _record_begins(practice: Practice, person: str) -> date:
    """First entry about anybody, no grant, in the sources that know the person; long after all where there is none."""
    sources = practice.sources_of(person)
    ledger = [r for r in practice.rows["pto_ledger"] if r["source"] in sources and r["kind"] != "grant"]
    days = [r["entry_date"] for r in ledger]
    blocks = [r for r in practice.rows["schedule_block"] if r["source"] in sources and r["kind"] == "pto"]
    return min([*days, *(r["start_at"].astimezone(UTC).date() for r in blocks)], default=date.max)


def _without_leave(practice: Practice, person: str, last: date) -> Row:
    since = employed_since(practice, person, last)
    if since is None:
        return {"days_without_leave": None, "is_record_short": False}
    days = {since - timedelta(days=1)} | {r["entry_date"] for r in entries(practice, person, *RESTING)}
    for block in practice.by_person("schedule_block").get(person, []):
        if block["kind"] == "pto":
            day, end = practice.day(person, block["start_at"]), block["end_at"] - timedelta(microseconds=1)
            while day <= practice.day(person, end):
                days.add(day)
                day += timedelta(days=1)
    begins = _record_begins(practice, person)
    latest = max(d for d in days if d <= last)
    # Leave of before the record began is not known.
    if latest >= begins - timedelta(days=1):
        found, is_short = (last - latest).days, False
    else:
        found = (last - begins).days + 1
        is_short = found <= practice.threshold("no_leave_90d", "breach")
    is_known = practice.knows(person, "pto_ledger", "schedule_block") and not is_short
    return {"days_without_leave": found if is_known else None, "is_record_short": is_short}
