"""Days on which a clinician does not see clients, and how each source tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._roster import Person

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
    if not person.kind.takes_leave or not person.works_by_calendar or not person.accounts:
        return found
    found.update(dict.fromkeys(holidays, DayOff("holiday", "block")))
    disturbed = {week for week, _ in found}
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


def whole_weeks_off(days: DaysOff) -> list[int]:
    """Weeks in which leave covers Monday to Friday."""
    leave = [week for (week, _), off in days.items() if off.in_ledger and not off.afternoon]
    return sorted(week for week in set(leave) if leave.count(week) == 5)
