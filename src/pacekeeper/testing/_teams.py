"""Who supervises whom, in which team, with which specialties; and who used to work here."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from pacekeeper.testing._answers import of_practice
from pacekeeper.testing._calendar import month_after
from pacekeeper.testing._files import EMPLOYEE_HEADER, to_csv
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

SUPERVISION_HEADER = ("employee_id", "supervisor_id", "team", "kind", "from", "to")
SPECIALTY_HEADER = ("employee_id", "specialty")
SPECIALTIES = ("anxiety", "depression", "trauma", "couples", "perinatal", "assessment")
#: Part of today's people who left when a third clinic closed, a year before the window's second month.
_LEFT = 0.5
_LEAST_LEFT = 5


def team_of(person: Person) -> str:
    """A clinic is a team."""
    return "west" if person.kind.west else "east"


def supervision(scene: Scene) -> str:
    """One row per clinician: the team's supervisor, for whom it is the other team's."""
    chiefs: dict[str, Person] = {}
    for person in scene.clinicians:
        team = team_of(person)
        if team not in chiefs or (person.kind.role == "supervisor" != chiefs[team].kind.role):
            chiefs[team] = person
    rows = []
    for person in scene.clinicians:
        chief = chiefs[team_of(person)]
        if chief is person:
            chief = next((c for t, c in chiefs.items() if t != team_of(person)), person)
        # Under every employee number that somebody has had.
        for employee, start, end, _ in person.employments:
            to = end.isoformat() if end else ""
            rows.append((employee, chief.employee_id, team_of(person), "clinical", start.isoformat(), to))
    return to_csv(SUPERVISION_HEADER, rows)


def specialties(scene: Scene) -> str:
    """Two of the practice's specialties for each clinician."""
    rows = [
        (person.employee_id, SPECIALTIES[(person.index + step) % len(SPECIALTIES)])
        for person in scene.clinicians
        for step in (0, 2)
    ]
    return to_csv(SPECIALTY_HEADER, rows)


def former_employees(scene: Scene) -> str:
    """Employments of a clinic that closed: they count among those who left in the window's first month alone."""
    months = scene.calendar.months()
    here = [person for person in scene.people if person.kind.role != "intern" and person.kind.employment != "student"]
    gone = max(_LEAST_LEFT, ceil(len(here) * _LEFT))
    if not months:
        return to_csv(EMPLOYEE_HEADER, ())
    left = month_after(months[0].replace(year=months[0].year - 1)).replace(day=15)
    rows = [
        (
            f"F{number:04d}", "", "", "Former", f"Colleague{number}", "", "", (left - timedelta(days=900)).isoformat(),
            left.isoformat(), "involuntary", 1.0, 40.0, "w2", "other", "none",
        )
        for number in range(gone)
    ]  # fmt: skip
    why = f"{gone} of {len(here)} and {gone} people left when a clinic closed eleven months before"
    share = gone / (len(here) + 2 * gone / 13)
    scene.answers.append(of_practice("turnover", months[0], why, share - 0.31))
    return to_csv(EMPLOYEE_HEADER, rows)
