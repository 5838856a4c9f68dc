"""Days on which a clinician does not see clients, and how each source tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._roster import Person

_FRIDAY = 4
#: Weeks before the last from which on a Friday is looked for, and how many are looked at.
_REST_BEFORE = (1, 11, 16, 22)
_REST_WITHIN = 4
_RAMP_WEEKS = 5
#: block: a leave block over the availability (and the ledger); ledger: the ledger alone; removed: the day's
#: availability is not published (and the ledger has it).
Told = Literal["block", "ledger", "removed"]


@dataclass(frozen=True)
class DayOff:
    """kind: pto, sick, parental, holiday or closure; afternoon: only from 13:00 on, four hours."""

    kind: str
    told: Told
    afternoon: bool = False

    @property
    def in_ledger(self) -> bool:
        return self.kind in {"pto", "sick", "parental"}

    @property
    def hours(self) -> float:
        return 4.0 if self.afternoon else 8.0


DaysOff = Mapping[tuple[int, int], DayOff]


def plan_days_off(person: Person, calendar: Calendar) -> DaysOff:
    """Days off by (week, weekday), weekday 0 = Monday.

    Leave never falls into the first two weeks, or into a week with a holiday or a closure.
    """
    found: dict[tuple[int, int], DayOff] = {}
    closure = calendar.closure()
    holidays = calendar.holidays()
    whole: Told = "ledger" if person.kind.west else "block"
    if person.works_by_calendar and closure and not person.kind.west:
        found[closure] = DayOff("closure", "block")
    for back, kind in person.plant.leave_weeks.items():
        week = calendar.back(back)
        if week is not None:
            found.update({(week, weekday): DayOff(kind, "ledger") for weekday in range(5)})
    for back, weekdays in person.plant.sick_days.items():
        week = calendar.back(back)
        if week is not None:
            found.update({(week, weekday): DayOff("sick", "ledger") for weekday in weekdays})
    if not person.plant.weeks_of("no_leave"):
        found.update(_rest_days(person, calendar, holidays, found))
    if not person.kind.takes_leave or not person.works_by_calendar or not person.accounts:
        return found
    found.update(dict.fromkeys(holidays, DayOff("holiday", "block")))
    disturbed = {week for week, _ in found} | {calendar.weeks - 1 - back for back in person.plant.touched}
    quiet = [w for w in range(max(2, person.first_week), person.last_week) if w not in disturbed]
    if len(quiet) < 5 or person.plant.leave_weeks:
        return found
    rng = person.rng
    away, single, sick, half = rng.sample(quiet, 4)
    full_week: Told = rng.choice((whole, "ledger"))
    found.update({(away, weekday): DayOff("pto", full_week) for weekday in range(5)})
    found[single, rng.randrange(5)] = DayOff("pto", rng.choice((whole, "removed")))
    found[sick, rng.randrange(5)] = DayOff("sick", rng.choice((whole, "ledger")))
    found[half, rng.randrange(4)] = DayOff("pto", whole, afternoon=True)
    return found


def _rest_days(
    person: Person, calendar: Calendar, holidays: set[tuple[int, int]], taken: DaysOff
) -> dict[tuple[int, int], DayOff]:
    """A Friday off every few weeks, so that nobody goes for three months without one."""
    disturbed = {week for week, _ in (*holidays, *taken)}
    found: dict[tuple[int, int], DayOff] = {}
    for first in _REST_BEFORE:
        weeks = [
            calendar.weeks - 1 - back
            for back in range(first, first + _REST_WITHIN)
            if back not in person.plant.touched and calendar.weeks - 1 - back not in disturbed
        ]
        least = person.first_week + (_RAMP_WEEKS if person.kind.start_back is not None else 2)
        week = next((week for week in weeks if least <= week <= person.last_week), None)
        if week is not None:
            # Whoever has no leave account has it in the calendar.
            told: Told = "block" if person.kind.employment == "1099" else "ledger"
            found[week, _FRIDAY] = DayOff("pto", told)
    return found


def whole_weeks_off(days: DaysOff) -> list[int]:
    """Weeks in which leave covers Monday to Friday."""
    leave = [week for (week, _), off in days.items() if off.in_ledger and not off.afternoon]
    return sorted(week for week in set(leave) if leave.count(week) == 5)
