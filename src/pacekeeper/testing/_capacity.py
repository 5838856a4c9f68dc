"""Clinicians who said that they are at capacity."""

from __future__ import annotations

from pacekeeper.testing._files import to_csv
from pacekeeper.testing._scene import Scene

HEADER = ("flag_id", "employee_id", "raised_at", "until")
_NOON = 12 * 60
_HOLDS_WEEKS = 3


def capacity_flags(scene: Scene) -> str:
    """A flag raised on the Wednesday of the planted week, for three weeks."""
    rows = []
    for person in scene.clinicians:
        for back in person.plant.weeks_of("at_capacity"):
            week = scene.calendar.back(back)
            if week is not None and person.worked(week):
                raised = person.clock.text(person.clock.at(scene.calendar.day(week, 2), _NOON))
                until = scene.calendar.day(week + _HOLDS_WEEKS, 4).isoformat()
                rows.append((f"C{person.index:04d}-{back:02d}", person.employee_id, raised, until))
    return to_csv(HEADER, rows)
