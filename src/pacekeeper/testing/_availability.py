"""When clinicians offer hours: FHIR Slots in the west, schedule_blocks.csv in the east, a weekly template for some."""

from __future__ import annotations

from datetime import date
from typing import Any

from pacekeeper.testing import _resources as fhir
from pacekeeper.testing._calendar import Calendar, instant
from pacekeeper.testing._hours import WeekPlan
from pacekeeper.testing._leave import DayOff, DaysOff
from pacekeeper.testing._roster import Person

#: Rows of schedule_blocks.csv without the leading id.
Block = tuple[str, str, str, str, str, str, str]

TEMPLATE: list[dict[str, Any]] = [
    {
        "daysOfWeek": ["mon", "tue", "wed", "thu"],
        "availableStartTime": "09:00:00",
        "availableEndTime": "12:00:00",
    },
    {
        "daysOfWeek": ["mon", "tue", "wed", "thu"],
        "availableStartTime": "13:00:00",
        "availableEndTime": "16:00:00",
    },
    {"daysOfWeek": ["fri"], "availableStartTime": "09:00:00", "availableEndTime": "12:00:00"},
]


def add_slots(
    person: Person,
    week: int,
    plan: WeekPlan,
    calendar: Calendar,
    days: DaysOff,
    *,
    busy: set[int],
    out: fhir.Resources,
) -> None:
    """One Slot an hour, and one for the lunch hour, which is busy-unavailable."""
    text = person.clock.text
    lunches = sorted({(day, 12) for day, _ in plan.offered})
    for weekday, hour in [*plan.offered, *lunches]:
        off = days.get((week, weekday))
        if off and off.told == "removed":
            continue
        day = calendar.day(week, weekday)
        start = person.clock.at(day, hour * 60)
        taken = any(start <= minute < start + 60 for minute in (start, start + 30) if minute in busy)
        blocked = off is not None and off.told == "block" and (hour >= 13 or not off.afternoon)
        status = "busy-unavailable" if hour == 12 or blocked else "busy" if taken else "free"
        out.by_type["Slot"].append(
            fhir.slot(
                f"sl-{person.index:04d}-{week:03d}-{weekday}{hour:02d}",
                schedule=f"sc-{person.index:04d}",
                status=status,
                start=text(start),
                end=text(start + 60),
                updated=instant(min(start, calendar.as_of - 1) - 1440).isoformat(),
            )
        )


def blocks(person: Person, week: int, plan: WeekPlan, calendar: Calendar, days: DaysOff) -> list[Block]:
    """Rows for schedule_blocks.csv.

    A clinician with an odd number has whole days of availability with protected lunch and admin time on top, one
    with an even number has availability cut around them: both offer the same hours. Admin time is in `desk_blocks`.
    """
    found: list[Block] = []

    def add(weekday: int, start: float, end: float, kind: str, protected: str) -> None:
        found.append(block(person, calendar.day(week, weekday), start, end, kind, protected=protected == "yes"))

    usual = not plan.shaped and len(plan.offered) == 27
    for weekday in range(7):
        hours = [hour for day, hour in plan.offered if day == weekday]
        off = days.get((week, weekday))
        if off and off.told == "block":
            _add_leave(add, weekday, off)
        if not hours or (off and off.told == "removed"):
            continue
        if usual and person.index % 2 and weekday < 4:
            add(weekday, 9, 17, "client_available", "no")
            add(weekday, 12, 13, "lunch", "yes")
            continue
        for start, end in _joined(hours):
            add(weekday, start, end, "client_available", "no")
        if 12 not in hours:
            add(weekday, 12, 12.5, "lunch", "yes")
    return found


def block(person: Person, day: date, start: float, end: float, kind: str, *, protected: bool = False) -> Block:
    """A row of the calendar file; start, end: hours of the local day."""
    return (
        person.npi,
        person.employee_id,
        f"{day.isoformat()} {int(start):02d}:{round(start % 1 * 60):02d}",
        f"{day.isoformat()} {int(end):02d}:{round(end % 1 * 60):02d}",
        person.clock.zone,
        kind,
        "yes" if protected else "no",
    )


def _add_leave(add: Any, weekday: int, off: DayOff) -> None:  # Any: a local function with five parameters
    add(weekday, 13 if off.afternoon else 8, 18, off.kind, "no")


def _joined(hours: list[int]) -> list[tuple[int, int]]:
    """Whole hours as the longest runs they form."""
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and runs[-1][1] == hour:
            runs[-1] = (runs[-1][0], hour + 1)
        else:
            runs.append((hour, hour + 1))
    return runs
