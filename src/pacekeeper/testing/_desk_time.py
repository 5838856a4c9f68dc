"""Hours without clients in the calendar: half an hour of admin time each morning, two hours each afternoon."""

from __future__ import annotations

from math import ceil

from pacekeeper.testing._availability import Block, block
from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._hours import WeekPlan
from pacekeeper.testing._leave import DaysOff
from pacekeeper.testing._roster import Person

_WEEKDAYS = 5
_FRIDAY = 4
_BEFORE_WEEKS = -3


def working_days(person: Person, plan: WeekPlan) -> frozenset[int]:
    """Weekdays with admin time: those with clients, and as many from Monday on as the part of full time has days."""
    planned = ceil(_WEEKDAYS * min(person.kind.fte or 1.0, 1.0))
    return frozenset(range(planned)) | {day for day, _ in plan.offered if day < _WEEKDAYS}


def leave_before(person: Person, calendar: Calendar) -> list[Block]:
    """A Friday off before the window, of those who have no leave account."""
    if person.kind.employment != "1099" or person.kind.start_back is not None:
        return []
    return [block(person, calendar.day(_BEFORE_WEEKS, _FRIDAY), 8, 18, "pto")]


def desk_blocks(person: Person, week: int, plan: WeekPlan, calendar: Calendar, days: DaysOff) -> list[Block]:
    """Rows for schedule_blocks.csv: admin time around the hours offered, supervision on Friday, leave of some.

    Where clients are offered these hours, there is no admin time in them. Leave of those whose open hours stand in
    another system.
    """
    found: list[Block] = []
    back = calendar.weeks - 1 - week
    for weekday in sorted(working_days(person, plan)):
        day, off = calendar.day(week, weekday), days.get((week, weekday))
        if off and off.told == "removed":
            continue
        if off and off.told == "block" and (person.kind.west or not person.works_by_calendar):
            found.append(block(person, day, 13 if off.afternoon else 8, 18, off.kind))
        hours = {hour for offered, hour in plan.offered if offered == weekday}
        if person.has("no_admin", back):
            continue
        if 8 not in hours and not person.has("no_morning_admin", back):
            found.append(block(person, day, 8.5, 9, "admin", protected=True))
        if weekday == _FRIDAY and 13 not in hours and 14 not in hours:
            found.append(block(person, day, 13, 15, "admin", protected=True))
            found.append(block(person, day, 15, 16, "supervision", protected=True))
        elif 17 not in hours:
            found.append(block(person, day, 17 if 16 in hours else 16, 18, "admin", protected=True))
    return found
