"""Hours a clinician offers to clients, week by week, and the slots that remain after days off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._leave import DaysOff
from pacekeeper.testing._plants import Shape
from pacekeeper.testing._roster import Person

_USUAL = [(day, hour) for day in range(4) for hour in (9, 10, 11, 13, 14, 15)] + [(4, h) for h in (9, 10, 11)]
_EXTRA = (
    [(day, 16) for day in range(4)]
    + [(4, hour) for hour in (13, 14, 15, 16)]
    + [(day, 17) for day in range(5)]
    + [(day, 8) for day in range(5)]
    + [(5, hour) for hour in (9, 10, 11)]
)
_TESTING = [(day, hour) for day in range(5) for hour in (9, 10, 13, 14)]
#: Offered hours and share of a usual week, by tenure month.
_RAMP_HOURS = {1: 20, 2: 20, 3: 24}
_RATIO = (0.735, 0.785)
_MEAN_MINUTES = {30: 25, 60: 53, 120: 112}


@dataclass(frozen=True)
class WeekPlan:
    """One clinician's week.

    offered: (weekday, hour) of the hours published; open_slots: (weekday, minute) left after days off, `unit` long;
    sessions: minutes of each individual session to keep; shaped: planted or ramp, so nothing else may happen in it.
    """

    offered: list[tuple[int, int]]
    open_slots: list[tuple[int, int]]
    sessions: list[int]
    no_shows: int
    shaped: bool
    month: int
    late_cancels: int = 0


def plan_week(person: Person, week: int, calendar: Calendar, days: DaysOff, *, reserved: int = 0) -> WeekPlan:
    """The plan of a worked week. reserved: direct minutes that groups already take in it."""
    month = tenure_month(person.started, calendar.day(week, 0))
    shape = _shape(person, week, calendar, month)
    hours = shape.hours if shape else _hours(person, week, calendar, month)
    grid = _TESTING if person.kind.unit == 120 else [*_USUAL, *_EXTRA]
    offered = sorted(grid[:hours])
    open_slots = _open_slots(person, week, offered, days)
    if shape:
        sessions = [shape.minutes] * min(shape.sessions, len(open_slots))
        return WeekPlan(
            offered,
            open_slots,
            sessions,
            shape.no_shows,
            shaped=True,
            month=month,
            late_cancels=shape.late_cancels,
        )
    ratio = 0.75 if person.kind.on_call else person.rng.uniform(*_RATIO)
    target = round(ratio * len(open_slots) * person.kind.unit) - reserved
    sessions = _durations(person, target, len(open_slots))
    # At most one in twelve of any four weeks, so nobody comes near the ratio unplanned.
    no_shows = 1 if len(sessions) >= 18 else week % 2 if len(sessions) >= 12 else int(week % 4 == 1)
    return WeekPlan(offered, open_slots, sessions, no_shows if sessions else 0, shaped=False, month=month)


def tenure_month(started: date, monday: date) -> int:
    """Completed calendar months from the start to the week's Monday, plus 1; a start inside the week is month 1."""
    months = (monday.year - started.year) * 12 + monday.month - started.month
    return max(0, months - (monday.day < started.day)) + 1


def _shape(person: Person, week: int, calendar: Calendar, month: int) -> Shape | None:
    planted = person.plant.shapes.get(calendar.weeks - 1 - week, person.plant.usual)
    if planted is None and month == 1:
        return Shape(_RAMP_HOURS[1], person.rng.randint(8, 12), 53, no_shows=int(week % 4 == 1))
    return planted


def _hours(person: Person, week: int, calendar: Calendar, month: int) -> int:
    kind = person.kind
    if kind.fte_before is not None and week < calendar.weeks // 2:
        return round(27 * kind.fte_before) - 1
    if kind.start_back is not None and month in _RAMP_HOURS:
        return min(kind.hours, _RAMP_HOURS[month])
    return kind.hours


def _open_slots(person: Person, week: int, offered: list[tuple[int, int]], days: DaysOff) -> list[tuple[int, int]]:
    left: list[tuple[int, int]] = []
    for weekday in range(7):
        hours = [hour for day, hour in offered if day == weekday]
        off = days.get((week, weekday))
        if off and not off.afternoon:
            continue
        if off and off.told == "ledger":
            hours = hours[: max(0, len(hours) - 4)]
        elif off:
            hours = [hour for hour in hours if hour < 13]
        if person.kind.unit == 120:
            left += [(weekday, hour * 60) for hour in hours if hour in {9, 13}]
        else:
            left += [(weekday, hour * 60 + start) for hour in hours for start in range(0, 60, person.kind.unit)]
    return left


def _durations(person: Person, target: int, slots: int) -> list[int]:
    """Session lengths that add up to `target` minutes, none longer than a slot."""
    unit = person.kind.unit
    if target <= 0 or not slots:
        return []
    count = min(slots, max(1, round(target / _MEAN_MINUTES[unit]), -(-target // unit)))
    base, longer = divmod(min(target, count * unit), count)
    minutes = [base + 1] * longer + [base] * (count - longer)
    for first in range(0, count - 1, 2):
        shift = person.rng.randint(0, min(6, unit - max(minutes[first : first + 2])))
        minutes[first] += shift
        minutes[first + 1] -= shift
    return minutes
