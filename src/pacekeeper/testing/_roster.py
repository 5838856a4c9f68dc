"""Who works in the synthetic practice: forty kinds of clinician, repeated for larger practices."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from pacekeeper.testing._calendar import Calendar, LocalClock
from pacekeeper.testing._plants import Habit, Plant
from pacekeeper.testing._work_plants import PLANTS

_FIRST = ("Ada", "Ben", "Cleo", "Dario", "Edda", "Finn", "Gita", "Hugo", "Ines", "Joel", "Kaya", "Lior", "Mira", "Noor")
_LAST = ("Ashgrove", "Birchall", "Coldwater", "Dunmore", "Elmhirst", "Fairlea", "Greenholt", "Hazelby", "Ivers")


@dataclass(frozen=True, kw_only=True)
class Archetype:
    """A kind of clinician.

    hours: offered to clients in a usual week; panel: open cases; unit: minutes of one slot.
    start_back, end_back: weeks before the last in which employment began or ended.
    takes_leave: also observes holidays; the others are on the holiday rota.
    """

    plant: str = ""
    west: bool = False
    fte: float | None = 1.0
    hours: int = 27
    panel: int = 36
    unit: Literal[30, 60, 120] = 60
    role: str = "therapist"
    license: str = "licensed"
    employment: str = "w2"
    availability: Literal["calendar", "template", "none"] = "calendar"
    group: Literal["", "leads", "assists"] = ""
    couples: int = 0
    start_back: int | None = None
    end_back: int | None = None
    takes_leave: bool = True
    on_call: bool = False
    accounts: int = 1
    fte_before: float | None = None


ARCHETYPES = (
    Archetype(plant="late_notes", group="leads"),
    Archetype(plant="evenings", group="assists", couples=1),
    Archetype(plant="direct_four", takes_leave=False),
    Archetype(plant="direct_three_of_four", west=True, takes_leave=False),
    Archetype(plant="direct_single", takes_leave=False),
    Archetype(plant="direct_half_time", fte=0.5, hours=13, panel=18, takes_leave=False),
    Archetype(plant="utilization_high", takes_leave=False),
    Archetype(plant="utilization_high", west=True, takes_leave=False),
    Archetype(plant="utilization_low", takes_leave=False),
    Archetype(plant="utilization_low_around_leave", west=True, takes_leave=False),
    Archetype(plant="caseload_over", panel=68, takes_leave=False),
    Archetype(plant="no_show_high", west=True, takes_leave=False),
    Archetype(plant="caseload_warn", west=True, panel=55, takes_leave=False),
    Archetype(plant="utilization_warn", takes_leave=False),
    Archetype(plant="direct_warn", takes_leave=False),
    Archetype(plant="direct_single", accounts=2, takes_leave=False),
    Archetype(start_back=19, panel=34, license="associate", takes_leave=False),
    Archetype(start_back=13, panel=34, license="associate", west=True, takes_leave=False),
    Archetype(start_back=8, panel=26, fte=0.8, hours=21, takes_leave=False),
    Archetype(availability="template", employment="1099", fte=None, panel=32, takes_leave=False),
    Archetype(availability="template", employment="1099", fte=None, panel=32, west=True, takes_leave=False),
    Archetype(
        plant="no_availability",
        availability="none",
        employment="1099",
        fte=None,
        panel=30,
        takes_leave=False,
    ),
    Archetype(plant="tiny", role="peer", license="none", fte=0.5, hours=6, panel=8, unit=60, takes_leave=False),
    Archetype(plant="parental", west=True, takes_leave=False),
    Archetype(end_back=8),
    Archetype(plant="dirty", takes_leave=False),
    Archetype(role="hr_only"),
    Archetype(plant="no_leave", fte=0.6, hours=15, panel=22, takes_leave=False),
    Archetype(plant="overbooked", fte=0.8, hours=21, panel=30, west=True, takes_leave=False),
    Archetype(
        plant="clients_many",
        role="prescriber",
        employment="1099",
        fte=None,
        hours=14,
        panel=46,
        unit=30,
        west=True,
        takes_leave=False,
    ),
    Archetype(
        plant="closing",
        role="intern",
        license="trainee",
        employment="student",
        fte=0.5,
        hours=13,
        panel=18,
    ),
    Archetype(plant="no_admin", role="tester", fte=0.8, hours=20, panel=20, unit=120, west=True),
    Archetype(plant="extra_work", role="supervisor", hours=14, panel=20),
    Archetype(plant="no_morning_admin", fte=1.0, fte_before=0.6, panel=24),
    Archetype(plant="night", west=True, couples=1, takes_leave=False),
    Archetype(plant="busy_inbox", group="leads"),
    Archetype(plant="heavy_ehr", group="assists"),
    Archetype(plant="no_supervision", group="leads", west=True),
    Archetype(plant="few_forms", group="assists", west=True),
    Archetype(plant="undebriefed", on_call=True),
)


@dataclass
class Person:
    """One clinician. accounts: Practitioner ids in the EHR, none for a person only HR knows.

    first_week, last_week: indexes of the weeks worked, inclusive; employments: (id, start, end, FTE).
    """

    index: int
    kind: Archetype
    npi: str
    employee_id: str
    first_name: str
    last_name: str
    accounts: tuple[str, ...]
    clock: LocalClock
    location: str
    first_week: int
    last_week: int
    started: date
    ended: date | None
    employments: list[tuple[str, date, date | None, float | None]]
    rng: random.Random
    plant: Plant
    partner: Person | None = field(default=None, repr=False)

    @property
    def email(self) -> str:
        return f"{self.first_name}.{self.last_name}.{self.index}@riverbend.example".lower()

    @property
    def works_by_calendar(self) -> bool:
        return self.kind.availability == "calendar"

    def has(self, habit: Habit, back: int) -> bool:
        """Whether they have the habit in the week so many before the last."""
        return back in self.plant.weeks_of(habit)

    def fte_on(self, day: date) -> float:
        """Part of full time on a day; 1 where nobody says."""
        found = (fte for _, start, end, fte in self.employments if start <= day and (end is None or day <= end))
        return next(found, self.kind.fte) or 1.0

    def worked(self, week: int) -> bool:
        return bool(self.accounts) and self.first_week <= week <= self.last_week


def make_roster(*, clinicians: int, seed: int, calendar: Calendar, first_kind: int = 0) -> list[Person]:
    """The clinicians, in order; the n-th is the same whatever the size of the practice."""
    kinds = [ARCHETYPES[(first_kind + index) % len(ARCHETYPES)] for index in range(clinicians)]
    people = [_person(index, kind, seed, calendar) for index, kind in enumerate(kinds)]
    for leader, assistant in pairwise(people):
        if leader.kind.group == "leads" and assistant.kind.group == "assists":
            leader.partner = assistant
    return people


def _person(index: int, kind: Archetype, seed: int, calendar: Calendar) -> Person:
    rng = random.Random(f"{seed}/{index}")  # noqa: S311 - synthetic content, not a secret
    first = 0
    # A year and a half of tenure before the window, or more: past the ramp, and there a year ago.
    started = calendar.mondays[0] - timedelta(days=7 * rng.randrange(78, 300))
    if kind.start_back is not None and (hired := calendar.back(kind.start_back)):
        first, started = hired, calendar.mondays[hired]
    last, ended = calendar.weeks - 1, None
    if kind.end_back is not None and (left := calendar.back(kind.end_back)) is not None:
        last, ended = left, calendar.day(left, 4)
    employee = f"E{index:04d}"
    employments: list[tuple[str, date, date | None, float | None]] = [(employee, started, ended, kind.fte)]
    if kind.fte_before is not None:
        change = calendar.mondays[calendar.weeks // 2]
        employments = [
            (f"{employee}A", started, change - timedelta(days=1), kind.fte_before),
            (employee, change, ended, kind.fte),
        ]
    plant = PLANTS[kind.plant]
    accounts = () if kind.role == "hr_only" else tuple(f"pr-{index:04d}{'ab'[n]}" for n in range(kind.accounts))
    return Person(
        index=index,
        kind=kind,
        npi=npi(100_000_000 + (index * 7919 + seed * 31) % 90_000_000),
        employee_id=employee,
        first_name=_FIRST[rng.randrange(len(_FIRST))],
        last_name=_LAST[rng.randrange(len(_LAST))],
        accounts=accounts,
        clock=calendar.west if kind.west else calendar.east,
        location="loc-west" if kind.west else "loc-east",
        first_week=first,
        last_week=last,
        started=started,
        ended=ended,
        employments=employments,
        rng=rng,
        plant=plant if plant.reach < calendar.weeks else PLANTS[""],
    )


def npi(nine_digits: int) -> str:
    """A well-formed National Provider Identifier: nine digits and the Luhn check digit over 80840 + them."""
    text = f"80840{nine_digits:09d}"
    total = 0
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{nine_digits:09d}{-total % 10}"
