"""The answer key: verdicts that follow from the way the practice was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._hours import tenure_month
from pacekeeper.testing._leave import DaysOff, whole_weeks_off
from pacekeeper.testing._plants import Expect, State
from pacekeeper.testing._roster import Person

#: Weeks at the start of the window in which a caseload or a four-week sum is not yet what it will be.
_SETTLING_WEEKS = 5
PRACTICE = "practice"


@dataclass(frozen=True)
class PlantedBreach:
    """A verdict that must come out.

    kind, subject: a clinician by NPI, a client by Patient id, an alert by its id in the practice's file, a contract or
    a service line by its code, a team by its name, or the practice itself, both `practice`.
    period: first local day of the practice week, month or quarter; of an alert, the day it was raised; of a survey, the
    day its wave opens.
    margin: distance of the value to the nearest threshold, in the guardrail's unit (h, ratio, clients); null where
    the state does not depend on a threshold.
    """

    guardrail: str
    kind: str
    subject: str
    period: date
    state: State
    why: str
    margin: float | None


def of_clinician(person: Person, period: date, expect: Expect) -> PlantedBreach:
    """An expectation of one clinician."""
    return PlantedBreach(expect.guardrail, "clinician", person.npi, period, expect.state, expect.why, expect.margin)


def of_practice(guardrail: str, period: date, why: str, margin: float) -> PlantedBreach:
    """A breach of the practice as a whole."""
    return PlantedBreach(guardrail, PRACTICE, PRACTICE, period, "breach", why, margin)


def clinician_weeks(
    people: Sequence[Person], calendar: Calendar, days_off: Mapping[int, DaysOff]
) -> list[PlantedBreach]:
    """What the plants of each clinician lead to, week by week."""
    found: dict[tuple[str, str, date], PlantedBreach] = {}

    def add(person: Person, week: int | None, expect: Expect) -> None:
        if week is None or not person.worked(week) or calendar.weeks < expect.least_weeks:
            return
        monday = calendar.mondays[week]
        found[expect.guardrail, person.npi, monday] = of_clinician(person, monday, expect)

    ramp = Expect("utilization", "exempt", "at most 12 sessions in 20 h, first month of employment", 0.1)
    leave = Expect("utilization", "exempt", "the whole week on leave")
    for person in people:
        for week in range(_SETTLING_WEEKS, calendar.weeks):
            for expect in person.plant.always:
                add(person, week, expect)
        for week in range(calendar.weeks):
            if person.kind.start_back is not None and tenure_month(person.started, calendar.day(week, 0)) == 1:
                add(person, week, ramp)
        for week in whole_weeks_off(days_off[person.index]):
            add(person, week, leave)
        for back, expects in person.plant.expects.items():
            for expect in expects:
                add(person, calendar.back(back), expect)
    return list(found.values())


def in_order(found: Iterable[PlantedBreach]) -> list[PlantedBreach]:
    return sorted(found, key=lambda one: (one.period, one.kind, one.subject, one.guardrail))
