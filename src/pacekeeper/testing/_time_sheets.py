"""Time sheets: an hour of paid supervision a week, a huddle after each crisis, training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from pacekeeper.testing._files import to_csv
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

HEADER = ("Entry ID", "Employee ID", "Date", "Task", "Duration", "Paid", "Approved")
_WEEKDAYS = 5
_TRAINING_HOURS = 9.0


def time_sheets(scene: Scene) -> str:
    """One row per entry, hours of a local day."""
    rows = []
    for person in scene.people:
        for number, (day, task, hours) in enumerate(sorted(_entries(scene, person))):
            rows.append((f"T{person.index:04d}-{number:04d}", person.employee_id, day, task, hours, "yes", "yes"))
    return to_csv(HEADER, rows)


def _entries(scene: Scene, person: Person) -> Iterator[tuple[date, str, float]]:
    calendar = scene.calendar
    for week in range(person.first_week, person.last_week + 1):
        back = calendar.weeks - 1 - week
        weekdays = [(person.index + n) % _WEEKDAYS for n in range(_WEEKDAYS)]
        days = [calendar.day(week, weekday) for weekday in weekdays]
        there = [day for day in days if not scene.off(person, day) and scene.employed(person, day)]
        if there and not person.has("no_supervision", back):
            yield there[0], "Supervision", 1.0
        if person.has("extra_work", back):
            for day in days:
                yield day, "Training", _TRAINING_HOURS
        elif week % 9 == person.index % 9 and there:
            yield there[-1], "Training", 1.5
    for day, sessions in scene.days.get(person.index, {}).items():
        is_crisis = any(held.kind == "crisis" for held in sessions)
        if is_crisis and not person.has("undebriefed", scene.back(day)):
            yield day + timedelta(days=1), "Huddle", 0.25
