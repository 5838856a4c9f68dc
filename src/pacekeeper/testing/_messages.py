"""Messages between clients and clinicians, as Communications: answered at noon, and outreach after a missed seat."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import count

from pacekeeper.testing._answers import PlantedBreach
from pacekeeper.testing._diary import Seat
from pacekeeper.testing._resources import Resource, concept
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene

_CATEGORY = "http://terminology.hl7.org/CodeSystem/communication-category"
_KINDS = ("scheduling", "clinical", "scheduling", "billing", "refill")
#: Minutes of the day at which a client writes, and the answers: at noon, or at five times of a busy day.
_WRITTEN, _NOON = 8 * 60 + 40, 12 * 60 + 12
_BUSY = (9 * 60 + 2, 11 * 60 + 2, _NOON, 14 * 60 + 2, 16 * 60 + 30)
_OUTREACH = 16 * 60 + 20
_WEEKDAYS = 5
#: Business days from a second missed appointment to the next contact that make a planted run.
_UNTOUCHED_DAYS = 4


def add_messages(scene: Scene) -> None:
    """Every other day one client of the day writes and is answered; who misses a seat is written to that day."""
    numbers = count(1)
    silent = _silent_client(scene)
    for index, days in scene.days.items():
        person = scene.people[index]
        for day, sessions in days.items():
            if day.weekday() >= _WEEKDAYS or ((day.toordinal() + index) % 2 and not _is_busy(scene, person, day)):
                continue
            client, account = sessions[0].clients[0], sessions[0].account
            for minute in _BUSY if _is_busy(scene, person, day) else (_NOON,):
                asked = f"me-{next(numbers):06d}"
                _add(scene, asked, person, account, client, person.clock.at(day, min(_WRITTEN, minute - 9)), answers="")
                answer = f"me-{next(numbers):06d}"
                _add(scene, answer, person, account, client, person.clock.at(day, minute), answers=asked)
    for seat in scene.diary.seats:
        if seat.outcome != "no_show" or seat.client == silent:
            continue
        person = scene.people[seat.person]
        day, minute = person.clock.wall(seat.start)
        at = person.clock.at(day, max(_OUTREACH, minute + 30))
        if at < scene.calendar.as_of:
            _add(scene, f"me-{next(numbers):06d}", person, seat.account, seat.client, at, answers=None)


def _is_busy(scene: Scene, person: Person, day: date) -> bool:
    return person.has("busy_inbox", scene.back(day))


def _add(
    scene: Scene, identity: str, person: Person, account: str, client: str, at: int, *, answers: str | None
) -> None:
    """A message; answers: empty = a client's own, an id = the answer to it, null = the practice wrote first."""
    who, whom = {"reference": f"Practitioner/{account}"}, {"reference": f"Patient/{client}"}
    text = person.clock.text(at)
    kind = _KINDS[at % len(_KINDS)]
    made: Resource = {
        "resourceType": "Communication",
        "id": identity,
        "meta": {"versionId": "1", "lastUpdated": text},
        "status": "completed",
        "category": [concept(_CATEGORY, kind)],
        "subject": whom,
        "sender": whom if answers == "" else who,
        "recipient": [who if answers == "" else whom],
        "sent": text,
        "received": text,
    }
    if answers:
        made["inResponseTo"] = [{"reference": f"Communication/{answers}"}]
    scene.out.add(made)


def _silent_client(scene: Scene) -> str:
    """A client who missed two appointments in a row and of whom nobody heard for days; empty where there is none."""
    contacts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    second: dict[str, list[Seat]] = defaultdict(list)
    runs: dict[str, int] = defaultdict(int)
    for held in scene.diary.held:
        for client in held.clients:
            contacts[client].append((held.start, held.session))
    for seat in sorted(scene.diary.seats, key=lambda one: (one.start, one.appointment)):
        if seat.outcome == "no_show":
            runs[seat.client] += 1
            if runs[seat.client] == 2:
                second[seat.client].append(seat)
        elif seat.outcome == "kept":
            runs[seat.client] = 0
    for client, seats in sorted(second.items()):
        for seat in seats:
            person = scene.people[seat.person]
            day = person.clock.wall(seat.start)[0]
            later = min((at for at, _ in contacts[client] if at > seat.start), default=scene.calendar.as_of)
            waited = _business_days(day, person.clock.wall(later)[0])
            if waited >= _UNTOUCHED_DAYS and len(seats) == 1 and not person.kind.west:
                why = f"two appointments missed in a row, and no word for {waited} business days"
                monday = day - timedelta(days=day.weekday())
                scene.answers.append(
                    PlantedBreach("no_show_run", "client", client, monday, "breach", why, float(waited - 2))
                )
                return client
    return ""


def _business_days(first: date, last: date) -> int:
    return sum((first + timedelta(days=n)).weekday() < _WEEKDAYS for n in range(1, (last - first).days + 1))
