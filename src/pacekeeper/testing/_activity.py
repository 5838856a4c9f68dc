"""The EHR's activity log as it exports it: what clinicians did, four minutes apart, mostly at the desk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from pacekeeper.testing._calendar import EAST_ZONE
from pacekeeper.testing._diary import Held
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

HEADER = ("User ID", "Date/Time", "Activity Type", "Patient ID")
#: Entries this close together are one stretch of work.
_APART = 4
_MORNING, _NOON, _DESK, _EVENING, _NIGHT = 8 * 60 + 32, 12 * 60 + 2, 16 * 60 + 4, 19 * 60, 18 * 60 + 32
_AFTERNOON, _FRIDAY_DESK = 13 * 60, 13 * 60 + 4
_MORNING_MOST, _NOON_MOST = 6, 14
_FIRST, _PER_SESSION = 3, 3
_EVENING_ENTRIES, _NIGHT_ENTRIES, _HEAVY_ENTRIES, _FRIDAY_ENTRIES = 13, 61, 75, 44
_THURSDAY, _FRIDAY, _TUESDAY = 3, 4, 1
_DESK_WORK = ("Edited Note", "Signed Note", "Viewed Patient", "Viewed Message", "Sent Message", "Viewed Note")


def activity_files(scene: Scene) -> dict[str, str]:
    """One file a month, in the time of the practice's first zone."""
    months: dict[str, list[tuple[int, tuple[str, str, str]]]] = {}
    for index, days in scene.days.items():
        person = scene.people[index]
        for day, sessions in days.items():
            for at, activity, client in _entries(scene, person, day, sessions):
                if at < scene.calendar.as_of:
                    row = (sessions[0].account, activity, client)
                    months.setdefault(f"{day:%Y-%m}", []).append((at, row))
    for held in scene.diary.doubtful:
        clock = scene.people[held.person].clock
        month = months.setdefault(f"{clock.wall(held.start)[0]:%Y-%m}", [])
        month.append((held.start + 1, (held.account, "Viewed Patient", held.clients[0])))
    zone = ZoneInfo(EAST_ZONE)
    return {
        f"activity_{month}.csv": to_csv(
            HEADER, ((account, _text(at, zone), what, client) for at, (account, what, client) in sorted(rows))
        )
        for month, rows in sorted(months.items())
    }


def _entries(scene: Scene, person: Person, day: date, sessions: list[Held]) -> Iterator[tuple[int, str, str]]:
    """Epoch minute, activity and client of each entry of a day with sessions."""
    clients = [held.clients[0] for held in sessions]
    place = 0
    for first, entries in _stretches(scene, person, day, sessions):
        for number in range(entries):
            activity = "Logged In" if place == 0 else _DESK_WORK[place % len(_DESK_WORK)]
            yield first + _APART * number, activity, "" if place == 0 else clients[place % len(clients)]
            place += 1


def _stretches(scene: Scene, person: Person, day: date, sessions: list[Held]) -> Iterator[tuple[int, int]]:
    """First epoch minute and number of entries of each stretch of work."""
    at, back = person.clock.at, scene.back(day)
    if day.weekday() > _FRIDAY:
        for held in sessions:
            yield held.start + 1, _FIRST
        return
    is_friday = day.weekday() == _FRIDAY
    is_short = scene.off(person, day) or person.has("no_admin", back) or person.has("no_morning_admin", back)
    if person.has("heavy_ehr", back):
        yield at(day, _MORNING), _MORNING_MOST + 1
        yield at(day, _NOON), _NOON_MOST + 1
        yield at(day, _AFTERNOON), _FRIDAY_ENTRIES if is_friday else _HEAVY_ENTRIES
        return
    entries = _FIRST + _PER_SESSION * min(len(sessions), 7)
    if is_short:
        yield at(day, _NOON), min(entries, _NOON_MOST)
        return
    yield at(day, _MORNING), min(entries, _MORNING_MOST)
    if entries > _MORNING_MOST:
        yield at(day, _FRIDAY_DESK if is_friday else _DESK), entries - _MORNING_MOST
    if day.weekday() <= _THURSDAY and person.has("evenings", back):
        yield at(day, _EVENING), _EVENING_ENTRIES
    if day.weekday() == _TUESDAY and person.has("night", back):
        yield at(day, _NIGHT), _NIGHT_ENTRIES


def _text(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at * 60, UTC).astimezone(zone).strftime("%m/%d/%Y %I:%M:%S %p")
