"""Turns on the hot seat, who answers what comes in at noon: shared by team, in proportion to the part of full time."""

from __future__ import annotations

from collections import defaultdict
from math import ceil

from pacekeeper.testing._answers import PlantedBreach
from pacekeeper.testing._availability import Block, block
from pacekeeper.testing._calendar import quarter_of
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene
from pacekeeper.testing._teams import team_of

#: People of a team for each seat.
_PER_SEAT = 5
_FROM, _TO = 12.5, 13
_WEEKDAYS = 5
_LEAST_TURNS = 8


def hot_seats(scene: Scene) -> list[Block]:
    """Rows for schedule_blocks.csv. The fullest account of turns owed has the next one; one planted takes every day."""
    found: list[Block] = []
    held: dict[tuple[int, object], int] = defaultdict(int)
    teams: dict[str, list[Person]] = defaultdict(list)
    for person in scene.clinicians:
        teams[team_of(person)].append(person)
    for team in teams.values():
        owed: dict[int, float] = defaultdict(float)
        for week, monday in enumerate(scene.calendar.mondays):
            if week and quarter_of(monday) != quarter_of(scene.calendar.mondays[week - 1]):
                owed.clear()
            pool = [person for person in team if person.worked(week)]
            seats = max(1, ceil(len(pool) / _PER_SEAT))
            turns = {person.index: min(person.fte_on(monday), 1.0) for person in pool}
            for weekday in range(_WEEKDAYS):
                day = scene.calendar.day(week, weekday)
                there = [p for p in pool if scene.days[p.index].get(day) and not scene.off(p, day)]
                keen = [p for p in there if p.plant.weeks_of("hot_seat")]
                others = [p for p in there if p not in keen]
                taken = [*keen, *sorted(others, key=lambda p: (-owed[p.index], p.index))][:seats]
                for person in pool:
                    owed[person.index] += len(taken) * turns[person.index] / sum(turns.values())
                for person in taken:
                    owed[person.index] -= 1
                    held[person.index, quarter_of(monday)] += 1
                    found.append(block(person, day, _FROM, _TO, "hot_seat"))
    _answer(scene, held)
    return found


def _answer(scene: Scene, held: dict[tuple[int, object], int]) -> None:
    quarter = scene.calendar.last_quarter
    for person in scene.clinicians:
        if person.plant.weeks_of("hot_seat") and held[person.index, quarter] >= _LEAST_TURNS * _WEEKDAYS:
            team = [p for p in scene.clinicians if team_of(p) == team_of(person)]
            others = [held[p.index, quarter] for p in team if p is not person]
            why = f"{held[person.index, quarter]} turns in the quarter, where {max(others)} is the most of a colleague"
            scene.answers.append(
                PlantedBreach("hot_seat_fairness", "clinician", person.npi, quarter, "warn", why, None)
            )
