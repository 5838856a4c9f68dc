"""The CSV files of the HR and scheduling systems."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pacekeeper.testing._availability import Block
from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._leave import DaysOff
from pacekeeper.testing._roster import Person

EMPLOYEE_HEADER = (
    "employee_id",
    "npi",
    "email",
    "first_name",
    "last_name",
    "home_address",
    "phone",
    "start_date",
    "end_date",
    "end_reason",
    "fte",
    "weekly_hours",
    "employment_type",
    "role",
    "license",
)
PTO_HEADER = ("entry_id", "employee_id", "date", "type", "hours", "approved")
#: Weeks before the window that the leave account reaches back, and those in which who is new accrues nothing.
_ACCOUNT_WEEKS, _NOTHING_YET_WEEKS = 40, 8
BLOCK_HEADER = ("block_id", "staff_npi", "employee_id", "start", "end", "tz", "type", "protected")


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV text with a header line; lines end in a line feed alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def employees(people: Sequence[Person]) -> str:
    """One row per employment, local dates; the last row has a start date that does not exist."""
    rows = []
    for person in people:
        for identity, start, end, fte in person.employments:
            role = "therapist" if person.kind.role == "hr_only" else person.kind.role
            rows.append(
                (
                    identity,
                    person.npi,
                    person.email,
                    person.first_name,
                    person.last_name,
                    f"{person.index + 1} Mill Lane",
                    f"+1-555-{person.index:04d}",
                    start.isoformat(),
                    end.isoformat() if end else "",
                    "voluntary" if end and end == person.ended else "",
                    "" if fte is None else fte,
                    "" if fte is None else round(40 * fte, 1),
                    person.kind.employment,
                    role,
                    person.kind.license,
                )
            )
    rows.append(("E9999", "", "", "Odd", "Date", "", "", "2025-13-40", "", "", 1.0, 40, "w2", "therapist", "none"))
    return to_csv(EMPLOYEE_HEADER, rows)


def pto(people: Sequence[Person], calendar: Calendar, days_off: Mapping[int, DaysOff]) -> str:
    """Leave taken, refused and accrued, in hours per local date. The first row stands there twice.

    In the year before the window as much was taken as was accrued.
    """
    rows: list[tuple[object, ...]] = []
    for person in people:
        if person.kind.employment == "1099":
            continue
        number = 0

        def add(day: date, kind: str, hours: float, approved: str, person: Person = person) -> None:
            nonlocal number
            # After a change of hours the person goes on under a new employee number.
            employee = next(
                (e for e, start, end, _ in person.employments if start <= day and (end is None or day <= end)),
                person.employee_id,
            )
            rows.append((f"L{person.index:04d}-{number:03d}", employee, day.isoformat(), kind, hours, approved))
            number += 1

        if person.kind.start_back is None:
            for month in range(_ACCOUNT_WEEKS // 4, 0, -1):
                friday = calendar.day(-4 * month, 4)
                if friday > person.started:
                    add(friday, "accrue", 8.0, "")
                    if not person.plant.weeks_of("no_leave"):
                        add(friday, "take", 8.0, "yes")
        for week in range(person.first_week, min(person.last_week, calendar.weeks - 1) + 1):
            is_new = person.kind.start_back is not None and week - person.first_week < _NOTHING_YET_WEEKS
            if (week - person.first_week) % 4 == 3 and not is_new:
                add(calendar.day(week, 4), "accrue", 10.0, "")
        for (week, weekday), off in sorted(days_off[person.index].items()):
            if off.in_ledger and person.first_week <= week <= person.last_week:
                kind = "take" if off.kind == "pto" else off.kind
                add(calendar.day(week, weekday), kind, off.hours, "yes")
        if person.index % 10 == 0 and calendar.weeks > 4:
            add(calendar.day(calendar.weeks - 3, 1), "take", 8.0, "no")
    return to_csv(PTO_HEADER, [*rows, *rows[:1]])


def schedule_blocks(found: Sequence[Block]) -> str:
    """Calendar blocks in local time without offset, the zone beside them."""
    rows = [(f"B{number:06d}", *block) for number, block in enumerate(found, start=1)]
    admin = next((row for row in rows if row[6] == "admin" and row[3].endswith("16:00")), None)
    if admin is not None:
        # The same id again, half an hour longer: only one of the two can be right.
        rows.append((*admin[:4], admin[4][:-2] + "30", *admin[5:]))
    return to_csv(BLOCK_HEADER, rows)
