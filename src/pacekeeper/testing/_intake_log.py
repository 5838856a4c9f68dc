"""The intake desk's log: who asked for help, and what the practice asked of others."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from pacekeeper.testing._answers import of_practice
from pacekeeper.testing._calendar import month_before
from pacekeeper.testing._files import to_csv
from pacekeeper.testing._roster import Person
from pacekeeper.testing._scene import Scene
from pacekeeper.testing._teams import SPECIALTIES

HEADER = (
    "request_id", "direction", "channel", "client_id", "asked_at", "responded_at", "screened_at", "accepted_at",
    "outcome", "screen_result", "closed_at", "service", "specialty",
)  # fmt: skip
_TEN, _NINE = 10 * 60, 9 * 60
#: Calendar days from asking to the week of the first session: usually, and in the planted month.
_SOON, _LONG = 4, 25
#: Inquiries a week for each clinician that come to nothing.
_OTHERS = 1
_CHANNELS = ("website", "phone", "provider", "self", "payer")
_LEAST = 12
#: New clients of the last month who asked at the desk; the others found their clinician by themselves.
_MOST_IN_DROUGHT = 10
#: Hours of a full calendar, of which at least one is not booked in an ordinary week.
_FULL_HOURS = 27


def intake_log(scene: Scene) -> str:
    """One row per request.

    New clients asked a few days before their case was opened. In the month before the last they waited three weeks
    longer, and nobody who asked then was seen soon; in the last month hardly anybody asks. Requests to others are
    answered on the next business day, in the third month from the end after a week.
    """
    last = scene.calendar.last_month
    slow, unanswered = month_before(last), month_before(month_before(last))
    rows: list[tuple[object, ...]] = []
    asked_in: Counter[date] = Counter()
    for number, opened in enumerate(scene.diary.opened):
        person = scene.people[opened.person]
        asked, long_before = opened.day - timedelta(days=_SOON), opened.day - timedelta(days=_LONG)
        if long_before.replace(day=1) == slow:
            asked = long_before
        elif asked.replace(day=1) == slow:
            continue
        if asked.replace(day=1) == last and asked_in[last] == _MOST_IN_DROUGHT:
            continue
        rows.append(_became_client(person, f"I{number:05d}", opened.client, asked))
        asked_in[asked.replace(day=1)] += 1
    for week in range(scene.calendar.weeks):
        for person in scene.clinicians:
            for turn in range(_OTHERS):
                day = scene.calendar.day(week, (person.index + turn) % 5)
                if person.worked(week) and day.replace(day=1) < last:
                    rows.append(_came_to_nothing(person, f"N{week:03d}-{person.index:04d}-{turn}", day))
    for week in range(scene.calendar.weeks - 2):
        day = scene.calendar.day(week, 1)
        is_late = day.replace(day=1) == unanswered
        rows.append(_sent_out(scene, f"O{week:03d}", day, day + timedelta(days=7 if is_late else 1)))
    _answer(scene, asked_in, slow, unanswered)
    return to_csv(HEADER, rows)


def _answer(scene: Scene, asked_in: Counter[date], slow: date, unanswered: date) -> None:
    months = scene.calendar.months()
    if slow in months and asked_in[slow] >= _LEAST:
        why = f"new clients asked {_LONG} days before the week of their first session, 17 business days or more"
        scene.answers.append(of_practice("time_to_first_appointment", slow, why, 7.0))
    if unanswered in months:
        why = "requests to others were answered after a week, five business days"
        scene.answers.append(of_practice("referral_out_response", unanswered, why, 4.0))
    last = scene.calendar.last_month
    working = [person for person in scene.clinicians if person.works_by_calendar and person.kind.hours >= _FULL_HOURS]
    if last in months and 0 < asked_in[last] < len(working):
        why = f"{asked_in[last]} inquiries in the month, while {len(working)} calendars each leave an hour open a week"
        scene.answers.append(of_practice("referral_drought", last, why, 1.0 - asked_in[last] / len(working)))


def _became_client(person: Person, identity: str, client: str, asked: date) -> tuple[object, ...]:
    at = person.clock.at
    text = person.clock.text
    first = [
        text(at(asked, _TEN)),
        text(at(asked, _TEN + 90)),
        text(at(asked, _TEN + 120)),
        text(at(asked, _TEN + 150)),
    ]
    wish = SPECIALTIES[person.index % len(SPECIALTIES)]
    return (identity, "in", _channel(identity), client, *first, "accepted", "fit", "", "outpatient", wish)


def _came_to_nothing(person: Person, identity: str, asked: date) -> tuple[object, ...]:
    at, text = person.clock.at, person.clock.text
    answered, closed = text(at(asked, _TEN + 60)), text(at(asked, _TEN + 240))
    what = ("refer_out", "declined", "unreachable")[(person.index + asked.toordinal()) % 3]
    told = [text(at(asked, _TEN)), answered, answered, ""]
    return (identity, "in", _channel(identity), "", *told, what, what, closed, "outpatient", "")


def _sent_out(scene: Scene, identity: str, asked: date, answered: date) -> tuple[object, ...]:
    clock = scene.calendar.east
    told = [clock.text(clock.at(asked, _TEN)), clock.text(clock.at(answered, _NINE)), "", ""]
    return (identity, "out", "provider", "", *told, "accepted", "", "", "psychiatry", "")


def _channel(identity: str) -> str:
    return _CHANNELS[sum(map(ord, identity)) % len(_CHANNELS)]
