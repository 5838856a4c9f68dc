"""Notes of sessions, as Compositions: most are signed on the day, some the next morning, none later unless planted.

Whoever has the habit changes each note of the week once it is signed.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from pacekeeper.testing._answers import of_clinician
from pacekeeper.testing._diary import Held
from pacekeeper.testing._plants import Expect
from pacekeeper.testing._resources import LOINC, Resource, concept
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

_PROGRESS, _INTAKE = concept(LOINC, "11506-3"), concept(LOINC, "34117-2")
_DESK_FROM, _MORNING_FROM = 16 * 60 + 5, 8 * 60 + 34
_TUESDAY, _THURSDAY = 1, 3
_NEXT_MORNING = 0.1
_LATE_DAYS = 8
#: Minutes after the signature at which a note is changed.
_CHANGED_AFTER = 25
_BASELINE_MONTHS, _MOST_AMENDED = 6, 3


def add_notes(scene: Scene) -> None:
    """One note per session and client there; a co-therapist writes none."""
    rng = scene.rng("notes")
    for index, days in scene.days.items():
        person, amended = scene.people[index], Counter[date]()
        for day, sessions in days.items():
            is_late = day.weekday() == _TUESDAY and person.has("late_notes", scene.back(day))
            # Nothing is left over a weekend, or over a day off.
            may_wait = day.weekday() <= _THURSDAY and not scene.off(person, day + timedelta(days=1))
            is_changed = person.has("amends_notes", scene.back(day))
            place = 0
            for held in sessions:
                if held.session[3:7] != f"{index:04d}":
                    continue
                place += 1
                waits = may_wait and rng.random() < _NEXT_MORNING
                signed = _signed(person, day, held, place, is_late=is_late, waits=waits)
                for number, client in enumerate(held.clients):
                    shared = len(held.clients) > 1 or held.kind == "group"
                    identity = f"{held.session}-{number}" if shared else held.session
                    note = _note(scene, person, held, identity, client, signed)
                    scene.out.add(note)
                    if is_changed and note["status"] == "final":
                        changed = min(signed + _CHANGED_AFTER, scene.calendar.as_of - 1)
                        note |= {"status": "amended", "meta": _meta("2", person.clock.text(changed))}
                        amended[day.replace(day=1)] += 1
        _answer(scene, person, amended)


def _answer(scene: Scene, person: Person, amended: Counter[date]) -> None:
    """Nobody's notes were changed before: the months of a baseline are those from the window's first on."""
    for month in scene.calendar.months()[_BASELINE_MONTHS:]:
        if amended[month] > _MOST_AMENDED and not any(earlier < month for earlier in amended):
            why = f"{amended[month]} notes changed after half a year without one: three sigma are three notes"
            expect = Expect("notes_amended_own_limit", "breach", why, float(amended[month] - _MOST_AMENDED))
            scene.answers.append(of_clinician(person, month, expect))


def _signed(person: Person, day: date, held: Held, place: int, *, is_late: bool, waits: bool) -> int:
    """When the note is signed: an epoch minute after the session's end."""
    if is_late:
        return person.clock.at(day + timedelta(days=_LATE_DAYS), _MORNING_FROM + place)
    if waits:
        return person.clock.at(day + timedelta(days=1), _MORNING_FROM + place)
    return max(held.start + held.minutes + 12, person.clock.at(day, _DESK_FROM + 6 * place))


def _note(scene: Scene, person: Person, held: Held, identity: str, client: str, signed: int) -> Resource:
    text, end = person.clock.text, held.start + held.minutes
    is_signed = signed < scene.calendar.as_of
    begun = min(end + 4, signed - 1)
    note: Resource = {
        "resourceType": "Composition",
        "id": f"no{identity[2:]}",
        "meta": _meta("1", text(min(signed, scene.calendar.as_of - 1))),
        "status": "final" if is_signed else "preliminary",
        "type": _INTAKE if held.kind == "intake" else _PROGRESS,
        "subject": {"reference": f"Patient/{client}"},
        "encounter": {"reference": f"Encounter/{identity}"},
        "date": text(min(begun, scene.calendar.as_of - 1)),
        "author": [{"reference": f"Practitioner/{held.account}"}],
        "event": [{"period": {"start": text(held.start), "end": text(end)}}],
    }
    if is_signed:
        party = {"reference": f"Practitioner/{held.account}"}
        note["attester"] = [{"mode": "legal", "time": text(signed), "party": party}]
    return note


def _meta(version: str, updated: str) -> dict[str, str]:
    return {"versionId": version, "lastUpdated": updated}
