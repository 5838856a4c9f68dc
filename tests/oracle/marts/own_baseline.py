"""own_baseline_month: signs of strain against a clinician's own twelve months before (decision 8, T5)."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from tests.oracle.marts.completeness import ended_months, month_bounds
from tests.oracle.marts.leave import before, entries, last_day
from tests.oracle.marts.practice import MartRows, Practice, Row
from tests.oracle.weeks import exact

MONTHS = 12
SIGMAS = 3
INSTANT = timedelta(microseconds=1)
#: 3 sigma of an XmR chart are 2.66 mean moving ranges.
OF_RANGES = Fraction(266, 100)


def own_baseline_month(practice: Practice) -> MartRows:
    measures = {"sick_days": sick_days, "meetings": meetings, "notes_amended": notes_amended}
    found: MartRows = {}
    for person, weeks in practice.weeks.items():
        mine = [m for m in ended_months(practice) if any(m <= w.monday <= last_day(m) for w in weeks)]
        for measure, count in measures.items():
            values = {month: count(practice, person, month) for month in mine}
            for month in mine:
                found[person, month, measure] = (
                    month_bounds(practice, month)
                    | {"is_sick_days": measure == "sick_days", "is_notes_amended": measure == "notes_amended"}
                    | _against_own(practice, values, month)
                )
    return found


def _against_own(practice: Practice, values: dict[date, int | None], month: date) -> Row:
    value = values[month]
    known = [v for m, v in values.items() if before(month, MONTHS) <= m < month and v is not None]
    row: Row = {"value": value, "baseline_months_n": None if value is None else len(known)}
    if value is None or not known:
        return row | dict.fromkeys(("baseline_mean", "own_hi", "own_sigma"))
    mean = Fraction(sum(known), len(known))
    ranges = [abs(b - a) for a, b in pairwise(known)]
    spread = OF_RANGES / SIGMAS * sum(ranges) / len(ranges) if ranges else Fraction(0)
    sigma = max(spread, exact(practice.setting("own_limit", "least_spread")))
    return row | {"baseline_mean": mean, "own_hi": mean + SIGMAS * sigma, "own_sigma": (value - mean) / sigma}


def sick_days(practice: Practice, person: str, month: date) -> int | None:
    if not practice.knows(person, "pto_ledger", "schedule_block"):
        return None
    days = {r["entry_date"] for r in entries(practice, person, "sick")}
    for block in practice.by_person("schedule_block").get(person, []):
        if block["kind"] == "sick":
            day, last = practice.day(person, block["start_at"]), practice.day(person, block["end_at"] - INSTANT)
            days |= {day + timedelta(days=n) for n in range((last - day).days + 1)}
    return len([day for day in days if month <= day <= last_day(month)])


def meetings(practice: Practice, person: str, month: date) -> int | None:
    if not practice.knows(person, "time_entry"):
        return None
    mine = practice.by_person("time_entry").get(person, [])
    held = [r["entry_date"] for r in mine if r["kind"] == "meeting" and r["cancelled_by"] is None]
    return len([day for day in held if month <= day <= last_day(month)])


def notes_amended(practice: Practice, person: str, month: date) -> int | None:
    """Null where a note of the month is of a source that counts no changes."""
    if not practice.knows(person, "note"):
        return None
    mine = [
        r
        for r in practice.by_person("note").get(person, [])
        if r["status"] != "entered_in_error" and month <= practice.day(person, r["created_at"]) <= last_day(month)
    ]
    if any(r["amended_count"] is None for r in mine):
        return None
    return len([r for r in mine if r["amended_count"] > 0])
