"""What the records of the other systems are made from: who works here, when, and what happened."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from pacekeeper.testing import _resources as fhir
from pacekeeper.testing._answers import PlantedBreach
from pacekeeper.testing._calendar import Calendar
from pacekeeper.testing._diary import Diary, Held
from pacekeeper.testing._leave import DaysOff
from pacekeeper.testing._roster import Person


@dataclass
class Scene:
    """The practice as built so far. answers: what the records added to it lead to."""

    people: Sequence[Person]
    calendar: Calendar
    out: fhir.Resources
    diary: Diary
    days_off: Mapping[int, DaysOff]
    seed: int
    answers: list[PlantedBreach] = field(default_factory=list)

    def rng(self, subject: str) -> random.Random:
        """Chance of one subject, so that what is drawn for others does not move it."""
        return random.Random(f"{self.seed}/{subject}")  # noqa: S311 - synthetic content, not a secret

    @cached_property
    def days(self) -> dict[int, dict[date, list[Held]]]:
        """Sessions by clinician and local day, in order of time."""
        found: dict[int, dict[date, list[Held]]] = defaultdict(lambda: defaultdict(list))
        for held in sorted(self.diary.held, key=lambda one: (one.person, one.start)):
            found[held.person][self.people[held.person].clock.wall(held.start)[0]].append(held)
        return found

    @property
    def clinicians(self) -> list[Person]:
        """Those who see clients, in order."""
        return [person for person in self.people if person.accounts]

    def back(self, day: date) -> int:
        """Weeks from a day's week to the last one."""
        return (self.calendar.mondays[-1] - day).days // 7 + ((self.calendar.mondays[-1] - day).days % 7 > 0)

    def off(self, person: Person, day: date) -> bool:
        """Whether any of the day is leave, a holiday or a closure."""
        week, weekday = divmod((day - self.calendar.mondays[0]).days, 7)
        return (week, weekday) in self.days_off[person.index]

    def employed(self, person: Person, day: date) -> bool:
        return person.started <= day and (person.ended is None or day <= person.ended)
